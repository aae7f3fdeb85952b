"""The whole path of a SaaS, over HTTP, with a worker of its own: from sign-up to a paid plan.

Only features of the core, and a stranger's product (`tests/examples/musekit-plugin-proof`). Mail
goes to a real SMTP server, payments to a double of Stripe that the official SDK talks to.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from tests.support.deployment import PASSWORD, Deployment, Person, wait_for
from tests.support.smtp import LOGIN, Receiver, authenticator, receiver
from tests.support.smtp import PASSWORD as SMTP_PASSWORD
from tests.support.stripe_double import StripeDouble
from tests.support.stripe_double.app import HOOK, KEY

# On loopback.
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")

EXAMPLE = Path(__file__).parents[1] / "examples" / "musekit-plugin-proof"
HTML = {"accept": "text/html"}
#: What must stand in no log line.
CANARIES = [SMTP_PASSWORD, KEY, HOOK, PASSWORD]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the stranger's distribution, as pip leaves it."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(EXAMPLE / "src", folder, dirs_exist_ok=True)
    info = folder / "musekit_plugin_proof-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: musekit-plugin-proof\nVersion: 0.1.0\n"
        "Requires-Dist: musekit-core\n"
    )
    (info / "entry_points.txt").write_text(
        "[musekit]\nmusekit_plugin_proof = musekit_plugin_proof.plugin\n"
    )
    return folder


@pytest.fixture(scope="module")
def mailbox(services: dict[str, str]) -> Iterator[Receiver]:
    with receiver(
        authenticator=authenticator, auth_required=True, auth_require_tls=False
    ) as server:
        yield server


@pytest.fixture(scope="module")
def stripe(services: dict[str, str]) -> Iterator[StripeDouble]:
    with StripeDouble.running() as double:
        yield double


@pytest.fixture(scope="module")
def deployment(deploy: Any, site: Path, mailbox: Receiver, stripe: StripeDouble) -> Deployment:
    made: Deployment = deploy(
        PYTHONPATH=str(site), MUSEKIT_LIMIT_WAIT_SECONDS="5",  # a busy machine is no broken Redis
        MUSEKIT_EMAIL_PROVIDER="smtp", MUSEKIT_EMAIL_SENDER="no-reply@saas.example",
        MUSEKIT_EMAIL_SMTP_HOST="127.0.0.1", MUSEKIT_EMAIL_SMTP_PORT=str(mailbox.port),
        MUSEKIT_EMAIL_SMTP_SECURITY="none", MUSEKIT_EMAIL_SMTP_USERNAME=LOGIN,
        MUSEKIT_EMAIL_SMTP_PASSWORD=SMTP_PASSWORD,
        MUSEKIT_BILLING_STRIPE_SECRET_KEY=KEY, MUSEKIT_BILLING_STRIPE_WEBHOOK_SECRETS=HOOK,
        MUSEKIT_BILLING_STRIPE_URL=stripe.url,
        MUSEKIT_OUTBOUND_ALLOW=f'["{stripe.url.removeprefix("http://")}"]',
    )  # fmt: skip
    return made


class Walker(Person):
    """A person whose browser notes every answer."""

    def __init__(self, url: str, email: str) -> None:
        super().__init__(url, email)
        self.answers: list[httpx.Response] = []
        self.browser.event_hooks["response"].append(self.answers.append)

    def press(self, path: str, **form: Any) -> httpx.Response:
        """Open a page and send its form."""
        page = self.browser.get(path, headers=HTML)
        assert page.status_code == 200, page.text[-2000:]
        token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
        return self.browser.post(
            form.pop("to", path), headers=HTML,
            data={**form, **({"csrf_token": token[1]} if token else {})},
        )  # fmt: skip

    def plan(self) -> dict[str, Any]:
        """The plan of the space one is in, of the stranger's product."""
        items = self.done("GET", "/api/usage")["items"]
        return next(each for each in items if each["product"] == "proof")


def link_to(mailbox: Receiver, email: str, word: str) -> str:
    """Wait for a mail with a link; return the link's path."""

    def arrived() -> str | None:
        for mail in reversed(mailbox.taken):
            found = re.search(rf"https?://[^/\s]+(/{word}/\S+)", mail.text)
            if mail.to == [email] and found:
                return found[1]
        return None

    return wait_for(arrived, 30)


