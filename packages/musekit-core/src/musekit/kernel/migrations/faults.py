"""Turn what a database or a migration threw into a message that names the culprit."""

from __future__ import annotations

import re
from collections.abc import Mapping

from sqlalchemy.exc import DBAPIError

from musekit.kernel.migrations.errors import ClashError, MigrationError
from musekit.kernel.migrations.lineage import Lineage
from musekit.kernel.migrations.ownership import Record

#: SQLSTATEs: duplicate table or index, column, object (trigger, policy, type), function.
_DUPLICATE = {"42P07", "42701", "42710", "42723"}
#: SQLSTATE of a lock not had within `lock_timeout`.
_LOCK_TIMEOUT = "55P03"
_SQLITE_DUPLICATE = re.compile(r"(?:table|index|view|trigger) \S+ already exists|duplicate column")


def sqlstate(error: BaseException) -> str:
    """Return PostgreSQL's five-letter code of an error, empty if it has none."""
    origin = error.orig if isinstance(error, DBAPIError) else error
    return str(getattr(origin, "sqlstate", None) or "")


def is_lock_timeout(error: BaseException) -> bool:
    """True if a table could not be had in time: the whole revision may be tried again."""
    return sqlstate(error) == _LOCK_TIMEOUT


def translate(
    error: BaseException, lineage: Lineage, revision: str, known: Mapping[str, Record]
) -> MigrationError:
    """Return the error to raise for what a revision threw. The transaction is rolled back."""
    what = f"Migration {revision} of plugin “{lineage.name}” ({lineage.dist} {lineage.version})"
    reason = _reason(error)
    if clash := _clash(error):
        owner = next((r for r in known.values() if _owns(r, clash)), None)
        whose = (
            f"belongs to plugin “{owner.name}” ({owner.distribution} {owner.version})"
            if owner
            else "is there already, and no plugin is recorded as its owner"
        )
        return ClashError(
            f"{what} wants to make “{clash}”, which {whose}. It was rolled back; nothing of that "
            "revision stayed. Names of a plugin's tables begin with the plugin's name: ask its "
            "author to rename, or uninstall one of the two.",
            plugin=lineage.name,
            revision=revision,
        )
    advice = (
        " A table it needs was in use all the time: try again when there is less to do."
        if is_lock_timeout(error)
        else " Revisions before it stay; mend the cause, then run `musekit migrate` again."
    )
    return MigrationError(
        f"{what} failed and was rolled back: {reason}.{advice}",
        plugin=lineage.name,
        revision=revision,
    )


def _reason(error: BaseException) -> str:
    origin = error.orig if isinstance(error, DBAPIError) else error
    first = (str(origin).strip() or type(error).__name__).splitlines()[0]
    return f"{type(origin).__name__}: {first}".rstrip(".")


def _clash(error: BaseException) -> str:
    """Return the name of the object that exists already, empty if that is not what is wrong."""
    if not isinstance(error, DBAPIError):
        return ""
    message = str(error.orig)
    if sqlstate(error) in _DUPLICATE:
        quoted = re.findall(r"[\"«„“]([^\"»“”]+)[\"»“”]", message)  # quotes follow lc_messages
        return quoted[0] if quoted else message.splitlines()[0]
    if _SQLITE_DUPLICATE.search(message):
        words = message.replace("already exists", "").split()
        return words[-1].strip('"`[]')
    return ""


def _owns(record: Record, name: str) -> bool:
    return any(name in {each, each.partition(".")[2]} for _, each in record.everything())
