"""The name and the clock of the space that is a person's alone."""

from __future__ import annotations


def test_it_is_named_and_has_a_clock(team, form) -> None:
    client, url = team.owner.client, "/api/spaces/personal"
    before = client.get(url).json()
    assert before["id"] == str(team.owner.space_id)  # though they are in another one just now
    changed = client.patch(url, json={"name": " My  place ", "timezone": "Asia/Tokyo"}).json()
    assert (changed["name"], changed["timezone"]) == ("My place", "Asia/Tokyo")
    assert client.patch(url, json={"name": "Home"}).json()["timezone"] == "Asia/Tokyo"
    for bad in ({"name": "  "}, {"timezone": "Mars/Olympus"}, {"name": "a\u202eb"}):
        assert client.patch(url, json=bad).status_code == 422
    assert client.get(url).json()["name"] == "Home"
    assert team.roles()  # the other one is as it was
    assert client.get("/api/auth/me").json()["space"]["name"] == "Juniper & Söhne"


def test_the_page(team, form) -> None:
    client, url = team.owner.client, "/account/space/settings"
    saved = client.post(url, data=form(client, name="Home", timezone="Asia/Tokyo"))
    assert (saved.url.path, "Your space is saved" in saved.text) == ("/account/space", True)
    assert 'value="Home"' in saved.text
    bad = client.post(url, data=form(client, name=" ", timezone="Asia/Tokyo"))
    assert (bad.status_code, "give it a name" in bad.text) == (422, True)


def test_a_token_reads_it_alone(team, browser) -> None:
    headers = team.owner.headers
    assert browser.get("/api/spaces/personal", headers=headers).status_code == 200
    refused = browser.patch("/api/spaces/personal", json={"name": "x"}, headers=headers)
    assert refused.status_code == 403
