import re
import time

import httpx
import pytest


def test_a_person_allows_and_the_code_gives_tokens(net):
    page = net.http.get("/oauth/authorize", params=net.asked())
    assert "Let PassivePost post for you?" in page.text
    ticket = re.search(r'name="ticket" value="([^"]+)"', page.text).group(1)
    answer = net.http.get(
        "/oauth/decision", params={"ticket": ticket, "username": "marlow", "decision": "allow"}
    )
    assert answer.status_code == 303
    location = httpx.URL(answer.headers["location"])
    assert location.params["state"] == "s1"
    tokens = net.exchange(location.params["code"]).json()
    assert net.get(tokens["access_token"], "/api/me").json()["username"] == "marlow"


def test_a_ticket_is_good_once(net):
    page = net.http.get("/oauth/authorize", params=net.asked())
    ticket = re.search(r'name="ticket" value="([^"]+)"', page.text).group(1)
    params = {"ticket": ticket, "username": "juniper", "decision": "allow"}
    assert net.http.get("/oauth/decision", params=params).status_code == 303
    assert net.http.get("/oauth/decision", params=params).status_code == 400


def test_saying_no_goes_back_with_access_denied(net):
    answer = net.http.post("/oauth/authorize", data=net.asked(decision="deny"))
    assert "error=access_denied" in answer.headers["location"]


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "someone"},
        {"redirect_uri": "https://evil.example/callback"},
        {"redirect_uri": "javascript:alert(1)"},
        {"code_challenge": ""},
        {"code_challenge_method": "plain"},
        {"response_type": "token"},
    ],
)
def test_what_must_not_be_redirected_is_refused_in_place(net, changes):
    for answer in (
        net.http.get("/oauth/authorize", params=net.asked(**changes)),
        net.http.post("/oauth/authorize", data=net.asked(decision="allow", **changes)),
    ):
        assert answer.status_code == 400
        assert "location" not in answer.headers


def test_the_verifier_must_fit(net):
    assert net.exchange(net.code(), code_verifier="w" * 64).json()["error"] == "invalid_grant"


def test_a_wrong_client_secret_is_an_invalid_client(net):
    answer = net.exchange(net.code(), client_secret="wrong")
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_a_code_used_twice_revokes_what_it_gave(net):
    code = net.code()
    tokens = net.exchange(code).json()
    assert net.exchange(code).json()["error"] == "invalid_grant"
    answer = net.get(tokens["access_token"], "/api/me")
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "revoked_token")


def test_refresh_rotates_and_reuse_revokes_the_family(net):
    first = net.tokens()
    second = net.refresh(first["refresh_token"]).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert net.get(second["access_token"], "/api/me").status_code == 200

    assert net.refresh(first["refresh_token"]).json()["error"] == "invalid_grant"
    assert net.get(second["access_token"], "/api/me").json()["error"]["code"] == "revoked_token"
    assert net.refresh(second["refresh_token"]).json()["error"] == "invalid_grant"
    notes = [line["note"] for line in net.ledger(kind="grant_revoked")]
    assert notes == ["refresh token reused"]


def test_without_rotation_a_refresh_token_is_good_again(net):
    net.http.put("/settings", json={"rotating": False})
    first = net.tokens()
    for _ in range(2):
        assert "refresh_token" not in net.refresh(first["refresh_token"]).json()


def test_access_tokens_expire(net):
    net.http.put("/settings", json={"access_seconds": 0.2})
    tokens = net.tokens()
    assert net.get(tokens["access_token"], "/api/me").status_code == 200
    time.sleep(0.3)
    answer = net.get(tokens["access_token"], "/api/me")
    assert answer.json()["error"]["code"] == "expired_token"


def test_revocation_by_the_client_and_by_the_owner(net):
    for name, end in (
        ("juniper", lambda tokens: net.http.post(
            "/oauth/revoke", data={"token": tokens["refresh_token"], "client_id": "passivepost"})),
        ("marlow", lambda tokens: net.http.post("/accounts/marlow/revoke")),
    ):  # fmt: skip
        tokens = net.tokens(name)
        assert net.get(tokens["access_token"], "/api/me").status_code == 200
        assert end(tokens).status_code == 200
        assert net.get(tokens["access_token"], "/api/me").json()["error"]["code"] == "revoked_token"


def test_no_token_is_in_the_store_or_the_ledger(net):
    tokens = net.tokens()
    net.post(tokens["access_token"], "hello")
    net.server.network.close()  # everything is in the file
    stored = net.server.network.store.path.read_bytes()
    for name in ("access_token", "refresh_token"):
        assert tokens[name].encode() not in stored


def test_faults_of_the_token_endpoint(net):
    tokens = net.tokens()
    net.faults({"fault": "error", "op": "token", "times": 1})
    assert net.refresh(tokens["refresh_token"]).status_code == 500
    net.faults({"fault": "accept_then_500", "op": "token", "times": 1})
    assert net.refresh(tokens["refresh_token"]).status_code == 500
    # The second was carried out: the token is spent, and its reuse ends the family.
    assert net.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"
    assert len(net.ledger(kind="refresh", accepted=1)) == 1


def test_faults_of_the_token_endpoint_may_be_one_accounts(net):
    one, other = net.tokens("juniper"), net.tokens("marlow")
    net.faults({"fault": "error", "op": "token", "account": "marlow"})
    assert net.refresh(other["refresh_token"]).status_code == 500
    assert net.refresh(one["refresh_token"]).status_code == 200
    net.faults({"fault": "revoked", "op": "token", "account": "marlow", "times": 1})
    assert net.refresh(other["refresh_token"]).json()["error"] == "invalid_grant"
    assert net.get(other["access_token"], "/api/me").json()["error"]["code"] == "revoked_token"


def test_a_token_request_may_hang(net):
    tokens = net.tokens()
    net.faults({"fault": "accept_then_hang", "op": "token", "seconds": 0.3, "times": 1})
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        net.refresh(tokens["refresh_token"])
    assert len(net.ledger(kind="refresh", accepted=1)) == 1
