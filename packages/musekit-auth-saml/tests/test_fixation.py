"""Who comes in by an organization's provider gets a secret of their own (reliability D15)."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient
from tests.support.saml import messages

COOKIE = "musekit_session"


def is_in(app, secret: str) -> str:
    answer = TestClient(app, cookies={COOKIE: secret}).get("/api/auth/me")
    return str(answer.json()["user"]["email"]) if answer.is_success else ""


#: Who is signed in, as the attacker would be with theirs, is sent to no provider.
@pytest.mark.parametrize(
    ("planted", "when"),
    [("invented", "before"), ("invented", "on the way"), ("of the attacker", "on the way")],
)
def test_a_planted_secret_is_not_taken_over(connection, key, make_user, planted, when) -> None:
    evil = make_user("evil@example.com")
    secret = "A" * 43 if planted == "invented" else str(evil.client.cookies[COOKIE])
    visitor = connection.visitor()
    if when == "before":
        visitor.browser.cookies.set(COOKIE, secret)
    visitor.begin()
    brought = visitor.post(messages.signed(visitor.answer(), key))
    if when == "on the way":
        visitor.browser.cookies.set(COOKIE, secret)
    given = str(visitor.back(brought.headers["location"]).cookies.get(COOKIE) or "")
    assert given != secret
    assert is_in(connection.app, secret) in ("", "evil@example.com")
    if planted == "invented" or given:
        assert is_in(connection.app, given) == "person@example.com"
