"""Canaries go through every flow; none is in a log, an answer, an error or the database."""

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.isolation.things.accounts import forget_flows
from tests.isolation.world import CRON_SECRET, bearer, browser
from tests.secrets.echoing import ERRORS, Echo, EchoForm, Network
from tests.secrets.visiting import HTML, everything_stored, judge
from tests.support.asgi import serve

from musekit.kernel.queue.jobs import JobRun
from passivepost.accounts.registry import Offer, platforms_of
from passivepost.settings import PassivePostSettings


@pytest.fixture(scope="module")
def network(world, canaries):
    """The echoing network, and its two platforms in the host."""
    network = Network(canaries)
    with serve(network.app) as url:
        secret = canaries.make("client secret")
        network.oauth, network.form = Echo(url, secret), EchoForm(url, secret)
        offers = platforms_of(world.host)
        for platform in (network.oauth, network.form):
            offers._offers[platform.name] = Offer(plugin="tests", platform=platform)
        world.host.outbound.allow("127.0.0.1", int(url.rsplit(":", 1)[1]))
        common = world.host.settings_of(PassivePostSettings)
        world.host.sections[PassivePostSettings] = common.model_copy(
            update={"retries": 0, "reconcile_seconds": [0.1], "cron_budget_seconds": 3}
        )
        yield network


def test_passwords_and_sessions(world, log, canaries, me, visitor):
    ask = visitor.ask
    for path, kind in (("/api/auth/sign-up", "json"), ("/sign-up", "data")):
        for length in (40, 12, 2000):
            password = canaries.make("password", length=length)
            mail = f"{password[1:9]}@example.com"
            ask("POST", path, headers=HTML, **{kind: {"email": mail, "password": password}})
            ask("POST", path, headers=HTML, **{kind: {"email": "x", "password": password}})
            ask("POST", path, headers=HTML, **{kind: {"email": mail, "password": [password]}})
            there = path.replace("sign-up", "sign-in")
            answer = ask(
                "POST", there, headers=HTML, **{kind: {"email": mail, "password": password}}
            )
            for cookie in answer.headers.get_list("set-cookie"):
                if cookie.startswith("musekit_session="):
                    canaries.keep("session", cookie.partition("=")[2].partition(";")[0])
            wrong = canaries.make("wrong password")
            ask("POST", there, headers=HTML, **{kind: {"email": mail, "password": wrong}})
            ask("POST", there, headers=HTML, content=f'{{"password": "{wrong}", ')
    stolen = canaries.make("stolen session")
    ask("GET", "/api/auth/me", headers={"Cookie": f"musekit_session={stolen}"})
    ask("GET", "/dashboard", headers={"Cookie": f"musekit_session={stolen}", **HTML})
    canaries.demand_clean("answers", visitor.told())
    canaries.demand_clean("logs", log.getvalue())
    canaries.demand_clean("the database", everything_stored(world))


def test_api_tokens(world, log, canaries, me, visitor):
    ask = visitor.ask
    made = ask("POST", "/api/auth/tokens", json={"name": "a", "scopes": ["*"]})
    token = canaries.keep("token", made.json()["token"])
    visitor.answers.clear()  # the one answer that holds it
    again = ask("POST", "/api/auth/tokens", json={"name": "b", "scopes": ["*"]},
                headers={**browser(me), "Idempotency-Key": "once"})  # fmt: skip
    canaries.keep("token", again.json()["token"])
    visitor.answers.clear()
    ask("POST", "/api/auth/tokens", json={"name": "b", "scopes": ["*"]},
        headers={**browser(me), "Idempotency-Key": "once"})  # fmt: skip
    ask("GET", "/api/auth/tokens")
    ask("GET", "/account/tokens", headers={**browser(me), **HTML})
    opaque = canaries.make("bad token")
    mistyped = canaries.make("mistyped", prefix="mk_live_")
    for sent in (token, opaque, mistyped):
        for scheme in ("Bearer ", "bearer ", "Basic ", "Token ", ""):
            ask("GET", "/api/social/posts", headers={"Authorization": scheme + sent})
        ask("GET", f"/api/social/posts?access_token={sent}&cursor={sent}")
        ask("GET", f"/api/social/posts/{sent}")
        ask("GET", f"/sign-in?token={sent}", headers=HTML)
        ask("GET", f"/nothing/{sent}?token={sent}")
        ask(
            "POST", "/api/social/posts", json={"token": sent, sent: 1} if False else {"token": sent}
        )
        ask("GET", "/api/social/cron/pull-engagement", headers=bearer(sent))
    visitor.ask("GET", "/api/social/cron/pull-engagement", headers=bearer(CRON_SECRET))
    visitor.ask("GET", "/api/social/cron/pull-engagement", headers=bearer(CRON_SECRET[:-1]))
    judge(world, log, canaries, visitor)


