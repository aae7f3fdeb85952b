"""Limits at the routes: who is counted under which policy, and what answers say of it."""

from __future__ import annotations

import re

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient

from musekit.kernel.ratelimit.settings import LimitSettings
from musekit.kernel.web.access import access_of
from musekit.kernel.web.routes import table

#: Ways in, and mails that anybody can have sent: never uncounted, whatever happens to Redis.
GUARDED = (
    "POST /api/auth/sign-in", "POST /sign-in", "POST /api/auth/sign-in/second-factor",
    "POST /sign-in/second-factor", "POST /api/auth/sign-in/passkey", "POST /re-authenticate",
    "POST /api/auth/re-authenticate", "POST /api/auth/forgot", "POST /forgot",
    "POST /api/auth/reset", "POST /reset/{token}", "POST /api/auth/verify",
    "POST /api/auth/sign-up", "POST /sign-up", "POST /set-up/{token}", "POST /invite/{token}",
    "POST /api/invitations/accept", "POST /organization/invitations", "POST /api/ai/complete",
)  # fmt: skip
#: Routes without a limit, and why.
FREE = ("/-/sandbox/", "/-/static/", "/healthz", "/readyz", "/openapi.json",
        "/api/billing/stripe/webhook", "/api/email/resend/webhook")  # fmt: skip


def rate(client: TestClient, **rates: str) -> None:
    client.app.state.host.limits.configure(LimitSettings(**rates))  # type: ignore[attr-defined]


def told(answer) -> tuple[int, int]:
    return int(answer.headers["ratelimit-limit"]), int(answer.headers["ratelimit-remaining"])


@pytest.mark.parametrize("backend", ["sqlite"])
def test_every_route_has_a_limit_or_a_reason(app: FastAPI) -> None:
    for method, path, rule, limit in table(app):
        if limit == "none":
            assert rule.startswith("secret") or path.startswith(FREE), (method, path)
        else:
            assert re.fullmatch(r"[a-z]+(-[a-z]+)*", limit), (path, limit)


@pytest.mark.parametrize("backend", ["sqlite"])
def test_every_way_in_is_counted_where_no_count_is_lost(app: FastAPI) -> None:
    known = {
        f"{method} {context.path}": rule.policy(method)
        for context in iter_route_contexts(app.router.routes)
        if (rule := access_of(context)) is not None
        for method in context.methods or ()
    }
    for route in GUARDED:
        policy = known[route]
        assert policy.away == "database", route
        assert policy.strict_hits is not None, route
        assert policy.strict_hits < policy.hits, route
    for route, policy in known.items():
        assert policy.away in ("memory", "database"), route  # nothing is uncounted


def test_answers_tell_what_is_left_and_refuse_what_is_too_much(client, make_user) -> None:
    ada = make_user()
    rate(client, reads="3/3600")
    seen = [ada.client.get("/api/auth/me") for _ in range(5)]
    assert [each.status_code for each in seen] == [200, 200, 200, 429, 429]
    assert [told(each) for each in seen] == [(3, 2), (3, 1), (3, 0), (3, 0), (3, 0)]
    assert seen[0].headers["ratelimit-policy"] == "3;w=3600"
    assert 0 < int(seen[0].headers["ratelimit-reset"]) <= 7200
    refused = seen[-1]
    assert 1 <= int(refused.headers["retry-after"]) <= int(refused.headers["ratelimit-reset"])
    assert refused.json()["code"] == "limit-reached"
    assert "wait" in refused.json()["detail"]


def test_people_are_counted_by_themselves_with_all_of_their_tokens(client, make_user) -> None:
    ada, bob = make_user(), make_user()
    rate(client, reads="2/3600")
    bearer = {"Authorization": f"Bearer {ada.token}"}
    assert ada.client.get("/api/auth/me").status_code == 200
    assert client.get("/api/auth/me", headers=bearer).status_code == 200
    assert client.get("/api/auth/me", headers=bearer).status_code == 429
    assert bob.client.get("/api/auth/me").status_code == 200


def test_who_guesses_tokens_is_counted_by_address(client) -> None:
    rate(client, reads="3/3600", writes="2/3600")
    wrong = [
        client.get("/api/auth/me", headers={"Authorization": f"Bearer mk_live_{n}"})
        for n in range(5)
    ]
    assert [each.status_code for each in wrong] == [401, 401, 401, 429, 429]
    posts = [client.post("/api/auth/tokens", json={}) for _ in range(3)]
    assert [each.status_code for each in posts] == [401, 401, 429]


def test_a_page_refuses_as_a_page(client) -> None:
    rate(client, public="1/3600")
    html = {"Accept": "text/html"}
    assert client.get("/sign-in", headers=html).status_code == 200
    refused = client.get("/sign-in", headers=html)
    assert refused.status_code == 429
    assert refused.headers["content-type"].startswith("text/html")
    assert "retry-after" in refused.headers


def test_the_host_and_its_cron_are_not_limited(client) -> None:
    rate(client, reads="1/3600", writes="1/3600", public="1/3600")
    for path in ("/healthz", "/api/social/cron/process-scheduled"):
        answers = [client.get(path) for _ in range(4)]
        assert 429 not in [each.status_code for each in answers]
        assert all("ratelimit-limit" not in each.headers for each in answers)
