"""Whatever is sent, the answer is a refusal that helps, and never a fault of ours.

Made from the routes, as the isolation matrix is; bad posts have their own test with PassivePost.
"""

import http.client
import re
from collections import Counter
from urllib.parse import urlsplit

import httpx
import pytest
from tests.badinput.inputs import BROKEN, CANARY, HOSTS, KEYS, SEGMENTS, STORED, VALUES, encode
from tests.isolation import fields
from tests.isolation.matrix import UNSAFE, prepare, routes_of
from tests.isolation.world import browser

from passivepost.accounts.registry import platforms_of

JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
#: How many inputs each test tries at least, so that a change does not empty it silently.
LEAST = {"bodies": 200, "values": 500, "paths": 200, "queries": 100}


def once(test):
    """What is refused before a database is asked is tried on one of them."""
    return pytest.mark.parametrize("world", ["sqlite"], indirect=True)(test)


class Judge:
    """Collects what is wrong with answers."""

    def __init__(self, world, me):
        self.world, self.me = world, me
        self.faults, self.tried = [], Counter()

    def look(self, route, what, answer, expected=None):
        self.tried[answer.status_code] += 1
        told = f"{route.key} with {what}: {answer.status_code} {answer.text[:160]!r}"
        if answer.status_code >= 500 and answer.status_code != 503:
            self.faults.append(told)
        elif expected is not None and answer.status_code not in expected:
            self.faults.append(f"{told}, expected {sorted(expected)}")
        elif answer.status_code >= 400 and not route.row.fake:
            self.faults += [f"{told}: {fault}" for fault in _unhelpful(route, answer)]
        if route.row.ends_session and answer.status_code < 400:
            self.world.sign_in(self.me)

    def finish(self, least):
        assert sum(self.tried.values()) >= least, self.tried
        assert not self.faults, f"{len(self.faults)} faults:\n" + "\n".join(self.faults[:40])


def _unhelpful(route, answer):
    if CANARY in answer.text and not route.is_page:
        yield "it repeats what was sent"
    if route.is_page:
        return
    if not answer.headers["content-type"].startswith("application/problem+json"):
        yield "no problem document"
        return
    problem = answer.json()
    if len(problem["detail"]) < 20:
        yield f"it says only “{problem['detail']}”"
    if answer.status_code == 422 and not (problem.get("errors") or len(problem["detail"]) > 30):
        yield "it names no field"


@pytest.fixture
def judge(world, me):
    world.account(me)
    world.forget_limits()
    return Judge(world, me)


def writing(world, *, fake=True):
    """Routes that take a body; each with what sends its sample."""
    for route in routes_of(world.app):
        secret = route.rule is not None and route.rule.kind == "secret"
        if route.method in UNSAFE and not secret and (fake or not route.row.fake):
            yield route


@once
def test_bodies_that_cannot_be_read(world, me, judge):
    for route in writing(world):
        for what, body in BROKEN.items():
            send = prepare(world, route, me)
            answer = send({**browser(me), **JSON}, content=body, json=None, data=None)
            wants = route.row.json is not None and not route.row.fake
            judge.look(route, what, answer, {400, 422} if wants else None)
            world.forget_limits()
    judge.finish(LEAST["bodies"])


@once
def test_bodies_of_another_kind(world, me, judge):
    kinds = [
        "text/plain", "application/xml", "application/octet-stream", "", "json", "text/html",
        "multipart/form-data", "multipart/form-data; boundary=x", "image/png",
        "application/x-www-form-urlencoded", "application/json; charset=utf-16",
    ]  # fmt: skip
    for route in writing(world):
        for kind in kinds:
            send = prepare(world, route, me)
            headers = {**browser(me), **({"Content-Type": kind} if kind else {})}
            answer = send(headers, content=b"--x\r\nnot what it says", json=None, data=None)
            wants = route.row.json is not None and not route.row.fake
            judge.look(route, kind, answer, {400, 415, 422} if wants else None)
            world.forget_limits()
    judge.finish(LEAST["bodies"])


