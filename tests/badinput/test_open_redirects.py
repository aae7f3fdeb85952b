"""Wherever an address to go on to may be given, it leads to a page of ours, or it is dropped (D13).

The places are found by the names of parameters; a new one has to be named here.
"""

import re
from html import unescape

import pyotp
import pytest
from sqlalchemy import select
from tests.badinput.elsewhere import AWAY, EVIL, HERE, leads_away
from tests.badinput.judging import once
from tests.isolation import fields
from tests.isolation.routes import HTML, prepare, routes_of
from tests.isolation.world import PASSWORD, SYSTEM, browser

from musekit.auth.federation.models import SignInFlow

#: What parameters that hold an address of a page are called, here and elsewhere.
NAMES = {
    "next", "next_url", "back", "return", "return_to", "return_url", "redirect", "redirect_to",
    "redirect_url", "goal", "continue", "dest", "destination", "target", "forward", "goto",
    "success_url", "cancel_url", "referer",
}  # fmt: skip
PLACES = {
    "GET /sign-in", "POST /sign-in", "GET /sign-up", "POST /sign-up", "GET /re-authenticate",
    "POST /re-authenticate", "POST /re-authenticate/with/{key}", "GET /sign-in/with/{key}",
    "GET /sign-in/saml", "POST /sign-in/saml", "GET /sign-in/saml/{connection_id}",
    "POST /account/space", "POST /set-up/{token}",
    *(f"POST /dashboard/social/posts/{{post_id:uuid}}/{act}"
      for act in ("reschedule", "resolve", "pull-back", "now")),
}  # fmt: skip
#: Addresses in a page that a browser follows.
FOLLOWED = re.compile(r'(?:href|action|formaction|src|content)="([^"]*)"')
GIVEN_ON = re.compile(r'name="next" value="([^"]*)"')


def sent_on(world, answer):
    """Yield each address an answer sends a browser to, or would, that leads to another site."""
    if location := answer.headers.get("location"):
        yield location
    if answer.headers.get("content-type", "").startswith("text/html"):
        yield from (unescape(each) for each in GIVEN_ON.findall(answer.text) if each)
        yield from (unescape(each) for each in FOLLOWED.findall(answer.text))


def faults_of(world, what, answer):
    """Yield what is wrong with an answer."""
    if answer.status_code >= 500:
        yield f"{what}: {answer.status_code}"
    if answer.headers.get("set-cookie", "").startswith("a=b"):
        yield f"{what}: sets a header"
    for address in sent_on(world, answer):
        if EVIL in address and leads_away(world.url, address):
            yield f"{what}: leads to {address[:80]!r}"
        if leads_away(world.url, address) and address.lower().lstrip().startswith("javascript"):
            yield f"{what}: runs {address[:80]!r}"
    if "<script>alert" in answer.text or f"<a href=https://{EVIL}" in answer.text:
        yield f"{what}: repeats markup"


def chosen(world):
    """Return all strings; on the second database every fifth."""
    return (AWAY + HERE)[:: 5 if world.host.database.is_postgres else 1]


def test_the_judge_tells_them_apart():
    base = "http://127.0.0.1:8000/sign-in"
    assert len(set(AWAY)) >= 60
    relative = {
        f"@{EVIL}", f":80@{EVIL}", f".{EVIL}", EVIL, f"{EVIL}/..", f";//{EVIL}", f"\\{EVIL}",
        f"<>//{EVIL}", f"\"><a href=https://{EVIL}>", f"\u2028//{EVIL}",
    }  # fmt: skip
    kept = {each for each in AWAY if not leads_away(base, each)}
    assert kept <= relative | {f"\ufeff//{EVIL}", f"\u00a0//{EVIL}"}, kept - relative
    assert not [each for each in HERE if leads_away(base, each)]
    assert not leads_away(base, f"http://127.0.0.1:8000/{EVIL}")


def test_every_place_is_known(world):
    found = {
        route.key
        for route in routes_of(world.app)
        if route.rule is not None
        and route.is_page
        and not route.row.fake
        and NAMES & fields.names(world.app, route)
    }
    assert found == PLACES


