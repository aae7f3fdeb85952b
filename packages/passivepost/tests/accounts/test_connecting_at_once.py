"""Connections finished at the same moment: the database keeps one, each person is told the truth.

While the table is locked all may look for an account and none may store one, so that each has
passed its own check before any of them stores.
"""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select, text

from musekit.api import Actor, SocialAccount

SYSTEM = Actor.system("tests")
CALL = 0.8  #: seconds for which the network holds back who an account is


def accounts(host):
    with host.database.session(SYSTEM, readonly=True) as session:
        return session.execute(
            select(SocialAccount.space_id, SocialAccount.platform_username)
        ).all()


@pytest.fixture
def at_once(host, net):
    """Open ways back, each in a browser of its own, so that all store at one moment."""

    def run(*ways):
        net.faults({"fault": "slow", "op": "me", "seconds": CALL})
        with ThreadPoolExecutor(len(ways)) as pool:
            answers = [pool.submit(client.get, back) for client, back in ways]
            time.sleep(CALL / 2)  # their states are used up; the network thinks
            with host.database.session(SYSTEM) as session:
                if host.database.is_postgres:
                    session.execute(text("LOCK TABLE social_accounts IN SHARE MODE"))
                else:
                    session.execute(text("UPDATE social_accounts SET id = id WHERE false"))
                time.sleep(2 * CALL)
            return [answer.result() for answer in answers]

    return run


def test_one_account_goes_to_one_of_two_spaces(host, net, user, other, start, at_once):
    ways = [(each.client, net.allow(start(each), "juniper")) for each in (user, other)]
    won, lost = sorted(at_once(*ways), key=lambda answer: answer.status_code)
    assert (won.status_code, lost.status_code) == (200, 409), lost.text
    assert lost.json()["reason"] == "connected_elsewhere"
    ((space, name),) = accounts(host)
    assert name == "juniper"
    winner, loser = (user, other) if space == user.space_id else (other, user)
    net.faults()
    gone = winner.client.delete(f"/api/social/accounts/{won.json()['id']}")
    assert gone.status_code == 200, gone.text
    assert loser.client.get(net.allow(start(loser), "juniper")).status_code == 200
    assert accounts(host) == [(loser.space_id, "juniper")]


def test_two_tabs_of_one_space_renew_the_same_account(app, host, net, user, start, at_once):
    from starlette.testclient import TestClient

    second = TestClient(app, headers=dict(user.client.headers), cookies=user.client.cookies)
    ways = [(each, net.allow(start(user), "juniper")) for each in (user.client, second)]
    answers = at_once(*ways)
    assert [answer.status_code for answer in answers] == [200, 200], [a.text for a in answers]
    assert accounts(host) == [(user.space_id, "juniper")]
