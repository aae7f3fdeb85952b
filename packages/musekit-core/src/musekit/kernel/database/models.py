"""The declarative base of the core's tables, and the marks of rows that not everybody may see."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import ColumnElement, MetaData, false
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


class Guarded:
    """Marks a mapped class of whose rows an actor other than the system sees only some.

    The guard of `musekit.kernel.database.tenancy` adds `visible_to` to every statement; a policy
    in the table's migration says the same to PostgreSQL.
    """

    #: False: users read their rows, and only the system writes.
    musekit_writable: ClassVar[bool] = True

    @classmethod
    def visible_to(
        cls, entity: Any, user: ColumnElement[UUID], space: ColumnElement[UUID]
    ) -> ColumnElement[bool]:
        """Return the condition under which a row is the actor's to see.

        Args:
            entity: the class or an alias of it, whose columns to use.
            user: the actor's user, NULL for none.
            space: the actor's space, NULL for none.
        """
        raise NotImplementedError

    @classmethod
    def may_add(cls, row: Any, user: UUID | None, space: UUID | None) -> bool:
        """Say whether a user's session may add `row`, for classes that it may not change.

        Rows of a `Tenant` are judged by their space instead.
        """
        return False


class Tenant(Guarded):
    """Marks a mapped class whose rows belong to a space.

    Sessions of a user or token see, add, change and delete only rows of their actor's space: by
    row level security on PostgreSQL and by the guard of `musekit.kernel.database.tenancy` on both.
    """

    space_id: Mapped[UUID] = mapped_column(index=False)

    @classmethod
    def visible_to(
        cls, entity: Any, user: ColumnElement[UUID], space: ColumnElement[UUID]
    ) -> ColumnElement[bool]:
        """Rows of the actor's space."""
        condition: ColumnElement[bool] = entity.space_id == space
        return condition


class Personal(Guarded):
    """Marks a mapped class whose rows belong to a user, in whatever space. Read only to them."""

    musekit_writable: ClassVar[bool] = False

    @classmethod
    def visible_to(
        cls, entity: Any, user: ColumnElement[UUID], space: ColumnElement[UUID]
    ) -> ColumnElement[bool]:
        """Rows of the actor's user."""
        condition: ColumnElement[bool] = entity.user_id == user
        return condition


class SystemOnly(Guarded):
    """Marks a mapped class of the system alone: a user's session sees no row and writes none.

    Its table is given to the system by `musekit.migrations.system_only`.
    """

    musekit_writable: ClassVar[bool] = False

    @classmethod
    def visible_to(
        cls, entity: Any, user: ColumnElement[UUID], space: ColumnElement[UUID]
    ) -> ColumnElement[bool]:
        """No row at all."""
        return false()


def plugin_base() -> type[DeclarativeBase]:
    """Return a fresh declarative base for a plugin, on a MetaData of its own.

    Its own, so that an unmigrated or removed plugin cannot break a query of the core. Foreign
    keys to core tables stand in the plugin's migrations, not in its models.
    """

    class PluginBase(DeclarativeBase):
        metadata = MetaData(naming_convention=NAMING)

    return PluginBase