def begin(visitor, canaries, platform="echo"):
    """Begin a connection by OAuth; return its state."""
    forget_flows(visitor.world, visitor.person)
    answer = visitor.ask("POST", "/api/social/connect", json={"platform": platform})
    assert answer.status_code == 200, answer.text
    asked = parse_qs(urlsplit(answer.json()["authorize_url"]).query)
    visitor.answers.pop()  # the address holds the state, for the browser alone
    return canaries.keep("state", asked["state"][0])


def come_back(visitor, state, code, headers=None, **more):
    query = "&".join(f"{k}={v}" for k, v in {"state": state, "code": code, **more}.items())
    return visitor.ask("GET", f"/api/social/callback/echo?{query}", headers=headers)


def test_connecting_by_oauth(world, log, canaries, me, visitor, network):
    page = {**browser(me), **HTML}
    odd = canaries.make("odd error")
    for broken in ("400 invalid_grant", "401 invalid_client", f"400 what{odd}", f"401 {odd}",
                   "500", "599", "429 slow_down"):  # fmt: skip
        network.broken = broken
        for headers in (None, page):
            code = canaries.make("code")
            come_back(visitor, begin(visitor, canaries), code, headers)
    network.broken = None
    for kind in ERRORS:
        network.oauth.refuse = kind
        for headers in (None, page):
            come_back(visitor, begin(visitor, canaries), canaries.make("code"), headers)
    network.oauth.refuse = ""
    come_back(visitor, canaries.make("state"), canaries.make("code"))
    come_back(visitor, begin(visitor, canaries), "", error=canaries.make("error"))
    answer = visitor.ask(
        "POST", "/api/social/connect", json={"platform": "echo"}, headers=bearer(me.token)
    )
    ticket = canaries.keep("ticket", answer.json()["continue_url"].rsplit("/", 1)[1])
    visitor.answers.pop()
    sent_on = visitor.ask("GET", f"/api/social/connect/{ticket}")
    state = canaries.keep(
        "state", parse_qs(urlsplit(sent_on.headers["location"]).query)["state"][0]
    )
    visitor.answers.pop()
    done = come_back(visitor, state, canaries.make("code"))
    assert done.status_code == 200, done.text
    visitor.ask("GET", "/api/social/accounts")
    for kind in ("expired", "revoked", "misconfigured", "crash"):
        network.oauth.refuse = kind
        visitor.ask("POST", "/api/social/accounts/validate")
        visitor.ask("GET", "/api/social/accounts")
        visitor.ask("GET", "/dashboard/social", headers=page)
        network.broken = "400 invalid_grant"
        visitor.ask("POST", "/api/social/accounts/validate")
        visitor.ask("GET", "/api/social/accounts")
        network.broken = None
    network.oauth.refuse = ""
    account = done.json()["id"]
    visitor.ask("DELETE", f"/api/social/accounts/{account}")
    assert len(canaries.known) >= 30
    judge(world, log, canaries, visitor)


