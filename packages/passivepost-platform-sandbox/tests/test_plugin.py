"""The package inside the host: mounted where it may be, held where it must not."""

import sqlite3

import pytest

from passivepost.accounts.registry import platforms_of
from passivepost_platform_sandbox import plugin
from passivepost_platform_sandbox.network import Network


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_the_network_is_mounted_and_open_to_all(client, host):
    page = client.get("/-/sandbox/")
    assert page.status_code == 200
    assert "A sample network." in page.text
    assert client.get("/-/sandbox/static/style.css").headers["content-type"].startswith("text/css")
    made = client.post("/-/sandbox/accounts", json={"usernames": ["juniper"]}).json()["items"][0]
    bearer = {"Authorization": f"Bearer {made['access_token']}"}
    posted = client.post("/-/sandbox/api/posts", json={"text": "from inside"}, headers=bearer)
    assert posted.status_code == 201, posted.text
    assert "from inside" in client.get("/-/sandbox/").text
    assert "/-/sandbox/posts/" in posted.json()["url"]
    assert "/-/sandbox" not in client.get("/openapi.json").text
    store = host.get(Network).store
    assert store.path == host.settings.data_dir / "sandbox.db"
    with sqlite3.connect(store.path) as db:
        assert db.execute("SELECT count(*) FROM posts").fetchone() == (1,)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_signed_in_browser_can_allow(client, make_user):
    """The form of another site must not need this site's token, so the answer is a GET."""
    import re

    user = make_user()
    page = client.get(
        "/-/sandbox/oauth/authorize",
        params={
            "response_type": "code",
            "client_id": "passivepost",
            "redirect_uri": "http://testserver/api/social/callback/sandbox",
            "code_challenge": "c" * 43,
            "code_challenge_method": "S256",
            "state": "s",
        },
    )
    ticket = re.search(r'name="ticket" value="([^"]+)"', page.text).group(1)
    answer = user.client.get(
        "/-/sandbox/oauth/decision",
        params={"ticket": ticket, "username": "juniper", "decision": "allow"},
        follow_redirects=False,
    )
    assert answer.status_code == 303
    assert "code=sbx_code_" in answer.headers["location"]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_the_platform_points_at_the_mounted_network(host):
    platform = platforms_of(host).get("sandbox")
    base = host.settings.public_url.rstrip("/") + "/-/sandbox"
    assert platform.connection.token_url == f"{base}/oauth/token"
    assert not platform.stub


def test_it_is_held_in_production(host):
    host.settings.mode = "production"
    with pytest.raises(Exception, match="does not run in production") as told:
        plugin.musekit_register_routes(host)
    assert "MUSEKIT_MODE" in str(told.value)
    with pytest.raises(Exception, match="does not run in production"):
        plugin.passivepost_register_platforms(host)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_production_host_quarantines_it_and_lives(settings):
    from musekit.kernel.build import build_host

    settings = settings.model_copy(
        update={
            "mode": "production",
            "public_url": "https://social.example",
            "behind_proxy": "none",
        }
    )
    host = build_host(settings, strict=False)
    try:
        held = {each.plugin: each for each in host.registry.quarantined}
        assert "does not run in production" in str(held["passivepost_platform_sandbox"].error)
        assert platforms_of(host).find("sandbox") is None
    finally:
        host.close()
