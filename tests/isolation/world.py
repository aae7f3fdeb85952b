"""A running deployment with several people in it, for tests that try to cross between them.

The application is served over real HTTP, all installed plugins loaded, so that a platform inside
it can be connected by its real OAuth. One world per database serves all tests of a module.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import httpx
from sqlalchemy import text, update
from tests.isolation import snapshot

from musekit.api import Actor, new_id
from musekit.auth import service as auth
from musekit.auth import sessions
from musekit.auth.models import ApiToken, User
from musekit.auth.secrets import digest, new_token
from musekit.kernel.host import Host
from musekit.spaces.models import SpaceMember

SYSTEM = Actor.system("tests")
PASSWORD = "correct horse battery staple"
CRON_SECRET = "cron-" + "s3cret-0f-the-clock" * 3
METRICS_SECRET = "metrics-" + "s3cret-0f-the-scraper" * 3


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
    watching: Any  #: another such, by which nothing is changed
    http: httpx.Client
    people: dict[str, Person] = field(default_factory=dict)
    _tables: dict[str, list[str]] = field(default_factory=dict)
    _seen: dict[UUID, tuple[str, snapshot.Rows]] = field(default_factory=dict)
    #: Ids of things that were made, by person's name and kind; see `tests.isolation.things`.
    made: dict[tuple[str, str], UUID] = field(default_factory=dict)

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

    def leave(self, person: Person, space: Person) -> None:
        """Take a person out of another's space again."""
        with self.host.database.session(SYSTEM) as session:
            session.delete(session.get_one(SpaceMember, (space.space_id, person.user_id)))

    def forget_limits(self) -> None:
        """Let everything be tried again."""
        self.host.limits.memory.forget()
        if self.watching.execute("SELECT 1 FROM rate_counters LIMIT 1").fetchone():
            with self.host.database.session(SYSTEM) as session:
                session.execute(text("DELETE FROM rate_counters"))

    # --- What the database says ---

    def id_text(self, value: UUID) -> str:
        """How the database at hand writes an id."""
        return str(value) if self.host.database.is_postgres else value.hex

    def version(self) -> str:
        """A text that is another one as soon as anything in the database is."""
        return snapshot.version_of(self.watching, postgres=self.host.database.is_postgres)

    def rows_of(self, it: Person) -> snapshot.Rows:
        """Every row of the person and of their space, without what changes by reading.

        They are read anew only where anything at all was written since: most requests of these
        tests are refused, and the rows stand in some sixty tables.
        """
        version, postgres = self.version(), self.host.database.is_postgres
        if (known := self._seen.get(it.user_id)) and known[0] == version:
            return dict(known[1])
        keys = {"space_id": it.space_id, "user_id": it.user_id}
        rows = snapshot.rows_of(
            self.watching, self.tables(self.watching),
            {name: self.id_text(value) for name, value in keys.items()}, postgres=postgres,
        )  # fmt: skip
        self._seen[it.user_id] = (version, rows)
        return dict(rows)

    def tables(self, connection: Any) -> dict[str, list[str]]:
        """Tables with their columns."""
        if not self._tables:
            postgres = self.host.database.is_postgres
            self._tables.update(snapshot.columns_of(connection, postgres=postgres))
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
