"""Keys of model services at rest."""

from __future__ import annotations

from uuid import UUID

from pydantic import SecretStr

from musekit.ai.models import AIConfiguration
from musekit.kernel.host import Host

_PLACE = {"table": "ai_configs", "column": "key_encrypted"}


def seal_key(host: Host, config_id: UUID, key: str) -> str:
    """Return a key as it is stored in a row; the row stands in for a space."""
    return host.keyring.encrypt(key, **_PLACE, row=config_id, space=config_id)


def open_key(host: Host, row: AIConfiguration) -> SecretStr:
    """Return the key of a row, empty where it has none. Raises DecryptionError."""
    if row.key_encrypted is None:
        return SecretStr("")
    return SecretStr(
        host.keyring.decrypt(row.key_encrypted, **_PLACE, row=row.id, space=row.id)
    )  # fmt: skip
