"""The declarative base of the core's tables, and the mark of a tenant's row."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

#: One naming scheme, so that migrations on both databases can name what they drop.
NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Base of the core's own tables. A plugin makes its own by `plugin_base`."""

    metadata = MetaData(naming_convention=NAMING)


class Tenant:
    """Marks a mapped class whose rows belong to a space.

    Sessions of a user or token see, add, change and delete only rows of their actor's space: by
    row level security on PostgreSQL and by the guard of `musekit.kernel.database.tenancy` on both.
    """

    space_id: Mapped[UUID] = mapped_column(index=False)


def plugin_base() -> type[DeclarativeBase]:
    """Return a fresh declarative base for a plugin, on a MetaData of its own.

    Its own, so that an unmigrated or removed plugin cannot break a query of the core. Foreign
    keys to core tables stand in the plugin's migrations, not in its models.
    """

    class PluginBase(DeclarativeBase):
        metadata = MetaData(naming_convention=NAMING)

    return PluginBase
