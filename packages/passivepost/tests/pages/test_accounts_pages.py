"""The accounts page: a card per network, connecting and disconnecting, and what each says."""

import re

from .conftest import HTML, SOCIAL


def test_each_network_says_how_it_stands(pages):
    text = pages.open("")
    assert "No network is connected yet" in text
    assert "PASSIVEPOST_PLATFORM_TWITTER_CLIENT_ID" in text  # what the operator has to set
    assert "Not available yet" in text
    assert "no package for it is written yet" in text
    assert 'id="connect-bluesky"' in text


def test_connecting_by_redirect_and_back(pages, net):
    away = pages.send("/connect/sandbox")
    assert away.status_code == 303
    assert away.headers["location"].startswith(f"{net.url}/oauth/authorize?")
    assert away.headers["referrer-policy"] == "no-referrer"
    assert away.headers["cache-control"] == "no-store"
    back = pages.http.get(net.allow(away.headers["location"]), headers=HTML)
    assert "Sandbox is connected" in back.text
    assert "@juniper" in back.text
    assert "renews by itself" in back.text


def test_declining_there_is_told_here(pages, net):
    away = pages.send("/connect/sandbox").headers["location"]
    back = pages.http.get(net.allow(away, decision="deny"), headers=HTML)
    assert "Sandbox was not connected" in back.text
    assert "Access was declined" in back.text
    assert "No network is connected yet" in back.text


def test_a_form_keeps_what_was_typed_but_never_a_secret(pages):
    typed = {"value-handle": 'ada"><script>.test', "value-app_password": "", "value-server": ""}
    answer = pages.send("/connect/bluesky", typed)
    assert answer.status_code == 422
    assert "App password is missing" in answer.text
    assert 'value="ada&#34;&gt;&lt;script&gt;.test"' in answer.text
    assert "data-open-now" in answer.text

    typed = {"value-handle": "ada.test", "value-app_password": "canary-canary",
             "value-server": "http://127.0.0.1:9"}  # fmt: skip
    answer = pages.send("/connect/bluesky", typed)
    assert answer.status_code >= 400
    assert "canary-canary" not in answer.text
    assert 'value="ada.test"' in answer.text
    assert "It was not connected" in answer.text


def test_networks_that_cannot_be_connected_say_so(pages):
    assert "client id is missing" in pages.send("/connect/twitter").text
    assert pages.send("/connect/twitter").status_code == 409
    assert "not available yet" in pages.send("/connect/instagram").text
    assert pages.send("/connect/instagram").status_code == 422
    assert pages.send("/connect/nonsense").status_code == 422


def test_checking_asks_the_network(mine, net):
    account = mine.http.get("/api/social/accounts").json()["items"][0]
    assert mine.send(f"/accounts/{account['id']}/validate").status_code == 303
    assert "Sandbox accepts this connection." in mine.said()
    net.http.post("/accounts/juniper/revoke")
    assert mine.send("/accounts/validate").status_code == 303
    assert "Connect again" in mine.said()
    text = mine.open("")
    assert "Sign in again" in text
    assert "Nothing is lost." in text
    assert "Connect again" in text


def test_disconnecting_says_what_it_does_and_does_it(mine):
    from .conftest import ahead

    mine.make(scheduled_at=ahead(hours=2))
    text = mine.open("")
    assert "Sandbox is told to forget it." in text
    assert "One scheduled post waits until this very account is connected again." in text
    action = re.search(r'action="(/dashboard/social/accounts/[^"]+/disconnect)"', text)[1]
    assert mine.send(action.removeprefix(SOCIAL)).status_code == 303
    assert "was told to forget them" in mine.said()
    text = mine.open("")
    assert "One scheduled post waits for this account." in text
    queue = mine.open("/queue")
    assert "One post waits for you" in queue
    assert "Connect the account again" in queue


def test_others_accounts_are_not_there(mine, theirs):
    account = mine.http.get("/api/social/accounts").json()["items"][0]
    for action in ("validate", "disconnect"):
        assert theirs.send(f"/accounts/{account['id']}/{action}").status_code == 404
    assert mine.http.get("/api/social/accounts").json()["items"]
    assert "@juniper" not in theirs.open("")


def test_a_form_without_its_token_does_nothing(mine):
    account = mine.http.get("/api/social/accounts").json()["items"][0]
    answer = mine.send(f"/accounts/{account['id']}/disconnect", {"back": "post"}, token=False)
    assert answer.status_code == 403
    assert mine.http.get("/api/social/accounts").json()["items"]
