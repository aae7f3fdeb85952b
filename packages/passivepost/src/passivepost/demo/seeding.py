"""Filling a demo: a person, a connected account, posts in every state. Repeatable at each start."""

from __future__ import annotations

import json
import logging
import os
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from musekit.api import Actor, Host, User
from passivepost.accounts.registry import platforms_of
from passivepost.demo import samples
from passivepost.demo.network import SampleNetwork
from passivepost.demo.past import add_past
from passivepost.demo.person import Person
from passivepost.demo.settings import DemoSettings

logger = logging.getLogger(__name__)

SYSTEM = Actor.system("demo")
PLATFORM = samples.PLATFORM
NAME = "Sample Bakery"
#: Words that make a password people can type, and zxcvbn calls strong.
WORDS = (
    "amber", "basil", "cedar", "delta", "ember", "fjord", "grove", "hazel",
    "indigo", "juniper", "kelp", "linden", "maple", "nectar", "olive", "pepper",
)  # fmt: skip


def seed(host: Host, base_url: str) -> dict[str, Any]:
    """Fill the deployment that answers at `base_url`, or find it filled.

    Steps that were done before are left alone, so a start that was interrupted is completed by
    the next one. What was generated is kept in ``<data-dir>/secrets/demo.json`` (0600).

    Returns:
        ``email``, ``password`` and ``api_token`` of the sample sign-in.

    Raises:
        DemoError: a step did not work; what was done stays.
    """
    kept = _Kept(host)
    person = Person(base_url)
    try:
        person.enter(kept.email, kept.password, NAME)
        user_id = _make_operator(host, kept.email)
        if not (kept.token and person.accepts(kept.token)):
            made = person.post("/api/auth/tokens", {"name": "Demo", "scopes": ["*"]})
            kept.token = made["token"]
            kept.write()
        if platforms_of(host).find(PLATFORM) is not None:
            network = SampleNetwork(_authorize_url(host))
            network.refuse(samples.REFUSED_WORDS, samples.REFUSAL)
            if not kept.filled:
                _fill(host, person, network, user_id)
                kept.filled = True
                kept.write()
    finally:
        person.close()
    return {"email": kept.email, "password": kept.password, "api_token": kept.token}


def forget(host: Host) -> None:
    """Forget the sample person if they were deleted, so that the next start makes them anew."""
    path = host.settings.data_dir / "secrets" / "demo.json"
    if not path.exists():
        return
    email = json.loads(path.read_text()).get("email")
    with host.database.session(SYSTEM, readonly=True) as session:
        gone = session.scalars(select(User.id).where(User.email == email)).first() is None
    if gone:
        path.unlink(missing_ok=True)


class _Kept:
    """What outlives a restart of the demo."""

    def __init__(self, host: Host) -> None:
        self._path = host.settings.data_dir / "secrets" / "demo.json"
        known = json.loads(self._path.read_text()) if self._path.exists() else {}
        chosen = host.settings_of(DemoSettings)
        self.email: str = chosen.email
        same = known.get("email") == self.email
        given = chosen.password.get_secret_value()
        self.password: str = given or (known["password"] if same else _new_password())
        self.token: str = known.get("api_token", "") if same else ""
        self.filled: bool = bool(known.get("filled")) and same
        if not same:
            self.write()

    def write(self) -> None:
        """Store it for this user's eyes only."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        facts = {"email": self.email, "password": self.password, "api_token": self.token,
                 "filled": self.filled}  # fmt: skip
        fresh = self._path.with_suffix(".new")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(facts, file)
        fresh.replace(self._path)


def _new_password() -> str:
    words = "-".join(secrets.choice(WORDS) for _ in range(4))
    return f"{words}-{secrets.randbelow(9000) + 1000}"


def _make_operator(host: Host, email: str) -> UUID:
    with host.database.session(SYSTEM) as session:
        user = session.scalars(select(User).where(User.email == email)).one()
        user.is_operator = True
        # Nobody reads mail at a sample address: the pages need not ask for it to be confirmed.
        user.email_verified_at = user.email_verified_at or datetime.now(UTC)
        return user.id


def _fill(host: Host, person: Person, network: SampleNetwork, user_id: UUID) -> None:
    account = _account(person)
    if account is None:
        asked = person.post("/api/social/connect", {"platform": PLATFORM})["authorize_url"]
        person.connect(asked, host.settings_of(DemoSettings).username)
        account = _account(person)
    if account is None:
        raise LookupError("the sandbox account is not there after it was connected")
    shown = network.seed(
        account["platform_username"],
        [{"text": text, "age": age.total_seconds()} for age, text in samples.PAST],
    )
    with host.database.session(SYSTEM) as session:
        add_past(session, UUID(account["id"]), shown, network.url)
    _plan(person, str(user_id))
    _pull_counts(host)


def _account(person: Person) -> Mapping[str, Any] | None:
    accounts = person.get("/api/social/accounts")["items"]
    return next((each for each in accounts if each["platform"] == PLATFORM), None)


def _authorize_url(host: Host) -> str:
    url: str = platforms_of(host).get(PLATFORM).connection.authorize_url  # type: ignore[union-attr]
    return url


def _plan(person: Person, key: str) -> None:
    """Schedule what is to come, leave a draft, and try what the network refuses."""
    now = datetime.now(UTC)
    for n, (ahead, texts) in enumerate(samples.PLANNED):
        body = {
            "platform": PLATFORM,
            "parts": [{"text": text} for text in texts],
            "scheduled_at": (now + ahead).isoformat(timespec="seconds"),
        }
        person.post("/api/social/posts", body, key=f"demo-{key}-{n}")
    draft = {"platform": PLATFORM, "content": samples.DRAFT}
    person.post("/api/social/posts", draft, key=f"demo-{key}-draft")
    refused = {
        "platform": PLATFORM,
        "content": samples.REFUSED,
        "scheduled_at": now.isoformat(timespec="seconds"),
    }
    person.post("/api/social/posts", refused, key=f"demo-{key}-refused")


def _pull_counts(host: Host) -> None:
    """Ask the network for the counts of the posts of the past, as the job does every day."""
    from passivepost.metrics.pull import pull

    report = pull(host)
    logger.info("demo: counts of %s posts", report.pulled)
