"""Two spaces with rows of every kind, on a fresh database."""

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from uuid import UUID

import pytest
from sqlalchemy import insert

import musekit
from musekit.auth.models import ApiToken, User, UserSession
from musekit.kernel.actors import Actor
from musekit.kernel.database.session import Database
from musekit.kernel.database.types import utc_now
from musekit.kernel.ids import new_id
from musekit.social.models import Profile, SocialAccount, SocialPost
from musekit.spaces.models import Space, SpaceMember

SYSTEM = Actor.system("test")
#: Every module of the core with mapped classes, so that all tables are known.
for module in pkgutil.walk_packages(musekit.__path__, "musekit."):
    if module.name.endswith(("models", "system_tables", ".ratelimit.database", ".ratelimit")):
        importlib.import_module(module.name)


@dataclass(frozen=True)
class Home:
    """A user with a personal space; ids of one row of each kind."""

    actor: Actor
    user: UUID
    space: UUID
    account: UUID
    post: UUID
    profile: UUID
    token: UUID


@pytest.fixture
def database(settings) -> Iterator[Database]:
    each = Database(settings)
    yield each
    each.close()


@pytest.fixture
def make_home(database: Database) -> Callable[[str], Home]:
    def make(name: str) -> Home:
        with database.session(SYSTEM) as session:
            return fill(session, name)

    return make


@pytest.fixture
def ada(make_home) -> Home:
    return make_home("ada")


@pytest.fixture
def bob(make_home) -> Home:
    return make_home("bob")


def fill(session, name: str) -> Home:
    user, space, account, post, profile, token = (new_id() for _ in range(6))
    own = {"space_id": space, "user_id": user}
    hash_ = name.encode().ljust(32, b"-")[:32]
    now = utc_now()
    rows = (
        (User, {"id": user, "email": f"{name}@x.org", "email_key": f"{name}@x.org"}),
        (Space, {"id": space, "name": name, "personal_user_id": user}),
        (SpaceMember, {**own, "role": "owner"}),
        (UserSession, {"id": new_id(), **own, "secret_hash": hash_, "csrf_token": "x",
                       "expires_at": now}),
        (ApiToken, {"id": token, **own, "name": "t", "prefix": "mk", "secret_hash": hash_,
                    "scopes": ["a", "b"]}),
        (SocialAccount, {"id": account, **own, "platform": "sandbox", "platform_user_id": name}),
        (SocialPost, {"id": post, **own, "account_id": account, "platform": "sandbox",
                      "content": f"post of {name}"}),
        (Profile, {"id": profile, **own, "display_name": name}),
    )  # fmt: skip
    for model, values in rows:
        session.execute(insert(model), [values])
    actor = Actor(kind="user", name=name, user_id=user, space_id=space)
    return Home(actor, user, space, account, post, profile, token)
