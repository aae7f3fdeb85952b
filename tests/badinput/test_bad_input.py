"""Whatever is sent, the answer is a refusal that helps, and never a fault of ours.

Made from the routes, as the isolation matrix is; bad posts have their own test with PassivePost.
"""

import http.client
import re
from urllib.parse import urlsplit

import pytest
from tests.badinput.inputs import BROKEN, HOSTS, KEYS, SEGMENTS, encode
from tests.badinput.judging import FORM, JSON, LEAST, once, shared, some, writing
from tests.isolation import fields
from tests.isolation.routes import prepare, routes_of
from tests.isolation.world import browser

from passivepost.accounts.registry import platforms_of


@once
@shared
def test_bodies_that_cannot_be_read(world, me, judge, share):
    for at, route in enumerate(writing(world)):
        send = None
        for what, body in some(BROKEN.items(), at, world, share):
            send = send or prepare(world, route, me)
            answer = send({**browser(me), **JSON}, content=body, json=None, data=None)
            wants = route.row.json is not None and not route.row.fake
            judge.look(route, what, answer, {400, 422} if wants else None)
            send = send if answer.status_code >= 400 else None  # what it names may be gone
        world.forget_limits()
    judge.finish(LEAST["bodies"])


@once
@shared
def test_bodies_of_another_kind(world, me, judge, share):
    kinds = [
        "text/plain", "application/xml", "application/octet-stream", "", "json", "text/html",
        "multipart/form-data", "multipart/form-data; boundary=x", "image/png",
        "application/x-www-form-urlencoded", "application/json; charset=utf-16",
    ]  # fmt: skip
    for at, route in enumerate(writing(world)):
        send = None
        for kind in some(kinds, at, world, share):
            send = send or prepare(world, route, me)
            headers = {**browser(me), **({"Content-Type": kind} if kind else {})}
            answer = send(headers, content=b"--x\r\nnot what it says", json=None, data=None)
            wants = route.row.json is not None and not route.row.fake
            judge.look(route, kind, answer, {400, 415, 422} if wants else None)
            send = send if answer.status_code >= 400 else None
        world.forget_limits()
    judge.finish(LEAST["bodies"])


@once
@shared
def test_numbers_and_names_json_allows_and_we_do_not(world, me, judge, share):
    for at, route in enumerate(writing(world, fake=False)):
        if route.row.json is None:
            continue
        send = prepare(world, route, me)
        for what, body in some({
            "NaN": b'{"limit": NaN}', "Infinity": b'{"limit": -Infinity}', "1e999": b'{"a": 1e999}',
            "5,000 digits": b'{"a": ' + b"9" * 5000 + b"}", "a name twice": b'{"a": 1, "a": 2}',
            "an empty name": b'{"": 1}', "a NUL name": b'{"\\u0000": 1}',
            "half a name": b'{"\\ud800": 1}', "__proto__": b'{"__proto__": {}}',
            "many names": encode({f"n{n}": n for n in range(3000)}),
        }.items(), at, world, share):  # fmt: skip
            answer = send({**browser(me), **JSON}, content=body, json=None)
            judge.look(route, what, answer, {400, 422})
        world.forget_limits()
    judge.finish(60)


#: What else a path that leads nowhere may be answered by.
ELSEWHERE = {
    "GET /sign-in/with/{key}": {303},  # home: one is signed in
    # The list says what is there by now.
    "POST /organization/invitations/{invitation_id}/again": {303},
    "POST /organization/invitations/{invitation_id}/revoke": {303},
    # About us, and the same for every id, so that none is told from another.
    "GET /sign-in/saml/{connection_id}/metadata": {200},
}


@shared
def test_paths_that_lead_nowhere(world, me, judge, share):
    for at, route in enumerate(routes_of(world.app)):
        if not route.row.things or route.rule is None:
            continue
        if route.row.fake and world.host.database.is_postgres:
            continue
        send = prepare(world, route, me)
        for segment in some(SEGMENTS, at, world, share):
            path = re.sub(r"\{[^}]*\}", lambda _, segment=segment: segment, route.path)
            url = world.url + path.replace("\x00", "%00")
            answer = send(browser(me), url=url)
            # Pages that are asked to end what is over already go back to the list and say so.
            gone = {303} & set(route.row.stranger or ())
            if "connect/{name}" in route.path or "callback" in route.path:
                gone = {422, 404, 403}
            # 410: a link that opens nothing, and which of them ever did is not told.
            expected = {400, 403, 404, 405, 410, 422} | gone | ELSEWHERE.get(route.key, set())
            judge.look(route, segment[:40], answer, None if route.row.fake else expected)
        world.forget_limits()
    judge.finish(LEAST["paths"])


@shared
def test_queries_that_mean_nothing(world, me, judge, share):
    junk = ["", "nonsense", "-1", "9" * 40, "%00", "%ED%A0%80", "YWJj", "x" * 5000, "[]", "%0d%0a"]
    junk += ["9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00%2B14:00", "' OR 1=1", "1e999"]
    second = world.host.database.is_postgres
    for at, route in enumerate(routes_of(world.app)):
        if route.rule is None or route.method != "GET" or (second and route.row.fake):
            continue
        send = prepare(world, route, me)
        path = re.sub(r"\{[^}]*\}", "x", route.path)
        for n, name in enumerate(fields.query_names(world.app, route) or ["cursor"]):
            for value in some(junk, at + n, world, share):
                url = f"{world.url}{path}?{name}={value}"
                judge.look(route, f"{name}={value[:30]}", send(browser(me), url=url, params=None))
        world.forget_limits()
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
        bare = not (route.row.json or route.row.form)
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
