"""Each request by token leaves a line that names the token, and never what it is (D39)."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from musekit.auth import tokens
from musekit.auth.models import ApiToken
from musekit.auth.resolve import SYSTEM
from musekit.auth.secrets import digest, new_token
from musekit.kernel.host import Host
from musekit.kernel.logs import REQUESTS
from musekit.testing.pytest_plugin import SignedIn

#: One of each family of the core, and one that is refused.
PATHS = (
    "/api/auth/me", "/api/profile", "/api/spaces", "/api/organizations", "/api/webhooks",
    "/api/usage", "/api/billing", "/api/audit", "/api/auth/tokens",
)  # fmt: skip


def test_who_asked_is_told_by_the_tokens_id(
    client: TestClient, make_user: Callable[..., SignedIn], host: Host,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    user = make_user()
    with host.database.session(SYSTEM) as session:
        row, secret = tokens.create(session, user.user_id, user.space_id, "t", ["*"])
        token_id = str(row.id)
    caplog.clear()  # of the lines of signing in, where a test before has set a level
    with caplog.at_level(logging.INFO, logger=REQUESTS):
        for path in PATHS:
            client.get(path, headers={"authorization": f"Bearer {secret}"})
        client.get("/api/auth/me", headers={"authorization": f"Bearer {new_token()}"})
        user.client.get("/api/auth/me")
    lines = [each for each in caplog.records if each.name == REQUESTS]
    assert [getattr(each, "token", None) for each in lines] == (
        [token_id] * len(PATHS) + [None, None]
    )
    assert [each.route for each in lines[: len(PATHS)]] == list(PATHS)
    everything = " ".join(str(vars(each)) for each in caplog.records)
    assert secret not in everything
    assert digest(secret).hex() not in everything
    with host.database.session(SYSTEM, readonly=True) as session:
        kept = session.scalars(select(ApiToken).where(ApiToken.secret_hash == digest(secret))).one()
    assert str(kept.id) == token_id
    assert len(kept.secret_hash) == 32  # SHA-256
    assert kept.last_used_at is not None