def test_values_no_field_takes(world, me, judge):
    second = world.host.database.is_postgres
    values = {name: VALUES[name] for name in STORED} if second else VALUES
    for route in writing(world, fake=not second):
        part, sample = fields.sample_of(route, world, me)
        names = sorted(
            fields.names(world.app, route) | (set(sample) if part != "params" else set())
        )
        for name in names:
            send = prepare(world, route, me)
            for what, value in values.items():
                form = part == "data" or route.is_page
                if form and (part == "params" or not isinstance(value, str)):
                    continue  # a form sends text
                if form:
                    changes = {"data": {**sample, name: value.encode("utf-8", "surrogatepass")}}
                    headers = browser(me)
                else:
                    changes = {"content": encode({**sample, name: value}), "json": None}
                    headers = {**browser(me), **JSON}
                try:
                    answer = send(headers, **changes)
                except httpx.RemoteProtocolError:
                    assert route.row.fake, (route.key, name, what)  # an address of 100,000 letters
                    continue
                judge.look(route, f"{name} = {what}", answer)
        world.forget_flows(me)
        world.forget_limits()
    judge.finish(LEAST["values"])


@once
def test_numbers_and_names_json_allows_and_we_do_not(world, me, judge):
    for route in writing(world, fake=False):
        if route.row.json is None:
            continue
        for what, body in {
            "NaN": b'{"limit": NaN}', "Infinity": b'{"limit": -Infinity}', "1e999": b'{"a": 1e999}',
            "5,000 digits": b'{"a": ' + b"9" * 5000 + b"}", "a name twice": b'{"a": 1, "a": 2}',
            "an empty name": b'{"": 1}', "a NUL name": b'{"\\u0000": 1}',
            "half a name": b'{"\\ud800": 1}', "__proto__": b'{"__proto__": {}}',
            "many names": encode({f"n{n}": n for n in range(3000)}),
        }.items():  # fmt: skip
            answer = prepare(world, route, me)({**browser(me), **JSON}, content=body, json=None)
            judge.look(route, what, answer, {400, 422})
            world.forget_limits()
    judge.finish(60)


def test_paths_that_lead_nowhere(world, me, judge):
    for route in routes_of(world.app):
        if not route.row.things or route.rule is None:
            continue
        if route.row.fake and world.host.database.is_postgres:
            continue
        for segment in SEGMENTS:
            path = re.sub(r"\{[^}]*\}", lambda _, segment=segment: segment, route.path)
            send = prepare(world, route, me)
            url = world.url + path.replace("\x00", "%00")
            answer = send(browser(me), url=url)
            # Pages that are asked to end what is over already go back to the list and say so.
            gone = {303} & set(route.row.stranger or ())
            if "connect/{name}" in route.path or "callback" in route.path:
                gone = {422, 404, 403}
            expected = {400, 403, 404, 405, 422} | gone
            judge.look(route, segment[:40], answer, None if route.row.fake else expected)
            world.forget_limits()
    judge.finish(LEAST["paths"])


def test_queries_that_mean_nothing(world, me, judge):
    junk = ["", "nonsense", "-1", "9" * 40, "%00", "%ED%A0%80", "YWJj", "x" * 5000, "[]", "%0d%0a"]
    junk += ["9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00%2B14:00", "' OR 1=1", "1e999"]
    second = world.host.database.is_postgres
    for route in routes_of(world.app):
        if route.rule is None or (second and route.row.fake):
            continue
        names = {name for name, _ in fields.parameters(world.app, route)}
        if route.method != "GET":
            continue
        send = prepare(world, route, me)
        path = re.sub(r"\{[^}]*\}", "x", route.path)
        for name in sorted(names | {"cursor"}):
            for value in junk:
                url = f"{world.url}{path}?{name}={value}"
                judge.look(route, f"{name}={value[:30]}", send(browser(me), url=url, params=None))
    judge.finish(LEAST["queries"])


