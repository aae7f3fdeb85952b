"""Who is on the stage of each case, and how it is judged.

A victim and an attacker have an account each, and an identity at the provider that opens it: so an
answer that were taken though it must not be would let somebody in, and be seen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlencode
from uuid import UUID

from fastapi import FastAPI
from sqlalchemy import select
from starlette.testclient import TestClient

from musekit.auth.federation.models import UserIdentity
from musekit.auth.models import User, UserSession
from musekit.auth.secrets import digest
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.testing.pytest_plugin import PASSWORD

SYSTEM = Actor.system("tests")
HTML = {"accept": "text/html"}
KINDS = frozenset({"oidc", "github", "saml"})
#: Of the password; that of an organization's own provider opens an account of its own.
VICTIM, MALLORY = "victim@example.org", "mallory@example.org"


class There(NamedTuple):
    """What a provider calls somebody, and the address that it tells of them."""

    subject: Any
    email: str


class Way(Protocol):
    """A provider, as somebody uses it who agrees there."""

    key: str
    kind: str
    #: ``victim`` and ``mallory``, whose accounts are known here; ``stranger``, whose is not.
    people: Mapping[str, There]

    def begin(self, visitor: Visitor) -> str:
        """Press its button; return where that leads."""
        ...

    def agree(self, address: str, there: There, **claims: Any) -> dict[str, str]:
        """Agree at the provider; return what the way back carries."""
        ...


@dataclass
class Visitor:
    """A browser at our site."""

    client: TestClient

    @classmethod
    def new(cls, app: FastAPI, beside: TestClient | None = None) -> Visitor:
        """Open one; `beside` another whose event loop serves it, too."""
        client = TestClient(app, follow_redirects=False, headers=HTML)
        client.portal = beside.portal if beside is not None else None
        return cls(client)

    def press(self, path: str, **form: str) -> Any:
        """Send a form of ours, with the token that its page would hold."""
        shown = self.client.get("/dashboard").text
        token = shown.partition('name="csrf_token" value="')[2].partition('"')[0]
        return self.client.post(path, data={"csrf_token": token, **form})

    def sign_in(self, email: str) -> Visitor:
        """Sign in by the password."""
        body = {"email": email, "password": PASSWORD}
        done = self.client.post("/api/auth/sign-in", json=body)
        assert done.is_success, done.text
        return self

    @property
    def email(self) -> str:
        """Who is signed in; empty for nobody."""
        answer = self.client.get("/api/auth/me", headers={"accept": "application/json"})
        return str(answer.json()["user"]["email"]) if answer.is_success else ""


@dataclass
class Scene:
    """An attacker, a victim, and a provider that knows both."""

    app: FastAPI
    host: Host
    beside: TestClient
    way: Way
    other: Way  #: another provider that is set up here, and lies
    #: makes providers honest again
    mend: Callable[[], None] = lambda: None
    _signed_in: dict[str, Visitor] = field(default_factory=dict)

    def visitor(self) -> Visitor:
        """A browser in which nobody is signed in."""
        return Visitor.new(self.app, self.beside)

    @property
    def victim(self) -> Visitor:
        """The browser in which the victim signed in by their password."""
        return self._inside(VICTIM)

    @property
    def mallory(self) -> Visitor:
        """The attacker's."""
        return self._inside(MALLORY)

    def _inside(self, email: str) -> Visitor:
        if email not in self._signed_in:
            self._signed_in[email] = self.visitor().sign_in(email)
        return self._signed_in[email]

    def said(self, visitor: Visitor, who: str) -> dict[str, str]:
        """Begin in a browser, and agree at the provider as somebody."""
        return self.way.agree(self.way.begin(visitor), self.way.people[who])

    def said_to_link(self, visitor: Visitor, who: str = "stranger") -> dict[str, str]:
        """Begin to link, and agree at the provider as somebody."""
        answer = visitor.press(f"/account/identities/{self.way.key}/link")
        assert answer.status_code == 303, answer.text
        target = str(answer.headers["location"])
        assert target.startswith("http"), target
        return self.way.agree(target, self.way.people[who])

    def back(self, visitor: Visitor, said: dict[str, str], **other: str) -> Any:
        """Come back; `other` replaces parameters, an empty text takes one away."""
        return visitor.client.get(self.address(said, **other))

    def address(self, said: dict[str, str], **other: str) -> str:
        """The address by which one comes back."""
        query = {name: value for name, value in {**said, **other}.items() if value}
        return f"/sign-in/return/{self.way.key}?{urlencode(query)}"

    def fresh(self) -> None:
        """Close all browsers, make providers honest, forget how often was asked."""
        self._signed_in.clear()
        self.mend()
        self.host.limits.memory.forget()

    def known(self) -> tuple[set[tuple[UUID, str]], set[tuple[str, str, UUID]]]:
        """Every account, and every identity with the account that it opens."""
        with self.host.database.session(SYSTEM, readonly=True) as session:
            users = {(each.id, each.email) for each in session.scalars(select(User))}
            rows = session.scalars(select(UserIdentity)).all()
            return users, {(each.issuer, each.subject, each.user_id) for each in rows}

    def by_password(self, visitor: Visitor) -> bool:
        """Whether that very browser's session began by a password."""
        held = str(visitor.client.cookies.get("musekit_session") or "")
        with self.host.database.session(SYSTEM, readonly=True) as session:
            found = select(UserSession.methods).where(UserSession.secret_hash == digest(held))
            return session.scalar(found) == ["password"]


@dataclass(frozen=True)
class Case:
    """An attack: gives the browser that must not be in by it."""

    name: str
    play: Callable[[Scene], Visitor]
    kinds: frozenset[str]


CASES: list[Case] = []
Play = Callable[[Scene], Visitor]


def case(*kinds: str) -> Callable[[Play], Play]:
    """Note a case; for all kinds of providers unless some are named."""

    def note(play: Play) -> Play:
        CASES.append(Case(play.__name__, play, frozenset(kinds) or KINDS))
        return play

    return note


#: After so many cases somebody goes the honest way.
HONEST_EVERY = 4


def trial(scene: Scene, cases: Sequence[Case]) -> list[str]:
    """Play cases; return what was wrong.

    Between them the honest way is gone: what was refused was refused for the attack, and for
    nothing else.
    """
    faults: list[str] = []
    for number, attack in enumerate(cases, 1):
        scene.fresh()
        before = scene.known()
        visitor = attack.play(scene)
        if (who := visitor.email) and not scene.by_password(visitor):
            faults.append(f"{attack.name}: somebody is in, as {who}")
        if scene.known() != before:
            faults.append(f"{attack.name}: accounts or links are others now")
        if number % HONEST_EVERY == 0 or number == len(cases):
            scene.fresh()
            honest = scene.visitor()
            scene.back(honest, scene.said(honest, "mallory"))
            if not honest.email:
                faults.append(f"after {attack.name} the honest way works no more")
    return faults
