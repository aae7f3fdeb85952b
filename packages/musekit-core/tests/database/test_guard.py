"""The guard of user sessions: the same suite on both databases."""

import pytest
from sqlalchemy import (
    bindparam,
    column,
    delete,
    exists,
    func,
    insert,
    literal_column,
    or_,
    select,
    table,
    text,
    union_all,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import aliased, load_only, make_transient_to_detached

from musekit.auth.models import ApiToken, User, UserSession
from musekit.errors import TenancyError
from musekit.kernel.actors import Actor
from musekit.kernel.database.types import db_after, db_now
from musekit.kernel.ids import new_id
from musekit.social.models import Profile, SocialAccount, SocialPost
from musekit.spaces.models import Space, SpaceMember

SYSTEM = Actor.system("test")
MODELS = (SocialPost, SocialAccount, Profile, User, UserSession, ApiToken, Space, SpaceMember)
Posts = SocialPost.__table__
Other = aliased(SocialPost)

#: Every way of asking for posts that came to mind; each must count only the actor's one.
READS = {
    "entity": lambda: select(SocialPost),
    "columns": lambda: select(SocialPost.id, SocialPost.content),
    "alias": lambda: select(Other),
    "alias columns": lambda: select(Other.id),
    "or true": lambda: select(SocialPost).where(or_(SocialPost.id.is_not(None), True)),
    "join": lambda: select(SocialPost).join(
        SocialAccount, SocialPost.account_id == SocialAccount.id
    ),
    "outer join": lambda: select(SocialPost.id, Other.id).outerjoin(
        Other, Other.id == SocialPost.id
    ),
    "subquery": lambda: select(select(SocialPost.id).subquery()),
    "aliased subquery": lambda: select(aliased(SocialPost, select(SocialPost).subquery())),
    "cte": lambda: select(select(SocialPost.id).cte()),
    "union": lambda: union_all(
        select(SocialPost.id), select(SocialPost.id).where(SocialPost.content == "")
    ),
    "union of entities": lambda: select(SocialPost).union(
        select(SocialPost).where(SocialPost.content != "")
    ),
    "union subquery": lambda: select(
        union_all(
            select(SocialPost.id), select(SocialPost.id).where(SocialPost.content == "")
        ).subquery()
    ),
    "from statement of orm": lambda: select(SocialPost).from_statement(
        select(SocialPost).union(select(SocialPost))
    ),
    "exists": lambda: select(SocialPost.id).where(exists().where(Other.id == SocialPost.id)),
    "in": lambda: select(SocialPost.id).where(SocialPost.id.in_(select(Other.id))),
    "distinct order": lambda: select(SocialPost.content).distinct().order_by(SocialPost.content),
    "group": lambda: select(SocialPost.space_id, func.count()).group_by(SocialPost.space_id),
    "self join": lambda: select(SocialPost.id, Other.id).where(SocialPost.id == Other.id),
    "for update": lambda: select(SocialPost).with_for_update(),
}  # fmt: skip
#: Counts: their one number must be 1.
COUNTS = {
    "count column": lambda: select(func.count(SocialPost.id)),
    "count from": lambda: select(func.count()).select_from(SocialPost),
    "count subquery": lambda: select(func.count()).select_from(select(SocialPost).subquery()),
    "scalar subquery": lambda: select(select(func.count(SocialPost.id)).scalar_subquery()),
    "scalar subquery from": lambda: select(
        select(func.count()).select_from(SocialPost).scalar_subquery()
    ),
    "beside another class": lambda: select(
        select(func.count(SocialPost.id)).scalar_subquery()
    ).select_from(SocialAccount),
}
#: What the guard cannot judge, or must not allow.
REFUSED = {
    "core select": lambda b: select(Posts),
    "core in orm": lambda b: select(SocialAccount.id, Posts.c.content),
    "core subquery in orm": lambda b: select(SocialAccount.id).where(
        exists(select(Posts.c.id).where(Posts.c.id == b.post))
    ),
    "core join": lambda b: select(SocialAccount).join(Posts, Posts.c.id.is_not(None)),
    "light table": lambda b: select(table("social_posts", column("id")).c.id),
    "core alias": lambda b: select(Posts.alias("p").c.id),
    "core cte": lambda b: select(select(Posts.c.id).cte().c.id),
    "text": lambda b: text("SELECT id FROM social_posts"),
    "text columns": lambda b: text("SELECT id FROM social_posts").columns(SocialPost.id),
    "from statement": lambda b: select(SocialPost).from_statement(
        text("SELECT * FROM social_posts")
    ),
    "text fragment": lambda b: select(SocialAccount.id).where(
        text("EXISTS (SELECT 1 FROM social_posts)")
    ),
    "literal column": lambda b: select(literal_column("(SELECT count(*) FROM social_posts)")),
    "core update": lambda b: update(Posts).values(content="x"),
    "core delete": lambda b: delete(Posts),
    "core insert": lambda b: insert(Posts).values(
        id=new_id(), space_id=b.space, user_id=b.user, platform="x", content="x"
    ),
    "move": lambda b: update(SocialPost).values(space_id=b.space),
    "move by attribute": lambda b: update(SocialPost).values({SocialPost.space_id: b.space}),
    "foreign insert": lambda b: insert(SocialPost).values(
        space_id=b.space, user_id=b.user, platform="x", content="x"
    ),
    "foreign inserts": lambda b: insert(SocialPost).values(
        [{"space_id": b.space, "user_id": b.user, "platform": "x", "content": "x"}]
    ),
    "insert from select": lambda b: insert(SocialPost).from_select(
        ["id", "space_id"], select(SocialPost.id, SocialPost.space_id)
    ),
    "insert computed space": lambda b: insert(SocialPost).values(
        space_id=select(Other.space_id).scalar_subquery(), user_id=b.user, platform="x", content="x"
    ),
    "identity insert": lambda b: insert(SpaceMember).values(
        space_id=b.space, user_id=b.user, role="owner"
    ),
    "update of alias": lambda b: update(Other).where(Other.id == b.post).values(content="x"),
    "update from": lambda b: (
        update(SocialAccount).values(last_error=Posts.c.content).where(Posts.c.id == b.post)
    ),
    "update by core subquery": lambda b: update(SocialAccount).values(
        last_error=select(Posts.c.content).where(Posts.c.id == b.post).scalar_subquery()
    ),
}


@pytest.mark.parametrize("way", READS)
def test_reads_see_own_rows_only(database, ada, bob, way) -> None:
    for home in (ada, bob, ada):
        with database.session(home.actor) as session:
            rows = session.execute(READS[way]()).all()
        assert len(rows) == 1
        assert str(bob.post if home is ada else ada.post) not in str(rows)


@pytest.mark.parametrize("way", COUNTS)
def test_counts_count_own_rows_only(database, ada, bob, way) -> None:
    for home in (ada, bob):
        with database.session(home.actor) as session:
            assert session.execute(COUNTS[way]()).scalar_one() == 1


@pytest.mark.parametrize("model", MODELS)
def test_every_guarded_class_shows_own_rows_only(database, ada, bob, model) -> None:
    with database.session(ada.actor) as session:
        rows = session.scalars(select(model)).all()
        assert len(rows) == 1
        assert len(session.scalars(select(aliased(model))).all()) == 1
        assert session.scalar(select(func.count()).select_from(model)) == 1
    with database.session(SYSTEM) as session:
        assert len(session.scalars(select(model)).all()) == 2


@pytest.mark.parametrize("model", MODELS)
def test_nobody_sees_nothing(database, ada, model) -> None:
    nobody = Actor(kind="user", name="nobody")
    stranger = Actor(kind="token", name="s", user_id=new_id(), space_id=new_id())
    for actor in (nobody, stranger):
        with database.session(actor) as session:
            assert session.scalars(select(model)).all() == []


# Some of the statements join nothing on purpose: SQLAlchemy is right, and it is not the matter.
@pytest.mark.filterwarnings(
    "ignore:(SELECT|UPDATE) statement has a cartesian product:sqlalchemy.exc.SAWarning"
)
@pytest.mark.parametrize("way", REFUSED)
def test_what_cannot_be_judged_is_refused(database, ada, bob, way) -> None:
    with pytest.raises(TenancyError), database.session(ada.actor) as session:
        session.execute(REFUSED[way](bob))
    if "insert" not in way and way != "from statement":
        with pytest.raises(TenancyError), database.session(ada.actor) as session:
            session.connection().execute(REFUSED[way](bob))
    with database.session(SYSTEM) as session:
        assert session.get(SocialPost, bob.post).content == "post of bob"
        assert session.scalar(select(func.count()).select_from(SocialPost)) == 2


def test_driver_sql_is_refused(database, ada) -> None:
    with pytest.raises(TenancyError), database.session(ada.actor) as session:
        session.connection().exec_driver_sql("SELECT id FROM social_posts")


def test_a_connection_of_nobody_reaches_nothing(database, ada) -> None:
    with pytest.raises(TenancyError), database.application.connect() as connection:
        connection.execute(select(Posts.c.id))
    with pytest.raises(TenancyError), database.application.connect() as connection:
        connection.exec_driver_sql("SELECT id FROM social_posts")


def test_statements_without_tables_run(database, ada) -> None:
    with database.session(ada.actor) as session:
        assert session.scalar(text("SELECT 1")) == 1
        now, later = session.execute(select(db_now(), db_after(60))).one()
        assert 59 < (later - now).total_seconds() < 61
        assert now.tzinfo is not None


def test_update_and_delete_keep_to_own_rows(database, ada, bob) -> None:
    with database.session(ada.actor) as session:
        assert session.execute(update(SocialPost).values(content="mine")).rowcount == 1
        hit = update(SocialPost).where(SocialPost.id == bob.post).values(content="mine")
        assert session.execute(hit).rowcount == 0
        assert session.execute(delete(SocialPost).where(SocialPost.id == bob.post)).rowcount == 0
        named = update(SocialPost).where(SocialPost.content == bindparam("c")).values(content="x")
        assert session.execute(named, {"c": "post of bob"}).rowcount == 0
        assert session.execute(delete(Profile)).rowcount == 1
    with database.session(SYSTEM) as session:
        contents = {row.id: row.content for row in session.scalars(select(SocialPost))}
        assert contents == {ada.post: "mine", bob.post: "post of bob"}
        assert session.get(Profile, bob.profile) is not None


def test_identity_rows_are_written_by_the_system_only(database, ada) -> None:
    for change in (update(User).values(is_operator=True), delete(SpaceMember)):
        refused = (TenancyError, DBAPIError)
        with pytest.raises(refused), database.session(ada.actor) as session:
            session.execute(change)
    with pytest.raises(TenancyError), database.session(ada.actor) as session:
        session.get(User, ada.user).is_operator = True
    with pytest.raises(TenancyError), database.session(ada.actor) as session:
        session.delete(session.get(ApiToken, ada.token))
    with pytest.raises(TenancyError), database.session(ada.actor) as session:
        session.add(SpaceMember(space_id=ada.space, user_id=new_id(), role="owner"))


def post(home, **values):
    return {"user_id": home.user, "platform": "x", "content": "new", **values}


def test_inserts_get_the_actors_space(database, ada, bob) -> None:
    with database.session(ada.actor) as session:
        session.add(SocialPost(**post(ada)))
        session.execute(insert(SocialPost), [post(ada), post(ada, space_id=ada.space)])
        session.execute(insert(SocialPost), post(ada))
        session.execute(insert(SocialPost).values(**post(ada)))
        session.execute(insert(SocialPost).values([post(ada, space_id=ada.space)]))
        ids = session.scalars(insert(SocialPost).returning(SocialPost.id), [post(ada)]).all()
        assert len(ids) == 1
        assert session.scalar(select(func.count()).select_from(SocialPost)) == 8
    with database.session(bob.actor) as session:
        assert session.scalar(select(func.count()).select_from(SocialPost)) == 1


def test_inserts_into_another_space_are_refused(database, ada, bob) -> None:
    foreign = post(bob, space_id=bob.space)
    ways = (
        lambda s: s.add(SocialPost(**foreign)),
        lambda s: s.execute(insert(SocialPost), [post(ada), foreign]),
        lambda s: s.execute(insert(SocialPost), foreign),
        lambda s: s.execute(insert(SocialPost).values(**foreign)),
        lambda s: s.bulk_insert_mappings(SocialPost, [foreign]),
        lambda s: s.bulk_save_objects([SocialPost(**foreign)]),
        lambda s: s.execute(update(SocialPost), [{"id": bob.post, "content": "x"}]),
        lambda s: s.bulk_update_mappings(SocialPost, [{"id": bob.post, "content": "x"}]),
    )
    for way in ways:
        with pytest.raises(TenancyError), database.session(ada.actor) as session:
            way(session)
    nobody = Actor(kind="user", name="n", user_id=ada.user)
    with pytest.raises(TenancyError), database.session(nobody) as session:
        session.add(SocialPost(**post(ada)))
    with pytest.raises(TenancyError), database.session(nobody) as session:
        session.execute(insert(SocialPost), [post(ada)])


def test_upsert_touches_own_rows_only(database, ada, bob) -> None:
    dialect = postgresql if database.is_postgres else sqlite
    for home, target in ((ada, ada.post), (ada, bob.post)):
        statement = dialect.insert(SocialPost).values(id=target, **post(home))
        statement = statement.on_conflict_do_update(
            index_elements=["id"], set_={"content": statement.excluded.content}
        )
        try:
            with database.session(home.actor) as session:
                session.execute(statement)
        except DBAPIError:  # PostgreSQL's policy says no where SQLite finds no row to change
            assert target == bob.post
    with database.session(SYSTEM) as session:
        assert session.get(SocialPost, ada.post).content == "new"
        assert session.get(SocialPost, bob.post).content == "post of bob"
    moving = dialect.insert(SocialPost).values(id=ada.post, **post(ada))
    moving = moving.on_conflict_do_update(index_elements=["id"], set_={"space_id": bob.space})
    with pytest.raises(TenancyError), database.session(ada.actor) as session:
        session.execute(moving)


def test_a_row_does_not_move_to_another_space(database, ada, bob) -> None:
    with pytest.raises(TenancyError), database.session(ada.actor) as session:
        session.get(SocialPost, ada.post).space_id = bob.space
    part = select(SocialPost).options(load_only(SocialPost.id))
    with pytest.raises(TenancyError), database.session(ada.actor) as session:
        session.scalars(part).one().space_id = bob.space


def test_rows_of_other_sessions_are_not_taken_in(database, ada, bob) -> None:
    forged = SocialPost(id=bob.post, space_id=ada.space)
    make_transient_to_detached(forged)
    with pytest.raises(TenancyError), database.session(ada.actor) as session:
        session.add(forged)
    with database.session(SYSTEM) as session:
        theirs = session.get(SocialPost, bob.post)
    with pytest.raises(TenancyError), database.session(ada.actor) as session:
        session.add(theirs)
    with pytest.raises(TenancyError), database.session(ada.actor) as session:
        session.merge(theirs, load=False)
    with pytest.raises((TenancyError, IntegrityError)), database.session(ada.actor) as session:
        session.merge(theirs).content = "x"
    with pytest.raises((TenancyError, IntegrityError)), database.session(ada.actor) as session:
        session.merge(SocialPost(id=bob.post, **post(ada)))


def test_get_refresh_and_deferred_loads(database, ada, bob) -> None:
    with database.session(ada.actor) as session:
        assert session.get(SocialPost, bob.post) is None
        row = session.get(SocialPost, ada.post)
        session.refresh(row)
        session.expire(row)
        assert row.content == "post of ada"
        part = session.scalars(
            select(SocialPost).options(load_only(SocialPost.id)), execution_options={}
        ).one()
        session.expunge_all()
        part = session.scalars(select(SocialPost).options(load_only(SocialPost.id))).one()
        assert part.platform == "sandbox"
        session.add(SocialPost(**post(ada)))
        session.flush()
        session.query(SocialPost).filter(SocialPost.content == "new").one().content = "newer"
        assert session.query(SocialPost).count() == 2


def test_after_an_error_in_a_flush_the_guard_still_stands(database, ada, bob) -> None:
    with database.session(ada.actor) as session:
        with pytest.raises(IntegrityError), session.begin_nested():
            session.add(SocialPost(id=ada.post, **post(ada)))
        with pytest.raises(TenancyError):
            session.connection().execute(update(Posts).values(content="x"))


def test_malformed_actors_are_refused(database, ada) -> None:
    for bad in ("'; DROP TABLE users; --", str(ada.space), ada.space.bytes, 7):
        actor = Actor(kind="user", name="x", user_id=ada.user, space_id=bad)  # type: ignore[arg-type]
        with pytest.raises(TenancyError), database.session(actor) as session:
            session.scalars(select(SocialPost)).all()


def test_read_only_units_write_nothing(database, ada) -> None:
    for actor in (ada.actor, SYSTEM):
        with pytest.raises(DBAPIError), database.session(actor, readonly=True) as session:
            session.execute(update(SocialPost).values(content="x"))
        with database.session(actor, readonly=True) as session:
            assert session.get(SocialPost, ada.post).content == "post of ada"
        with database.session(actor) as session:
            session.get(SocialPost, ada.post).brand_voice = "calm"
