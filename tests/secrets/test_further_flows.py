"""Canaries through what came with accounts, organizations, models and mail (D30)."""

import re
from contextlib import suppress
from uuid import UUID

import pyotp
import pytest
from pydantic import SecretStr
from sqlalchemy import select, update
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from tests.isolation.world import PASSWORD, SYSTEM, browser
from tests.secrets.visiting import HTML, judge
from tests.support.asgi import serve

from musekit.auth.models import User
from musekit.auth.reset import send_asked
from musekit.billing import sync
from musekit.billing.settings import BillingSettings
from musekit.email import delivery, service
from musekit.email.models import OutboxMail
from musekit.email.settings import EmailSettings
from musekit.kernel.database.types import utc_now
from musekit.webhooks import emitting
from musekit.webhooks.delivery import deliver


@pytest.fixture(scope="module")
def parrot():
    """A server that refuses all, and says in its refusal everything that it was sent."""

    async def say(request):
        told = f"{request.method} {request.url} {request.headers!r} {(await request.body())!r}"
        return PlainTextResponse(told, 401)

    app = Starlette(routes=[Route("/{path:path}", say, methods=["GET", "POST", "DELETE"])])
    with serve(app) as url:
        yield url


@pytest.fixture
def heard(world, parrot):
    """The parrot's address; it may be called."""
    world.host.outbound.allow("127.0.0.1", int(parrot.rsplit(":", 1)[1]))
    return parrot


def links(world, canaries, email):
    """Return the secret ends of all links in the mails to an address, and remember them."""
    send_asked(world.host)
    with world.host.database.session(SYSTEM, readonly=True) as session:
        rows = session.scalars(select(OutboxMail).where(OutboxMail.to_email == email)).all()
        texts = [service.unseal(world.host, row).text for row in rows]
    found = re.findall(rf"{re.escape(world.url)}/(\S+)/([\w-]{{30,}})", "\n".join(texts))
    return [(path, canaries.keep(f"link to {path}", secret)) for path, secret in found]


def test_second_factors(world, log, canaries, me, visitor):
    person = world.add("careful")
    visitor.person = person
    shown = visitor.ask("POST", "/api/auth/totp", json={}).json()
    secret = canaries.keep("shared secret", shown["shared_secret"])
    visitor.answers.clear()  # the one that shows it
    for code in ("000000", "abc", ""):
        visitor.ask("POST", "/api/auth/totp/confirm", json={"code": code})
    code = pyotp.TOTP(secret).now()
    codes = visitor.ask("POST", "/api/auth/totp/confirm", json={"code": code}).json()
    for each in codes["recovery_codes"]:
        canaries.keep("recovery code", each)
    visitor.answers.clear()
    wrong = canaries.make("wrong code", length=10)
    for path, kind in (("/api/auth/sign-in", "json"), ("/sign-in", "data")):
        form = {"email": person.email, "password": PASSWORD}
        half_way = world.http.post(world.url + path, headers=HTML, **{kind: form})
        cookie = {"Cookie": "; ".join(f"{k}={v}" for k, v in half_way.cookies.items())}
        for value in half_way.cookies.values():
            if len(value) > 20:
                canaries.keep("half-way session", value)
        world.http.cookies.clear()
        for given in (wrong, "000000"):
            there = f"{path}/second-factor"
            visitor.ask("POST", there, headers={**cookie, **HTML}, **{kind: {"code": given}})
            visitor.ask("POST", there, headers={**cookie, **HTML}, **{kind: {"code": [given]}})
    for path in ("/account/security", "/account/security/totp", "/api/auth/factors"):
        visitor.ask("GET", path, headers={**browser(person), **HTML})
    visitor.ask("GET", "/api/auth/export")
    judge(world, log, canaries, visitor)


def test_links_that_are_mailed(world, log, canaries, me, visitor):
    person = world.add("forgetful")
    visitor.person = person
    with world.host.database.session(SYSTEM) as session:
        session.execute(
            update(User).where(User.id == person.user_id).values(email_verified_at=utc_now())
        )
    visitor.ask("POST", "/api/auth/forgot", json={"email": person.email}, headers={})
    visitor.ask("POST", "/api/auth/email", json={"email": f"new-{person.email}"})
    made = visitor.ask("POST", "/api/organizations", json={"name": "Crew"}).json()
    world.sign_in(person, UUID(made["space"]["id"]))
    canaries.keep("session", person.secret)
    url = f"/api/organizations/{made['organization']['id']}/invitations"
    visitor.ask("POST", url, json={"email": f"guest-{person.email}", "role": "viewer"})
    visitor.ask("GET", url)
    found = [
        each
        for address in (person.email, f"new-{person.email}", f"guest-{person.email}")
        for each in links(world, canaries, address)
    ]
    assert {path for path, _ in found} >= {"reset", "change-email", "invite"}
    fresh = canaries.make("new password")
    for path, secret in found:
        # The pages themselves name the link; what is looked at here is what else does.
        visitor.ask("GET", f"/{path}/{secret}", headers=HTML)
        visitor.ask("GET", f"/{path}/{secret[:-1]}x", headers=HTML)
        visitor.answers = visitor.answers[:-2]
        visitor.ask("POST", f"/{path}/{secret}", headers=HTML, data={"password": fresh[:7]})
        visitor.answers.pop()
    reset = next(secret for path, secret in found if path == "reset")
    visitor.ask("POST", "/api/auth/reset", json={"link": reset, "password": fresh}, headers={})
    visitor.ask("POST", "/api/auth/reset", json={"link": reset, "password": fresh}, headers={})
    for path in ("/admin/email", "/organization/members", "/account/activity"):
        visitor.ask("GET", path, headers={**browser(person), **HTML})
    judge(world, log, canaries, visitor)


