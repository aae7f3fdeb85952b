"""The pages of webhooks: made, shown, tried, changed, switched, taken away; both paths."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from standardwebhooks import Webhook
from tests.support.listener import plain

from musekit.auth.models import User, UserSession
from musekit.email.models import OutboxMail
from musekit.kernel.actors import Actor
from musekit.organizations import service as organizations

SYSTEM = Actor.system("tests")
PAGE = "/account/webhooks"


@pytest.fixture
def post(lab: Any) -> Callable[..., Any]:
    """Send a form of the pages."""

    def send(path: str = "", base: str = PAGE, **values: Any) -> Any:
        page = lab.user.client.get("/account").text
        token = page.partition('name="csrf_token" value="')[2].partition('"')[0]
        return lab.user.client.post(base + path, data={"csrf_token": token, **values})

    return send


def secret_in(page: Any) -> str:
    [found] = set(re.findall(r"whsec_[A-Za-z0-9+/=]+", page.text.replace("&#43;", "+")))
    return str(found)


def test_from_the_first_to_the_last(lab: Any, post: Any) -> None:
    client = lab.user.client
    assert "No webhooks yet" in client.get(PAGE).text
    assert "A thing was made" in client.get(f"{PAGE}/new").text
    made = post(url=lab.listener.url, description="Of the shop", events=["thing.made"])
    assert made.headers["cache-control"] == "no-store"
    secret = secret_in(made)
    at = f"/{lab.one().id}"
    page = client.get(PAGE + at)
    assert secret not in page.text
    assert "Nothing yet" in page.text
    lab.emit()
    assert lab.deliver() == {"delivered": 1}
    Webhook(secret).verify(lab.listener.told[0].body, lab.listener.told[0].headers)
    assert "Delivered" in client.get(PAGE + at).text
    [row] = lab.rows()
    delivery = f"{at}/deliveries/{row.id}"
    shown = client.get(PAGE + delivery).text
    assert lab.listener.told[0].id in shown
    assert "thing_id" in shown
    assert "is sent again" in post(f"{delivery}/again").text
    assert lab.deliver() == {"delivered": 1}
    told = post(f"{at}/test", event="thing.lost")
    assert "has answered 204" in told.text
    lab.listener.script.append(500)
    told = post(f"{at}/test", event="thing.lost")
    assert "The test has failed" in told.text
    assert "has answered 500" in told.text
    lab.listener.script.append(
        lambda connection: connection.sendall(plain(500, body=b"canary of the receiver"))
    )
    assert "canary" not in post(f"{at}/test").text
    assert "24 hours" in client.get(f"{PAGE}{at}/rotate").text
    another = secret_in(post(f"{at}/rotate"))
    assert another != secret
    assert "Two secrets are live" in client.get(PAGE + at).text
    assert "is saved" in post(at, url=lab.listener.url, description="Other", events="*").text
    assert lab.one().events == ["*"]
    assert "is off" in post(f"{at}/switch", enabled="").text
    assert "This webhook is off" in client.get(PAGE + at).text
    assert "is on" in post(f"{at}/switch", enabled="on").text
    assert "taken away" in post(f"{at}/remove").text
    assert client.get(PAGE + at).status_code == 404
    assert post(f"{at}/remove").status_code == 404


def test_what_is_wrong_stands_at_its_field(lab: Any, post: Any) -> None:
    answer = post(url="http://169.254.169.254/", description="Mine", events="*")
    assert answer.status_code == 422
    assert "not a public address" in answer.text
    assert 'value="Mine"' in answer.text
    assert "choose at least one event" in post(url=lab.listener.url).text
    post(url=lab.listener.url, events="*")
    at = f"/{lab.one().id}"
    answer = post(at, url="https://10.0.0.1/", events="*")
    assert answer.status_code == 422
    assert "not a public address" in answer.text
    assert lab.one().url == lab.listener.url
    lab.use(per_space=1)
    answer = post(url=lab.listener.url, events="*")
    assert answer.status_code == 429
    assert "as many as it may have" in answer.text


def test_each_space_has_its_path(lab: Any, post: Any) -> None:
    lab.endpoint()
    client = lab.user.client
    assert client.get("/organization/webhooks").url.path == PAGE
    with lab.host.database.session(SYSTEM) as session:
        _, space = organizations.create(session, lab.user.user_id, "Crew")
    client.post("/api/spaces/switch", json={"space_id": str(space.id)})
    page = client.get(PAGE)
    assert page.url.path == "/organization/webhooks"
    assert "No webhooks yet" in page.text
    assert client.get(f"{PAGE}/{lab.one().id}").status_code == 404
    post(base="/organization/webhooks", url=lab.listener.url, description="Crew", events="*")
    page = client.get("/organization/webhooks").text
    assert 'href="/organization/webhooks/' in page


def test_a_secret_asks_for_a_recent_proof(lab: Any, post: Any) -> None:
    endpoint_id, _ = lab.endpoint()
    old = datetime.now(UTC) - timedelta(minutes=16)
    with lab.host.database.session(SYSTEM) as session:
        session.execute(update(UserSession).values(authenticated_at=old))
    client = lab.user.client
    for path in ("/new", f"/{endpoint_id}/rotate"):
        assert client.get(PAGE + path).url.path == "/re-authenticate"
    assert post(f"/{endpoint_id}/rotate").url.path == "/re-authenticate"
    assert post(url=lab.listener.url, events="*").url.path == "/re-authenticate"
    assert client.get(PAGE).status_code == 200
    assert "is off" in post(f"/{endpoint_id}/switch", enabled="").text
    assert lab.one().disabled_reason == "person"


def test_the_operator_sees_how_it_goes_and_nothing_of_what_is_told(
    lab: Any, make_user: Any
) -> None:
    lab.endpoint(f"{lab.listener.url}/key-in-a-path")
    lab.emit(canary="told-to-nobody-else")
    lab.listener.usual = 500
    lab.deliver()
    operator = make_user()
    assert operator.client.get("/admin/webhooks").status_code == 403
    with lab.host.database.session(SYSTEM) as session:
        session.execute(update(User).where(User.id == operator.user_id).values(is_operator=True))
    page = operator.client.get("/admin/webhooks").text
    assert "127.0.0.1" in page
    assert "Failing" in page
    for hidden in ("key-in-a-path", "told-to-nobody-else", "whsec_"):
        assert hidden not in page
    listed = operator.client.get("/admin/webhooks", params={"state": "off"}).text
    assert "No webhooks here" in listed
    token = page.partition('name="csrf_token" value="')[2].partition('"')[0]
    at = f"/admin/webhooks/{lab.one().id}/switch-off"
    assert "is off" in operator.client.post(at, data={"csrf_token": token}).text
    assert (lab.one().enabled, lab.one().disabled_reason) == (False, "operator")
    assert "off already" in operator.client.post(at, data={"csrf_token": token}).text
    with lab.host.database.session(SYSTEM, readonly=True) as session:
        [mail] = session.scalars(
            select(OutboxMail).where(OutboxMail.template == "webhook-disabled")
        )
    assert mail.to_email == lab.user.email


def test_old_messages_are_swept_and_an_export_names_webhooks(lab: Any) -> None:
    from musekit.auth import removal
    from musekit.webhooks import log
    from musekit.webhooks.models import WebhookMessage

    lab.endpoint()
    lab.emit(3)
    lab.deliver()
    with lab.host.database.session(SYSTEM) as session:
        assert log.sweep(session, 30) == 0
        first = session.scalars(select(WebhookMessage).order_by(WebhookMessage.id)).first()
        assert first is not None
        first.created_at = datetime.now(UTC) - timedelta(days=31)
        session.flush()
        assert log.sweep(session, 30) == 1
    assert len(lab.rows()) == 2
    with lab.host.database.session(SYSTEM, readonly=True) as session:
        told = lab.host.registry.hooks.export_user_data(session=session, user_id=lab.user.user_id)
    assert [each["url"] for each in told["musekit"]["webhooks"]] == [lab.listener.url]
    with lab.host.database.session(SYSTEM) as session:
        removal.remove(session, lab.user.user_id)
    assert lab.rows() == []