def test_idempotency_keys_that_are_none(world, me, judge):
    for route in writing(world, fake=False):
        for key in KEYS:
            send = prepare(world, route, me)
            headers = [*browser(me).items(), (b"Idempotency-Key", key.encode("latin-1"))]
            headers = [(k.encode() if isinstance(k, str) else k,
                        v.encode() if isinstance(v, str) else v) for k, v in headers]  # fmt: skip
            answer = send({}, headers=headers)
            judge.look(route, repr(key[:20]), answer, {400})
    judge.finish(40)


@once
@pytest.mark.parametrize("chunked", [False, True])
def test_bodies_too_large(world, me, judge, chunked):
    big = b'{"content": "' + b"x" * 1_100_000 + b'"}'
    for route in writing(world, fake=False):
        kind = FORM if route.row.form is not None else JSON
        body = (big[at : at + 65536] for at in range(0, len(big), 65536)) if chunked else big
        answer = prepare(world, route, me)(
            {**browser(me), **kind}, content=body, json=None, data=None
        )
        # A route that takes no body need not read it.
        bare = route.row.json is None and route.row.form is None
        judge.look(route, "1.1 MB", answer, None if bare else {413})
        if route.row.ends_session:
            world.sign_in(me)
        world.forget_limits()
    judge.finish(25)


@once
def test_methods_a_path_does_not_take(world, me):
    taken = {}
    for route in routes_of(world.app):
        taken.setdefault(route.path, set()).add(route.method)
    for path, methods in taken.items():
        url = world.url + re.sub(r"\{[^}]*\}", "00000000-0000-7000-8000-000000000000", path)
        for method in ("PATCH", "PUT", "DELETE", "OPTIONS", "TRACE"):
            others = {m for p, ms in taken.items() for m in ms if _alike(p, path)}
            if method in methods | others:
                continue
            answer = world.http.request(method, url, headers=browser(me))
            assert answer.status_code in (404, 405), (method, path, answer.text)
            world.http.cookies.clear()


def _alike(one, other):
    def bare(path):
        return re.sub(r"\{[^}]*\}", "{}", path)

    return bare(one) == bare(other) or "{" in one + other


@once
def test_names_that_are_not_ours(world):
    target = urlsplit(world.url)
    for host in HOSTS:
        connection = http.client.HTTPConnection(target.hostname, target.port, timeout=10)
        connection.putrequest("GET", "/sign-in", skip_host=True)
        connection.putheader("Host", host.encode("latin-1"))
        connection.endheaders()
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        assert answer.status == 400, (host, answer.status, body[:200])
        assert b"evil" not in body


@once
def test_what_each_platform_does_not_take(world, me):
    for platform in platforms_of(world.host).all():
        order = {"platform": platform.name, "content": "Hello"}
        url = f"{world.url}/api/social/posts"
        if platform.stub:
            answer = world.http.post(url, json=order, headers=browser(me))
            assert answer.status_code == 422, (platform.name, answer.text)
            assert "not available" in answer.text, (platform.name, answer.text)
            answer = world.http.post(
                f"{world.url}/api/social/connect", json={"platform": platform.name},
                headers=browser(me),
            )  # fmt: skip
            assert answer.status_code == 422, (platform.name, answer.text)
            continue
        limit = platform.capabilities.text.limit
        answer = world.http.post(
            url, json={**order, "content": "x " * limit + "x"}, headers=browser(me)
        )
        assert answer.status_code == 422, (platform.name, answer.text)
        assert str(limit) in answer.text, (platform.name, answer.text)
    answer = world.http.post(url, json={"platform": "myspace", "content": "x"}, headers=browser(me))
    assert answer.status_code == 422
    assert "sandbox" in answer.json()["detail"] + str(answer.json().get("errors")), answer.text