def test_no_place_leads_away(world, me):
    faults, tried = [], 0
    for route in routes_of(world.app):
        if route.key not in PLACES:
            continue
        for nobody in (False, True):
            if nobody and not route.is_public:
                continue
            send = prepare(world, route, me)
            part, sample = fields.sample_of(route, world, me)
            [name] = NAMES & fields.names(world.app, route)
            for value in chosen(world):
                given = {**sample, name: value.encode("utf-8", "surrogatepass")}
                answer = send({} if nobody else browser(me), **{part: given})
                faults += faults_of(world, f"{route.key} {name}={value[:60]!r}", answer)
                tried += 1
            world.forget_limits()
        world.sign_in(me)
    assert tried >= (200 if world.host.database.is_postgres else 1000)
    assert not faults, "\n".join(faults[:40])
    # What was kept for later, when the browser comes back from a provider.
    with world.host.database.session(SYSTEM, readonly=True) as session:
        kept = session.scalars(select(SignInFlow.next)).all()
    assert not [each for each in kept if leads_away(world.url, each)]


@once
def test_who_comes_in_stays_here(world):
    """The right password, and a second factor after it: the address was kept meanwhile."""
    person, faults = world.add("redirected"), []
    for value in AWAY[::3] + HERE[::3]:
        form = {"email": person.email, "password": PASSWORD, "next": value.encode()}
        answer = world.http.post(f"{world.url}/sign-in", data=form, headers={"Accept": HTML})
        assert answer.status_code == 303, answer.text[:200]
        faults += faults_of(world, f"sign-in next={value!r}", answer)
        world.http.cookies.clear()
        world.forget_limits()
    world.sign_in(person)
    asked = world.http.post(f"{world.url}/api/auth/totp", json={}, headers=browser(person))
    secret = asked.json()["shared_secret"]
    codes = world.http.post(
        f"{world.url}/api/auth/totp/confirm", json={"code": pyotp.TOTP(secret).now()},
        headers=browser(person),
    ).json()["recovery_codes"]  # fmt: skip
    world.http.cookies.clear()
    for value, code in zip((f"//{EVIL}", f"/\\{EVIL}", f"https://{EVIL}"), codes, strict=False):
        form = {"email": person.email, "password": PASSWORD, "next": value}
        half_way = world.http.post(f"{world.url}/sign-in", data=form, headers={"Accept": HTML})
        assert half_way.status_code == 303, half_way.text
        assert half_way.headers["location"] == "/sign-in/second-factor"
        page = world.http.get(f"{world.url}/sign-in/second-factor", headers={"Accept": HTML})
        token = page.text.partition('name="csrf_token" value="')[2].partition('"')[0]
        answer = world.http.post(
            f"{world.url}/sign-in/second-factor", data={"code": code, "csrf_token": token},
            headers={"Accept": HTML},
        )  # fmt: skip
        assert answer.status_code == 303, answer.text[:200]
        assert answer.headers["location"] == "/dashboard"
        world.http.cookies.clear()
        world.forget_limits()
    assert not faults, "\n".join(faults)


@once
@pytest.mark.parametrize("path", ["/account/tokens", "/dashboard", "/admin"])
def test_paths_and_referers_lead_nowhere_else(world, me, path):
    """Where one is sent to sign in, and after, comes from the path and from the Referer."""
    faults = []
    for value in AWAY + HERE:
        if not value.isascii() or any(ord(char) < 33 for char in value):
            continue
        for url in (f"{world.url}{path}?x={value}", f"{world.url}/{value}"):
            try:
                answer = world.http.get(url, headers={"Accept": HTML, "Referer": value})
            except ValueError:
                continue  # no client could ask for it
            faults += faults_of(world, f"{url!r}", answer)
        headers = {**browser(me), "Accept": HTML, "Referer": f"{world.url}{value}"}
        answer = world.http.post(f"{world.url}{path}", headers=headers)
        faults += faults_of(world, f"Referer {value!r}", answer)
        world.forget_limits()
    assert not faults, "\n".join(faults[:40])