def test_keys_of_services(world, log, canaries, me, visitor, heard):
    """A model service, Stripe, and a mail server: each repeats what it was sent, and refuses."""
    operator = world.people.get("keeper") or world.add("keeper", operator=True)
    canaries.keep("session", operator.secret)
    visitor.person, page = operator, {**browser(operator), **HTML}
    key = canaries.make("key of a model")
    form = {"provider": "compatible", "model": "m", "base_url": f"{heard}/v1", "key": key}
    visitor.ask("POST", "/admin/ai/services", data=form, headers=page)
    shown = visitor.ask("GET", "/admin/ai", headers=page)
    [config] = re.findall(r"/admin/ai/([0-9a-f-]{36})/test", shown.text)
    visitor.ask("POST", f"/admin/ai/{config}/test", headers=page)
    asked = {"messages": [{"role": "user", "content": "Write."}]}
    visitor.ask("POST", "/api/ai/complete", json=asked)
    visitor.ask("POST", "/api/ai/stream", json=asked)
    for path in ("/admin/ai", "/admin/ai/calls", "/admin/ai/services?edit=compatible"):
        visitor.ask("GET", path, headers=page)
    stripe = canaries.make("key of Stripe", prefix="sk_test_")
    hook = canaries.make("secret of Stripe's hook", prefix="whsec_")
    world.host.sections[BillingSettings] = BillingSettings(
        stripe_secret_key=SecretStr(stripe), stripe_webhook_secrets=SecretStr(hook),
        stripe_url=heard,
    )  # fmt: skip
    with suppress(Exception):  # it says what it was told; what is kept of it is looked at below
        sync.catalogue(world.host)
    visitor.ask("POST", "/admin/billing/sync", headers=page)
    visitor.ask("POST", "/api/billing/portal", json={})
    visitor.ask("POST", "/api/billing/stripe/webhook", json={}, headers={"Stripe-Signature": hook})
    for path in ("/admin/billing", "/billing", "/pricing", "/admin/settings", "/admin/health"):
        visitor.ask("GET", path, headers=page)
    visitor.ask("POST", f"/admin/ai/{config}/remove", headers=page)
    judge(world, log, canaries, visitor)


def test_keys_of_mail(world, log, canaries, me, visitor, heard):
    key = canaries.make("key of Resend", prefix="re_")
    before = world.host.sections.get(EmailSettings)
    world.host.sections[EmailSettings] = EmailSettings(
        provider="resend", sender="no-reply@app.example", resend_url=heard,
        resend_api_key=SecretStr(key), retry_seconds=60,
    )  # fmt: skip
    try:
        visitor.ask("POST", "/api/auth/forgot", json={"email": me.email}, headers={})
        links(world, canaries, me.email)
        delivery.deliver(world.host)
    finally:
        if before is None:
            del world.host.sections[EmailSettings]
        else:
            world.host.sections[EmailSettings] = before
    judge(world, log, canaries, visitor)


def test_secrets_of_webhooks(world, log, canaries, me, visitor, heard):
    body = {"url": f"{heard}/hook", "events": ["*"]}
    made = visitor.ask("POST", "/api/webhooks", json=body).json()
    canaries.keep("signing secret", made["signing_secret"])
    canaries.keep("its key", made["signing_secret"].removeprefix("whsec_"))
    rotated = visitor.ask("POST", f"/api/webhooks/{made['id']}/rotate", json={}).json()
    canaries.keep("signing secret", rotated["signing_secret"])
    visitor.answers.clear()
    with world.host.database.session(SYSTEM) as session:
        emitting.emit(session, world.host, me.space_id, "member.joined", {"user_id": me.user_id})
    deliver(world.host)
    visitor.ask("GET", "/api/webhooks")
    visitor.ask("GET", f"/api/webhooks/{made['id']}/deliveries")
    for path in ("/account/webhooks", f"/account/webhooks/{made['id']}"):
        visitor.ask("GET", path, headers={**browser(me), **HTML})
    with pytest.raises(ValueError, match="token"):
        emitting.checked({"token": "x" * 20})
    judge(world, log, canaries, visitor)


def test_there_were_many(canaries):
    assert len(canaries.known) >= 30