def test_connecting_by_app_password(world, log, canaries, me, visitor, network):
    page = {**browser(me), **HTML}
    for handle in [*ERRORS, "me"]:
        password = canaries.make("app password")
        values = {"handle": handle, "app_password": password}
        visitor.ask("POST", "/api/social/connect", json={"platform": "echoform", "values": values})
        typed = {f"value-{name}": value for name, value in values.items()}
        visitor.ask("POST", "/dashboard/social/connect/echoform", data=typed, headers=page)
        values = {"handle": "", "app_password": password, "other": password}
        visitor.ask("POST", "/api/social/connect", json={"platform": "echoform", "values": values})
        typed = {"value-handle": "", "value-app_password": password, "value-other": password}
        visitor.ask("POST", "/dashboard/social/connect/echoform", data=typed, headers=page)
        visitor.ask("POST", "/api/social/connect", json={"platform": "echo", "values": values})
        visitor.ask("POST", "/api/social/connect", json={"platform": "x", "value": password})
    judge(world, log, canaries, visitor)


def test_publishing(world, log, canaries, me, visitor, network):
    done = come_back(visitor, begin(visitor, canaries), canaries.make("code"))
    assert done.status_code in (200, 201), done.text
    for kind in ERRORS:
        soon = (datetime.now(UTC) + timedelta(seconds=0.2)).isoformat()
        made = visitor.ask(
            "POST", "/api/social/posts",
            json={"platform": "echo", "content": f"{kind} it", "scheduled_at": soon},
        ).json()  # fmt: skip
        assert "id" in made, made
        visitor.ask("GET", "/api/social/cron/process-scheduled", headers=bearer(CRON_SECRET))
        for path in (
            f"/api/social/posts/{made['id']}",
            "/api/social/posts",
            "/api/social/accounts",
        ):
            visitor.ask("GET", path)
        for path in (f"/dashboard/social/posts/{made['id']}", "/dashboard/social/queue"):
            visitor.ask("GET", path, headers={**browser(me), **HTML})
        visitor.ask("DELETE", f"/api/social/posts/{made['id']}")
        network.oauth.refuse = ""
        if kind in ("expired", "revoked", "misconfigured"):
            come_back(visitor, begin(visitor, canaries), canaries.make("code"))
    for name in ("social-health-check", "social-trend-monitor", "social-engagement-pull"):
        job = world.host.registry.jobs[name]
        try:
            job.handler(JobRun(host=world.host, name=name, ids={}, attempt=1))
        except Exception as error:
            canaries.demand_clean(f"the error of {name}", str(error))
    visitor.ask("GET", "/api/social/health")
    visitor.ask("GET", "/readyz")
    judge(world, log, canaries, visitor)


def test_lines_of_the_log_are_lines_of_ours(world, log, visitor):
    """CR and LF in what comes from outside start no line; each line is one JSON object."""
    forged = '{"event": "forged", "level": "info"}'
    before = len(log.getvalue())
    for glue in ("%0d%0a", "%0a", "%0d", "%E2%80%A8", "%C2%85", "%1b[2K"):
        visitor.ask("GET", f"/api/social/posts/{glue}{forged}")
        visitor.ask("GET", f"/nothing{glue}{forged}?q={glue}{forged}")
        visitor.ask("GET", f"/sign-in?next={glue}{forged}", headers=HTML)
    for glue in ("\r\n", "\n", "\r", "\u2028", "\x85", "\x1b[2K"):
        text = f"x{glue}{forged}"
        visitor.ask("POST", "/api/auth/sign-in", json={"email": text, "password": text}, headers={})
        visitor.ask("POST", "/api/auth/tokens", json={"name": text, "scopes": ["*"]})
        visitor.ask("POST", "/api/social/posts", json={"platform": text, "content": text})
        visitor.ask("POST", "/sign-in", data={"email": text, "password": text}, headers=HTML)
    for value in (forged, "a\tb" + forged, "a b" * 400 + forged):
        header = [(b"x-request-id", value.encode()), (b"user-agent", value.encode())]
        visitor.ask("GET", "/api/auth/me", headers=header)
    lines = log.getvalue()[before:].splitlines()
    assert len(lines) >= 20
    for line in lines:
        assert json.loads(line).get("event") != "forged", line
