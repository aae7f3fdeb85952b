"""Which columns are encrypted: the list that rotation works through."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class EncryptedColumn:
    """A column that holds ciphertexts of the key ring, or NULL.

    Args:
        table: name of the table.
        column: name of the column.
        id_column: its UUID key, which is the `row` of the ciphertexts.
        space_column: the UUID that is their `space`.
    """

    table: str
    column: str
    id_column: str = "id"
    space_column: str = "space_id"


#: Columns of the core. A product adds its own by `register`, when its models are imported.
_REGISTERED: dict[tuple[str, str], EncryptedColumn] = {
    (each.table, each.column): each
    for each in (
        EncryptedColumn(table="social_accounts", column="access_token_encrypted"),
        EncryptedColumn(table="social_accounts", column="refresh_token_encrypted"),
        # Rows of no space: what stands in for it is their own key.
        EncryptedColumn(table="sign_in_flows", column="secret_encrypted", space_column="id"),
        EncryptedColumn(
            table="user_totp", column="secret_encrypted", id_column="user_id",
            space_column="user_id",
        ),
        EncryptedColumn(table="email_outbox", column="body_encrypted", space_column="id"),
        EncryptedColumn(table="ai_configs", column="key_encrypted", space_column="id"),
        # The name of the deployment, by which it knows its database (see `belonging`).
        EncryptedColumn(
            table="deployment", column="key_check", id_column="instance_id",
            space_column="instance_id",
        ),
        EncryptedColumn(table="webhook_endpoints", column="secrets_encrypted"),
    )
}  # fmt: skip


def register(columns: Iterable[EncryptedColumn]) -> None:
    """Declare further encrypted columns; declaring one again changes nothing."""
    for each in columns:
        _REGISTERED.setdefault((each.table, each.column), each)


def registered() -> tuple[EncryptedColumn, ...]:
    """Return all declared columns, in a fixed order."""
    return tuple(_REGISTERED[key] for key in sorted(_REGISTERED))
