"""Relationships, and classes of a product on a MetaData of its own, stay within the space."""

from uuid import UUID

import pytest
from sqlalchemy import ForeignKey, Text, func, select, update
from sqlalchemy.orm import (
    Mapped,
    contains_eager,
    joinedload,
    mapped_column,
    relationship,
    selectinload,
    subqueryload,
)

from musekit.errors import TenancyError
from musekit.kernel.actors import Actor
from musekit.kernel.database.models import Tenant, plugin_base
from musekit.kernel.database.system_tables import Deployment

SYSTEM = Actor.system("test")
Base = plugin_base()


class Account(Base, Tenant):
    __tablename__ = "social_accounts"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    platform: Mapped[str] = mapped_column(Text)
    posts: Mapped[list["Post"]] = relationship(back_populates="account")


class Post(Base, Tenant):
    """Maps a few columns of a core table, as PassivePost does for its extension columns."""

    __tablename__ = "social_posts"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    content: Mapped[str] = mapped_column(Text)
    account_id: Mapped[UUID | None] = mapped_column(ForeignKey("social_accounts.id"))
    account: Mapped[Account | None] = relationship(back_populates="posts")


@pytest.fixture
def crossed(database, ada, bob):
    """A post of Bob's that points to Ada's account: what a bug might leave behind."""
    with database.session(SYSTEM) as session:
        connection = session.connection()
        if database.is_postgres:
            pytest.skip("the trigger refuses it, and only the owner may switch that off")
        connection.exec_driver_sql("DROP TRIGGER social_posts_account_update")
        session.execute(update(Post).where(Post.id == bob.post).values(account_id=ada.account))


def test_a_products_class_is_guarded(database, ada, bob) -> None:
    with database.session(ada.actor) as session:
        assert [row.id for row in session.scalars(select(Post))] == [ada.post]
        assert session.get(Post, bob.post) is None
        assert session.execute(update(Post).values(content="x")).rowcount == 1
    with pytest.raises(TenancyError), database.session(ada.actor) as session:
        session.execute(select(Post.__table__))


@pytest.mark.parametrize("load", [joinedload, selectinload, subqueryload])
def test_eager_loads(database, crossed, ada, bob, load) -> None:
    with database.session(ada.actor) as session:
        account = session.scalars(select(Account).options(load(Account.posts))).unique().one()
        assert [post.id for post in account.posts] == [ada.post]


def test_lazy_loads(database, crossed, ada, bob) -> None:
    with database.session(ada.actor) as session:
        assert [post.id for post in session.get(Account, ada.account).posts] == [ada.post]
    with database.session(bob.actor) as session:
        assert session.get(Post, bob.post).account is None
    with database.session(bob.actor) as session:
        rows = session.scalars(
            select(Post).outerjoin(Post.account).options(contains_eager(Post.account))
        ).all()
        assert [(row.id, row.account) for row in rows] == [(bob.post, None)]
        assert session.scalar(select(func.count()).select_from(Post).join(Post.account)) == 0


def test_lazy_load_from_a_row_added_here(database, crossed, ada) -> None:
    with database.session(ada.actor) as session:
        fresh = Account(id=UUID(int=5), platform="other")
        fresh.id = UUID(int=5)
        post = session.get(Post, ada.post)
        session.expire(post, ["account"])
        assert post.account.id == ada.account


def test_tables_of_the_deployment_are_no_tenants(database) -> None:
    with database.session(SYSTEM) as session:
        assert session.scalar(select(func.count()).select_from(Deployment)) == 1
