"""Does this database belong to these keys? A copy of it must not act as the original.

The row that names the deployment holds its id encrypted, too (`deployment.key_check`): what does
not open was written with other keys. So a copy under keys of its own, or a deployment whose key
file was lost and made anew, says so before it serves anybody. ``MUSEKIT_ADOPT_DATABASE`` names the
id of a database that is taken over on purpose.
"""

from __future__ import annotations

from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from musekit.kernel.actors import Actor
from musekit.kernel.advice import Fault
from musekit.kernel.crypto.columns import EncryptedColumn, registered
from musekit.kernel.crypto.keyring import DecryptionError, KeyRing
from musekit.kernel.database.session import Database
from musekit.kernel.database.system_tables import Deployment

#: Ciphertexts of each column that are looked at when a process starts: it must not take long.
SAMPLE = 200
#: Ciphertexts under strange keys that are enough to say so.
FEW = 20
_SYSTEM = Actor.system("start")


def check(
    database: Database, ring: KeyRing, *, adopt: UUID | None = None, sample: int | None = SAMPLE
) -> list[Fault]:
    """Return why the keys are not those of the database; [] when all is well.

    A deployment that starts for the first time, or adopts the database, seals its name.

    Args:
        adopt: the id of the database that is taken over with other keys.
        sample: how many ciphertexts of each column are looked at; None: all.
    """
    with database.session(_SYSTEM, readonly=True) as session:
        row = session.get(Deployment, 1)
        if row is None:
            return []
        instance, sealed = row.instance_id, row.key_check
    adopted = adopt == instance
    opens = sealed is not None and _opens(ring, sealed, instance)
    if sealed is None or (adopted and not opens):
        with database.session(_SYSTEM) as session:
            session.get_one(Deployment, 1).key_check = ring.encrypt(
                str(instance), table="deployment", column="key_check", row=instance, space=instance
            )
    elif not opens:
        return [_foreign(instance)]
    missing = [] if adopted else sorted(_missing(database, ring, sample))
    return [_unknown(missing)] if missing else []


def _opens(ring: KeyRing, sealed: str, instance: UUID) -> bool:
    try:
        return ring.decrypt(
            sealed, table="deployment", column="key_check", row=instance, space=instance
        ) == str(instance)
    except DecryptionError:
        return False


def _foreign(instance: UUID) -> Fault:
    return Fault(
        "foreign-database",
        "The database was written with other encryption keys: it is a copy of another"
        " deployment's, or the keys of this one are lost.",
        "Put the keys back (SOCIAL_ENCRYPTION_KEY, or secrets/keys in the data directory). To run"
        f" a copy under keys of its own, set MUSEKIT_ADOPT_DATABASE={instance}: what the old keys"
        " encrypted stays unreadable, so accounts are connected again. Nothing was changed.",
    )


def _unknown(missing: list[str]) -> Fault:
    return Fault(
        "unknown-key",
        f"Something is encrypted with keys that are not in the key ring: {', '.join(missing)}.",
        "Put them back behind the newest key in SOCIAL_ENCRYPTION_KEY (or secrets/keys in the data"
        " directory), then run `musekit keys rotate`; drop old keys only when it says so. Nothing"
        " is lost.",
    )


def _missing(database: Database, ring: KeyRing, sample: int | None) -> set[str]:
    """Return the ids of keys that ciphertexts name and the ring lacks, each with its column."""
    present = set(sa.inspect(database.system).get_table_names())
    with database.session(_SYSTEM, readonly=True) as session:
        return {
            f"“{key}” ({each.table}.{each.column})"
            for each in registered()
            if each.table in present and each.table != "deployment"
            for key in _unknown_keys(session, ring, each, sample)
        }


def _unknown_keys(
    session: Session, ring: KeyRing, column: EncryptedColumn, sample: int | None
) -> set[str]:
    value = sa.column(column.column, sa.Text())
    looked_at = sa.select(value).select_from(sa.table(column.table, value))
    some = looked_at.where(value.is_not(None)).limit(sample).subquery()
    held = some.c[column.column]
    ours = (held.startswith(f"v1.{key}.", autoescape=True) for key in ring.ids)
    strange = session.scalars(sa.select(held).where(sa.not_(sa.or_(*ours))).limit(FEW))
    # v1.<key id>.<nonce>.<ciphertext>; what has another shape is not a matter of keys
    return {each.split(".")[1] for each in strange if each.startswith("v1.")}
