"""The audit log, health and settings by JSON; and each page of the operator's has its twin."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from musekit.kernel.web.access import access_of
from musekit.testing.pytest_plugin import SignedIn

#: Forms on the operator's pages whose JSON route has another address.
ELSEWHERE = {
    "/users/{user_id}/grant": "PUT /users/{user_id}/grants/{product}",
    "/users/{user_id}/take-back": "DELETE /users/{user_id}/grants/{product}",
    "/organizations/{organization_id}/grant":
        "PUT /organizations/{organization_id}/grants/{product}",
    "/organizations/{organization_id}/take-back":
        "DELETE /organizations/{organization_id}/grants/{product}",
    "/products/{product}/tiers": "PUT /products/{product}/tiers",
    "/products/{product}/tiers/own": "POST /products/{product}/tiers/preview",
    "/jobs/{left}/{job_id}/drop": "DELETE /jobs/{left}/{job_id}",
    "/email/failed/again": "POST /email/failed/retry",
    "/email/{mail_id}/again": "POST /email/{mail_id}/retry",
    "/email/templates/{key}/try": "POST /email/templates/{template}/try",
    "/email/suppressions/remove": "DELETE /email/suppressions",
    "/ai/{config_id}/remove": "DELETE /ai/services/{config_id}",
    "/ai/{config_id}/test": "POST /ai/services/{config_id}/test",
}  # fmt: skip
#: Pages that have none, and why.
NO_TWIN = {
    "": "it puts together what /health, /jobs, /users and /organizations say",
    "/users/{user_id}/impersonate": "it makes this browser another person's",
    "/products/{product}/tiers": "a form: GET /products/{product} says what is in it",
    "/email/templates/{key}": "GET /email/templates/{template}",
    "/email/templates/{key}/html": "it is a member of GET /email/templates/{template}",
}


def test_each_page_has_its_twin(app: FastAPI) -> None:
    routes = {
        f"{method} {context.path}"
        for context in iter_route_contexts(app.router.routes)
        for method in (context.methods or set()) - {"HEAD"}
    }
    twins = {each.replace("/api/admin", "", 1) for each in routes if " /api/admin" in each}
    pages = [each for each in routes if re.match(r"\w+ /admin(/|$)", each)]
    assert len(pages) > 40
    missing = []
    for each in sorted(pages):
        method, _, path = each.replace("/admin", "", 1).partition(" ")
        twin = ELSEWHERE.get(path, "") if method == "POST" else ""
        if (twin or f"{method} {path}") not in twins and path not in NO_TWIN:
            missing.append(each)
    assert not missing


def test_all_of_it_is_the_operators_and_acts_ask_who_it_is(app: FastAPI) -> None:
    found = [
        (context, access_of(context))
        for context in iter_route_contexts(app.router.routes)
        if str(context.path).startswith("/api/admin")
    ]
    assert len(found) > 30
    for context, rule in found:
        assert rule is not None
        assert rule.kind == "operator", context.path
        assert rule.recent == ("GET" not in (context.methods or ())), context.path


def test_who_did_what(operator: Any, make_user: Callable[..., SignedIn]) -> None:
    person = make_user("ada@example.com")
    operator.ask("POST", f"/users/{person.user_id}/close", {"reason": "spam"})
    found = operator.got("/audit", search="user.disabled", who="OPERATOR@example.com", span="day")
    assert [each["email"] for each in found["items"]] == ["operator@example.com"]
    entry = found["items"][0]
    assert (entry["target_id"], entry["detail"]["reason"]) == (str(person.user_id), "spam")
    assert entry["space_id"] is None
    assert operator.got(f"/audit/{entry['id']}") == entry
    assert operator.got("/audit", search="user.disabled", who="nobody@example.com")["items"] == []
    assert operator.ask("GET", f"/audit/{person.user_id}").status_code == 404


@pytest.mark.parametrize("backend", ["sqlite"])
def test_settings_tell_no_secret(operator: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    sections = operator.got("/settings", search="smtp")["items"]
    settings = {e["variables"][0]: e for section in sections for e in section["settings"]}
    assert settings["MUSEKIT_EMAIL_SMTP_PASSWORD"]["hidden"] is True
    assert settings["MUSEKIT_EMAIL_SMTP_PASSWORD"]["value"] == "not set"
    assert settings["MUSEKIT_EMAIL_SMTP_PORT"]["source"] == "default"
    assert operator.got("/settings", search="elephant")["items"] == []


@pytest.mark.parametrize("backend", ["sqlite"])
def test_health_says_what_to_do(operator: Any) -> None:
    found = operator.got("/health")["items"]
    order = [each["status"] for each in found]
    assert order == sorted(order, key=("fail", "warn", "ok").index)
    assert "database" in {each["name"] for each in found}
    assert all(each["advice"] for each in found if each["status"] != "ok")