@contextmanager
def rows(deployment: Deployment) -> Iterator[sa.Connection]:
    """A connection of the system, beside the application."""
    assert deployment.urls is not None
    engine = sa.create_engine(deployment.urls.system_url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        yield connection


def test_the_whole_path(  # noqa: PLR0915 - a story
    deployment: Deployment, mailbox: Receiver, stripe: StripeDouble
) -> None:
    web = deployment.serve()
    price = stripe.offer("proof", "tier_2", 1900)
    hook = f"{deployment.url}/api/billing/stripe/webhook"
    for event in stripe.events:  # before the worker, whose first look takes them up
        assert stripe.deliver(event, hook).status_code == 200
    worker = deployment.worker()

    # 1. Sign up; the mail comes with the account; its link confirms the address.
    owner = Walker(deployment.url, "owner@saas.example")
    owner.done("POST", "/api/auth/sign-up", {"email": owner.email, "password": PASSWORD})
    path = link_to(mailbox, owner.email, "verify")
    assert owner.press(path).status_code == 303
    owner.done("POST", "/api/auth/verify/again", {}, status=409)
    personal = owner.done("GET", "/api/auth/me")["space"]["id"]

    # 2. An organization, and somebody who comes by an invitation.
    made = owner.done("POST", "/api/organizations", {"name": "Saas & Co"})
    space, organization = made["space"]["id"], made["organization"]["id"]
    owner.done("POST", "/api/spaces/switch", {"space_id": space})
    invited = {"email": "editor@saas.example", "role": "editor"}
    owner.done("POST", f"/api/organizations/{organization}/invitations", invited, status=201)
    invitation = link_to(mailbox, "editor@saas.example", "invite")
    editor = Walker(deployment.url, "editor@saas.example")
    assert "Saas &amp; Co" in editor.browser.get(invitation, headers=HTML).text
    editor.done("POST", "/api/auth/sign-up", {"email": editor.email, "password": PASSWORD})
    token = {"token": invitation.rpartition("/")[2]}
    assert editor.done("POST", "/api/invitations/accept", token)["space_id"] == space
    editor.done("POST", "/api/spaces/switch", {"space_id": space})
    assert editor.done("GET", "/api/auth/me")["space"]["role"] == "editor"
    editor.done("POST", "/api/billing/checkout", {"product": "proof", "price": "x"}, status=403)

    # 3. The plan, and why.
    plan = owner.plan()
    assert (plan["tier"], plan["source"], len(plan["steps"])) == ("tier_1", "default", 6)
    told = deployment.json("doctor", "tier", owner.email, "--product", "proof")
    assert {each["space_id"] for each in told} == {space, personal}
    assert {(each["tier"], each["source"]) for each in told} == {("tier_1", "default")}

    # 4. To the cap, and not past it.
    for _ in range(3):
        editor.done("POST", "/api/proof/things", {}, status=201)
    refused = editor.done("POST", "/api/proof/things", {}, status=429)
    assert (refused["limit"], refused["used"]) == ("things_per_day", 3)
    assert refused["upgrade"]["tier"] == "tier_2"
    assert {"resets_at", "upgrade_url"} <= refused.keys()

    # 5. Paid at Stripe; what Stripe has is what holds.
    wait_for(lambda: owner.done("GET", "/api/billing/prices")["items"], 70, lambda: worker.said)
    order = {"product": "proof", "price": price["id"]}
    page = owner.done("POST", "/api/billing/checkout", order, status=201)["url"]
    assert owner.done("POST", "/api/billing/checkout", order, status=201)["url"] == page
    (session,) = [key for key, each in stripe.objects["sessions"].items() if each["url"] == page]
    seen = len(stripe.events)
    stripe.complete(session)
    for event in [*stripe.events[seen:]] * 2:  # Stripe may send each more than once
        assert stripe.deliver(event, hook).status_code == 200
    forged = stripe.deliver(stripe.events[-1], hook, secret="whsec_" + "x" * 36)
    assert forged.status_code == 400
    wait_for(lambda: owner.plan()["tier"] == "tier_2", 70, lambda: worker.said)
    assert owner.plan()["source"] == "stripe"
    wait_for(lambda: "from tier_1 to tier_2" in worker.said, 20, lambda: worker.said)
    editor.done("POST", "/api/proof/things", {}, status=201)

    # 6. The operator gives a tier: step 1 comes before what is paid.
    deployment.run("users", "set-operator", owner.email)
    owner.done("POST", "/api/spaces/switch", {"space_id": personal})
    user = owner.done("GET", "/api/auth/me")["user"]["id"]
    granted = owner.press(
        f"/admin/users/{user}", to=f"/admin/users/{user}/grant", product="proof", tier="tier_3",
        reason="a guest",
    )  # fmt: skip
    assert granted.status_code == 303, granted.text
    wait_for(lambda: owner.plan()["tier"] == "tier_3", 20)
    assert owner.plan()["source"] == "registry"
    assert editor.plan()["tier"] == "tier_2"  # the organization's own

    with rows(deployment) as connection:
        actions = set(connection.scalars(sa.text("SELECT action FROM audit_log")))
        assert {
            "organization.created", "member.invited", "member.joined", "tier.granted",
        } <= actions  # fmt: skip
        with pytest.raises(sa.exc.DBAPIError):
            connection.execute(sa.text("UPDATE audit_log SET action = 'nothing.happened'"))
        connection.rollback()
        with pytest.raises(sa.exc.DBAPIError):
            connection.execute(sa.text("DELETE FROM audit_log"))

    # 7. Every answer said what is left; guessing ends; no secret is in any log.
    for answer in [*owner.answers, *editor.answers]:
        assert "ratelimit-limit" in answer.headers, f"{answer.request.method} {answer.url}"
    wrong = {"email": owner.email, "password": "not the password"}
    stranger = Walker(deployment.url, owner.email)
    codes = [stranger.browser.post("/api/auth/sign-in", json=wrong).status_code for _ in range(11)]
    assert codes == [401] * 10 + [429]
    secrets = [*CANARIES, path.rpartition("/")[2], invitation.rpartition("/")[2]]
    secrets += [*owner.browser.cookies.values(), *editor.browser.cookies.values()]
    for process in (web, worker):
        log = process.log.read_text()
        assert "Traceback" not in log
        assert [each for each in secrets if each and each in log] == []
    assert set(mailbox.copies().values()) == {1}
