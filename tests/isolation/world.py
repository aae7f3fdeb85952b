"""A running deployment with several people in it, for tests that try to cross between them.

The application is served over real HTTP, all installed plugins loaded, so that a platform inside
it can be connected by its real OAuth. One world per database serves all tests of a module.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import httpx
from sqlalchemy import text, update

from musekit.api import Actor, SocialAccount, SocialPost, new_id
from musekit.auth import service as auth
from musekit.auth import sessions
from musekit.auth.models import ApiToken, User, UserSession
from musekit.auth.secrets import digest, new_token
from musekit.kernel.host import Host
from musekit.spaces.models import SpaceMember
from passivepost.accounts import vault
from passivepost.posts.models import PostDetails
from passivepost.publishing.models import PublishAttempt, PublishState
from passivepost.sdk.content import Credentials

SYSTEM = Actor.system("tests")
PASSWORD = "correct horse battery staple"
CRON_SECRET = "cron-" + "s3cret-0f-the-clock" * 3
#: What changes by reading alone.
VOLATILE = frozenset({"last_used_at", "last_seen_at", "expires_at"})
#: Tables about a person: rows of others who visit the person's space are not theirs.
OF_A_PERSON = frozenset({"user_sessions", "api_tokens", "users"})


@dataclass
class Person:
    """Somebody with a space of their own, a browser, a token, and secrets to look for."""

    name: str
    email: str
    user_id: UUID
    space_id: UUID
    secret: str = ""  #: of the browser session
    csrf: str = ""
    session_id: UUID | None = None
    token: str = ""
    secrets: set[str] = field(default_factory=set)


@dataclass
class World:
    """The deployment, and the people in it."""

    host: Host
    app: Any
    url: str
    connect: Any  #: () -> a connection of a login that sees every row
    http: httpx.Client
    people: dict[str, Person] = field(default_factory=dict)
    _tables: dict[str, list[str]] = field(default_factory=dict)
    _things: dict[tuple[str, str], UUID] = field(default_factory=dict)

    # --- People ---

    def add(self, name: str, *, operator: bool = False) -> Person:
        """Make somebody with a personal space, a browser and a token with all rights."""
        email = f"{name}-{uuid4().hex[:10]}@example.com"
        with self.host.database.session(SYSTEM) as session:
            user, space = auth.sign_up(session, email, PASSWORD)
            session.flush()
            if operator:
                session.execute(update(User).where(User.id == user.id).values(is_operator=True))
            person = Person(name=name, email=email, user_id=user.id, space_id=space.id)
        self.host.registry.hooks.on_user_created(
            host=self.host, user_id=person.user_id, space_id=person.space_id
        )
        self.sign_in(person)
        person.token = self.token_of(person, person.space_id, ["*"])
        self.people[name] = person
        return person

    def sign_in(self, person: Person, space_id: UUID | None = None) -> None:
        """Give a person a browser session of their own space, or of one they belong to."""
        with self.host.database.session(SYSTEM) as session:
            row, person.secret = sessions.start(
                session, person.user_id, space_id or person.space_id, days=1,
                ip="203.0.113.77", user_agent=f"browser of {person.name}",
            )  # fmt: skip
            plain = row.csrf_token.encode()
            person.csrf = base64.urlsafe_b64encode(b"\0" * len(plain) + plain).decode()
            person.session_id = row.id
        person.secrets |= {person.secret, row.csrf_token}

    def token_of(self, person: Person, space_id: UUID, scopes: list[str]) -> str:
        """Make a token without asking whether the person may: also one without any right."""
        secret = new_token()
        with self.host.database.session(SYSTEM) as session:
            session.add(
                ApiToken(
                    id=new_id(), user_id=person.user_id, space_id=space_id, name="tests",
                    prefix=secret[:14], secret_hash=digest(secret), scopes=scopes,
                )
            )  # fmt: skip
        person.secrets.add(secret)
        return secret

    def join(self, person: Person, space: Person, role: str) -> None:
        """Make a person a member of another's space."""
        with self.host.database.session(SYSTEM) as session:
            session.add(SpaceMember(space_id=space.space_id, user_id=person.user_id, role=role))

    # --- Things of a space, made on request ---

    def account(self, it: Person) -> UUID:
        """The sandbox account of a space; made again when it is gone."""
        name = f"handle-{it.name}-{it.space_id.hex[-8:]}"
        with self.host.database.session(SYSTEM) as session:
            row = session.query(SocialAccount).filter_by(space_id=it.space_id).first()
            if row is not None and row.access_token_encrypted is not None:
                return row.id
            if row is None:
                row = SocialAccount(
                    id=new_id(), space_id=it.space_id, user_id=it.user_id, platform="sandbox",
                    platform_user_id=f"@{name}", platform_username=name, display_name=name,
                )  # fmt: skip
                session.add(row)
                session.flush()
            made = self.http.post(
                f"{self.url}/-/sandbox/accounts", json={"usernames": [name]}
            ).json()["items"][0]
            it.secrets |= {made["access_token"], made["refresh_token"]}
            row.platform_user_id = made["id"]
            vault.store_credentials(
                session, self.host, row,
                Credentials(
                    access_token=made["access_token"], refresh_token=made["refresh_token"],
                    expires_at=datetime.now(UTC) + timedelta(hours=1),
                ),
            )  # fmt: skip
            row.is_valid = True
            return row.id

    def post(self, it: Person, kind: str = "draft") -> UUID:
        """A ``draft``, ``scheduled``, ``unconfirmed`` or ``failed`` post; a new one if changed."""
        account = self.account(it)
        wanted = ({"unconfirmed": "posting"}.get(kind, kind), account)
        review = "unconfirmed" if kind == "unconfirmed" else None
        with self.host.database.session(SYSTEM, readonly=True) as session:
            row = session.get(SocialPost, self._things.get((it.name, kind), new_id()))
            if row is not None and (row.status, row.account_id) == wanted:
                state = session.get(PublishState, row.id)
                if (state.review if state else None) == review:
                    return row.id
        now = datetime.now(UTC)
        at = now + timedelta(days=2) if kind == "scheduled" else now - timedelta(minutes=9)
        post, body, key = new_id(), f"{mark(it)} wrote this {uuid4().hex[:6]}", uuid4()
        way = {"draft": ("draft",), "scheduled": ("scheduled",), "failed": ("scheduled", "failed"),
               "unconfirmed": ("scheduled", "queued", "posting")}[kind]  # fmt: skip
        shared = {"space_id": it.space_id, "updated_at": now}
        content_hash = hashlib.sha256(body.encode()).hexdigest()
        with self.host.database.session(SYSTEM) as session:
            session.add(
                SocialPost(
                    id=post, user_id=it.user_id, account_id=account, platform="sandbox",
                    content=body, status=way[0], scheduled_at=None if kind == "draft" else at,
                    **shared,
                )
            )  # fmt: skip
            session.flush()
            session.add(
                PostDetails(
                    post_id=post, parts=[{"text": body, "media": []}], revision=1,
                    content_hash=content_hash, timezone="UTC", **shared,
                )
            )  # fmt: skip
            self._things[it.name, kind] = post
            if kind == "draft":
                return post
            session.flush()
            for status in way[1:]:  # the trigger takes allowed moves only
                session.execute(
                    update(SocialPost).where(SocialPost.id == post).values(status=status)
                )
            doubt = kind == "unconfirmed"
            stage = {"scheduled": "waiting", "unconfirmed": "posting"}.get(kind, "done")
            session.add(
                PublishState(
                    post_id=post, account_id=account, platform="sandbox", stage=stage, due_at=at,
                    next_attempt_at=at, revision=1, content_hash=content_hash, publish_key=key,
                    review="unconfirmed" if doubt else None, progress={}, attempts=int(doubt),
                    armed_at=at if doubt else None,
                    failure_kind="rejected" if kind == "failed" else None, **shared,
                )
            )  # fmt: skip
            if doubt:
                session.add(
                    PublishAttempt(
                        id=new_id(), space_id=it.space_id, post_id=post, n=1, publish_key=key,
                        account_id=account, lease_token=1, content_hash=content_hash,
                        opened_at=at, armed_at=at, responded_at=at, outcome="unknown",
                        detail="no answer came", worker="tests", code_version="0",
                    )
                )  # fmt: skip
        return post

    def spare_token(self, it: Person) -> UUID:
        """A further API token of a person, of which they are told the id alone."""
        known = self._things.get((it.name, "token"))
        with self.host.database.session(SYSTEM) as session:
            row = session.get(ApiToken, known) if known else None
            if row is None or row.revoked_at is not None:
                secret = new_token()
                row = ApiToken(
                    id=new_id(), user_id=it.user_id, space_id=it.space_id, name="spare",
                    prefix=secret[:14], secret_hash=digest(secret), scopes=["*"],
                )  # fmt: skip
                session.add(row)
                it.secrets.add(secret)
            self._things[it.name, "token"] = row.id
            return row.id

    def spare_session(self, it: Person) -> UUID:
        """A further browser session of a person."""
        known = self._things.get((it.name, "session"))
        with self.host.database.session(SYSTEM) as session:
            if known and session.get(UserSession, known):
                return known
            row, secret = sessions.start(session, it.user_id, it.space_id, days=1)
            it.secrets.add(secret)
            self._things[it.name, "session"] = row.id
            return row.id

    def spare_space(self, it: Person) -> UUID:
        """A space that the person belongs to."""
        return it.space_id

    def ticket(self, it: Person) -> str:
        """The link of a connection that was asked for by token."""
        self.forget_flows(it)
        self.disconnect(it)
        answer = self.http.post(
            f"{self.url}/api/social/connect", json={"platform": "sandbox"},
            headers={"Authorization": f"Bearer {it.token}"},
        ).json()  # fmt: skip
        return answer["continue_url"].rsplit("/", 1)[1]

    def way_back(self, it: Person) -> dict[str, str]:
        """State and code of a connection that the person's browser began and allowed."""
        self.forget_flows(it)
        self.disconnect(it)
        answer = self.http.post(
            f"{self.url}/api/social/connect", json={"platform": "sandbox"}, headers=browser(it)
        )
        asked = parse_qs(urlsplit(answer.json()["authorize_url"]).query)
        form = {key: values[0] for key, values in asked.items()}
        form |= {"decision": "allow", "username": f"new-{uuid4().hex[:8]}"}
        allowed = self.http.post(f"{self.url}/-/sandbox/oauth/authorize", data=form)
        back = parse_qs(urlsplit(allowed.headers["location"]).query)
        return {key: values[0] for key, values in back.items()}

    def disconnect(self, it: Person) -> None:
        """Take the person's account away, so that another can be connected."""
        with self.connect() as connection:
            connection.execute(
                f"DELETE FROM social_accounts WHERE space_id = '{self._id(it.space_id)}'"
            )

    def forget_flows(self, it: Person) -> None:
        """Make room for further connections: there is a limit on those under way."""
        with self.connect() as connection:
            connection.execute(
                f"DELETE FROM oauth_flows WHERE space_id = '{self._id(it.space_id)}'"
            )

    def forget_limits(self) -> None:
        """Let sign-ins and sign-ups be tried again."""
        with self.host.database.session(SYSTEM) as session:
            session.execute(text("DELETE FROM rate_counters"))

    # --- What the database says ---

    def _id(self, value: UUID) -> str:
        return str(value) if self.host.database.is_postgres else value.hex

    def rows_of(self, it: Person) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of the person and of their space, without what changes by reading."""
        found = {}
        with self.connect() as connection:
            for table, columns in self.tables(connection).items():
                keys = {
                    "space_id": it.space_id, "user_id": it.user_id, "personal_user_id": it.user_id
                }  # fmt: skip
                if table in OF_A_PERSON:
                    keys = {"user_id": it.user_id}
                if table == "users":
                    keys = {"id": it.user_id}
                where = " OR ".join(
                    f"{column} = '{self._id(value)}'"
                    for column, value in keys.items() if column in columns
                )  # fmt: skip
                if where:
                    kept = ", ".join(f'"{name}"' for name in columns if name not in VOLATILE)
                    rows = connection.execute(f'SELECT {kept} FROM "{table}" WHERE {where}')
                    found[table] = sorted(map(tuple, rows.fetchall()), key=repr)
        return found

    def tables(self, connection: Any) -> dict[str, list[str]]:
        """Tables with their columns."""
        if self._tables:
            return self._tables
        if self.host.database.is_postgres:
            rows = connection.execute(
                "SELECT table_name, column_name FROM information_schema.columns"
                " WHERE table_schema = 'public' ORDER BY 1, ordinal_position"
            ).fetchall()
        else:
            rows = connection.execute(
                "SELECT m.name, c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c"
                " WHERE m.type = 'table' ORDER BY 1, c.cid"
            ).fetchall()
        for table, column in rows:
            self._tables.setdefault(table, []).append(column)
        return self._tables


def mark(it: Person) -> str:
    """A word that stands in everything the person writes."""
    return f"MARK{it.space_id.hex[-10:]}"


def browser(it: Person, *, forged: bool = False) -> dict[str, str]:
    """Headers of the person's browser; `forged`: another site makes it send the request."""
    return {
        "Cookie": f"musekit_session={it.secret}", "X-CSRF-Token": "" if forged else it.csrf,
        "Sec-Fetch-Site": "cross-site" if forged else "same-origin",
    }  # fmt: skip


def bearer(token: str) -> dict[str, str]:
    """Headers of a program."""
    return {"Authorization": f"Bearer {token}"}
