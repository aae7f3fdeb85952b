"""How the deployment runs: the audit log is searched, health has cures, settings keep secrets."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr

from musekit.admin.configuration import sections, shown
from musekit.audit.models import AuditEntry
from musekit.billing.settings import BillingSettings
from musekit.declarations import Health, HealthCheck
from musekit.email.settings import EmailSettings
from musekit.kernel.actors import Actor
from musekit.kernel.database.types import utc_now
from musekit.kernel.host import Host
from musekit.kernel.registry import Contribution
from musekit.testing.pytest_plugin import SignedIn

SYSTEM = Actor.system("tests")
CANARY = "canary-of-a-secret"


def main(page: Any) -> str:
    text: str = page.text.partition("<main")[2]
    return text


def entries(page: Any) -> list[str]:
    return re.findall(r"<strong>(\w+\.\w+)</strong>", main(page))


def happen(host: Host, action: str, person: SignedIn, *, days: int = 0) -> None:
    with host.database.session(SYSTEM) as session:
        session.add(
            AuditEntry(
                at=utc_now() - timedelta(days=days), actor_kind="user", action=action,
                actor_user_id=person.user_id, target_kind="post", target_id="4711",
                detail={"what": "<b>bold</b>"},
            )
        )  # fmt: skip


def test_the_audit_log_is_searched(
    host: Host, operator: Any, make_user: Callable[..., SignedIn]
) -> None:
    ada, bob = make_user("ada@example.com"), make_user("bob@example.com")
    happen(host, "thing.made", ada)
    happen(host, "thing.broken", bob, days=3)
    happen(host, "thing.lost", ada, days=300)

    def page(**wanted: str) -> list[str]:
        return entries(operator.page("/admin/audit", search="thing", **wanted))

    assert page() == ["thing.made", "thing.broken", "thing.lost"]
    assert page(who="ADA@example.com") == ["thing.made", "thing.lost"]
    assert page(who=str(bob.user_id)) == ["thing.broken"]
    assert page(who="nobody@example.com") == []
    assert page(span="day") == ["thing.made"]
    assert page(span="week") == ["thing.made", "thing.broken"]
    assert entries(operator.page("/admin/audit", search="4711")) == page()
    assert operator.page("/admin/audit", span="ever").status_code == 422
    assert "ada@example.com" in main(operator.page("/admin/audit"))
    link = re.search(r'href="(/admin/audit/[^"]+)"', main(operator.page("/admin/audit")))
    assert link
    assert "&lt;b&gt;bold" in main(operator.page(link[1]))
    assert operator.page(f"/admin/audit/{ada.user_id}").status_code == 404


def test_the_audit_log_is_read_to_its_end(
    host: Host, operator: Any, make_user: Callable[..., SignedIn]
) -> None:
    ada = make_user()
    for number in range(60):
        happen(host, f"thing.n{number:02}", ada, days=number // 3)
    first = operator.page("/admin/audit", search="thing.")
    more = re.search(r'href="(/admin/audit\?[^"]+)" rel="next"', first.text)
    assert more
    second = operator.page(more[1].replace("&amp;", "&"))
    seen = entries(first) + entries(second)
    assert len(seen) == len(set(seen)) == 60


def test_a_cursor_is_of_one_list(host: Host, operator: Any, make_user: Any) -> None:
    ada = make_user()
    for number in range(60):
        happen(host, "thing.made", ada, days=number)
    page = operator.page("/admin/audit", search="thing.")
    cursor = re.search(r'after=([\w%-]+)" rel="next"', page.text)
    assert cursor
    assert operator.page("/admin/audit", after=cursor[1]).status_code == 200
    for other in ("users", "organizations", "email", "jobs/failed", "email/suppressions"):
        assert operator.page(f"/admin/{other}", after=cursor[1]).status_code == 422, other


def test_health_says_what_to_do(host: Host, operator: Any) -> None:
    bad = HealthCheck(
        name="elephants", check=lambda host: Health(status="fail", detail="gone", advice="Buy.")
    )
    before = main(operator.page("/admin/health"))
    assert "no job has ever run here" in before  # of a deployment without a worker
    assert "elephants" not in before
    host.registry.frozen = False
    host.registry.accept("musekit", Contribution(items={"health_checks": [bad]}))
    page = main(operator.page("/admin/health"))
    assert page.index("elephants") < page.index("database")
    assert "Buy." in page
    assert "elephants" in main(operator.page("/admin"))


def test_settings_without_their_secrets(host: Host, operator: Any) -> None:
    host.settings.redis_url = f"redis://me:{CANARY}/@x@redis.example:6379/0"
    host.settings.cron_secret = SecretStr(CANARY * 3)
    host.sections[EmailSettings] = EmailSettings(
        smtp_password=SecretStr(CANARY), smtp_host="mail.example"
    )
    host.sections[BillingSettings] = host.sections[BillingSettings].model_copy(
        update={"stripe_secret_key": SecretStr(CANARY)}
    )
    page = operator.page("/admin/settings")
    assert page.status_code == 200
    assert CANARY not in page.text
    assert "mail.example" in page.text
    assert "redis.example" in page.text
    some = main(operator.page("/admin/settings", search="smtp_password"))
    assert "MUSEKIT_EMAIL_SMTP_PASSWORD" in some
    assert "MUSEKIT_EMAIL_SMTP_HOST" not in some
    assert "No setting is called that" in main(operator.page("/admin/settings", search=CANARY))


@pytest.mark.parametrize("backend", ["sqlite"])
def test_every_setting_is_there_with_its_variable(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MUSEKIT_LOG_LEVEL", "INFO")
    found = {each.variables[0]: each for part in sections(host) for each in part.settings}
    assert found["MUSEKIT_LOG_LEVEL"].source == "environment"
    assert found["MUSEKIT_QUEUE_NAME"].source in ("default", "program")
    assert found["SOCIAL_ENCRYPTION_KEY"].secret
    assert found["MUSEKIT_CRON_SECRET"].variables == ("MUSEKIT_CRON_SECRET", "CRON_SECRET")
    assert len(found) >= sum(len(type(each).model_fields) for each in host.sections.values())


class App(BaseModel):
    client_id: str
    client_secret: SecretStr


@pytest.mark.parametrize(
    ("value", "name", "seen"),
    [
        (None, "x", "not set"), ("", "x", "not set"), (SecretStr(""), "x", "not set"),
        (SecretStr(CANARY), "x", "set"), (CANARY, "api_key", "set"), (True, "x", "yes"),
        (20.0, "first_token_seconds", "20.0"),
        ([SecretStr(CANARY)], "x", "[hidden]"), (["a", "b"], "x", "a; b"),
        (f"postgresql://u:{CANARY}@db/x", "x", "postgresql://[hidden]@db/x"),
        (f"redis://:{CANARY}@r:1", "x", "redis://[hidden]@r:1"),
        ([App(client_id="me", client_secret=SecretStr(CANARY))], "x",
         "client_id: me, client_secret: [hidden]"),
        ({"openai": {"token": CANARY}}, "x", "openai: token: [hidden]"),
        (f"x?password={CANARY}", "x", "x?password=[hidden]"),
    ],
)  # fmt: skip
def test_no_secret_is_shown_wherever_it_lies(value: object, name: str, seen: str) -> None:
    assert shown(value, name) == seen
