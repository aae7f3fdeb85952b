"""Refreshing tokens: one call however many ask, nothing lost when it fails (C13-C15)."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, update

from musekit.api import Actor, SocialAccount
from passivepost.accounts import refresh, vault
from passivepost.accounts.models import AccountState
from passivepost.accounts.registry import platforms_of
from passivepost.api import AuthRevoked, Retryable

SYSTEM = Actor.system("tests")


@pytest.fixture
def account_id(user, connect):
    return UUID(connect(user)["id"])


def stored(host, account_id):
    with host.database.session(SYSTEM, readonly=True) as session:
        return vault.load_accounts(session, host, [account_id])[account_id]


def calls(net):
    return len(net.ledger(kind="refresh"))


def test_fifty_ask_and_the_network_is_asked_once(host, net, account_id):
    for round_ in range(1, 4):
        stale = stored(host, account_id).credentials.access_token
        gate = threading.Barrier(50)

        def ask(_, stale=stale, gate=gate):
            gate.wait()
            return refresh.refresh(host, account_id, stale=stale).credentials.access_token

        with ThreadPoolExecutor(50) as pool:
            got = set(pool.map(ask, range(50)))
        assert len(got) == 1
        assert got != {stale}
        assert calls(net) == round_
    assert net.ledger(kind="grant_revoked") == []
    with host.database.session(SYSTEM, readonly=True) as session:
        state = session.get(AccountState, account_id)
        assert (state.token_version, state.refresh_owner) == (4, None)
        assert session.get(SocialAccount, account_id).is_valid


def test_a_token_with_life_left_is_not_refreshed(host, net, account_id):
    platform = platforms_of(host).get("sandbox")
    account = stored(host, account_id)
    assert refresh.fresh(host, account, platform) is account
    with host.database.session(SYSTEM) as session:
        session.execute(
            update(SocialAccount).values(token_expires_at=datetime.now(UTC) + timedelta(minutes=5))
        )
    fresh = refresh.fresh(host, stored(host, account_id), platform)
    assert fresh.credentials.access_token != account.credentials.access_token
    assert calls(net) == 1


@pytest.mark.parametrize("fault", ["error", "reset"])
def test_a_network_in_trouble_disconnects_nobody(host, net, account_id, fault):
    before = stored(host, account_id)
    net.faults({"fault": fault, "op": "token"})
    for _ in range(5):
        with pytest.raises(Retryable):
            refresh.refresh(host, account_id, stale=before.credentials.access_token)
    assert stored(host, account_id) == before
    with host.database.session(SYSTEM, readonly=True) as session:
        row = session.get(SocialAccount, account_id)
        assert (row.is_valid, row.last_error) == (True, None)
    net.faults()
    refresh.refresh(host, account_id, stale=before.credentials.access_token)


def test_killed_between_rotation_and_saving_asks_to_reconnect_once(host, net, account_id, user):
    """The refresh token is spent at the network, and what came back is lost with the worker."""
    at = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    post = user.client.post(
        "/api/social/posts", json={"platform": "sandbox", "content": "x", "scheduled_at": at}
    ).json()["id"]
    account = stored(host, account_id)
    platform = platforms_of(host).get("sandbox")
    host.portal.call(platform.refresh, host.portal.client, account.credentials)
    for _ in range(3):
        with pytest.raises(AuthRevoked):
            refresh.refresh(host, account_id, stale=account.credentials.access_token)
    shown = user.client.get(f"/api/social/posts/{post}").json()
    assert (shown["status"], shown["hold"]) == ("scheduled", "reconnect")
    with host.database.session(SYSTEM, readonly=True) as session:
        assert not session.get(SocialAccount, account_id).is_valid


def test_a_lease_left_behind_ends_by_itself(host, net, account_id, monkeypatch):
    stale = stored(host, account_id).credentials.access_token
    with host.database.session(SYSTEM) as session:
        assert refresh._lease(session, account_id, UUID(int=1), 1)
    monkeypatch.setenv("PASSIVEPOST_REFRESH_WAIT_SECONDS", "0.3")
    host.settings_of(refresh.PassivePostSettings).refresh_wait_seconds = 0.3
    with pytest.raises(Retryable):
        refresh.refresh(host, account_id, stale=stale)
    assert calls(net) == 0
    with host.database.session(SYSTEM) as session:
        session.execute(
            update(AccountState).values(refresh_until=datetime.now(UTC) - timedelta(seconds=1))
        )
    assert refresh.refresh(host, account_id, stale=stale).credentials.access_token != stale


def test_who_connects_again_meanwhile_wins(host, net, account_id, user, connect):
    """A refresh that answers late must not overwrite the grant of a new connection."""
    with host.database.session(SYSTEM) as session:
        seen = refresh._look(session, host, account_id)
        assert refresh._lease(session, account_id, UUID(int=1), seen.version)
    connect(user)
    newer = stored(host, account_id)
    got = refresh._refresh(host, seen, UUID(int=1))
    assert got == newer == stored(host, account_id)


def test_a_token_moved_to_another_row_is_not_read(host, account_id, other, connect):
    second = UUID(connect(other, "marlow")["id"])
    with host.database.session(SYSTEM) as session:
        first_row = session.get(SocialAccount, account_id)
        row = session.get(SocialAccount, second)
        row.access_token_encrypted = first_row.access_token_encrypted
    failures = {}
    with host.database.session(SYSTEM, readonly=True) as session:
        found = vault.load_accounts(session, host, [account_id, second], failures=failures)
        assert session.scalars(select(SocialAccount.id)).all()
    assert set(found) == {account_id}
    assert failures[second].reason == "damaged"
