"""A real network to connect to: the sandbox, over HTTP, in a store of its own per test."""

from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from passivepost_platform_sandbox.network.background import running


class Net:
    """The sandbox network and what it has seen."""

    def __init__(self, url):
        self.url = url
        self.http = httpx.Client(base_url=url, timeout=20)

    def faults(self, *rules):
        answer = self.http.put("/faults", json=list(rules))
        assert answer.status_code == 200, answer.text

    def ledger(self, **params):
        return self.http.get("/ledger", params=params).json()["items"]

    def allow(self, authorize_url, username="juniper", decision="allow"):
        """Answer the consent page; return path and query of the way back to the application."""
        asked = {k: v[0] for k, v in parse_qs(urlsplit(authorize_url).query).items()}
        answer = self.http.post(
            "/oauth/authorize", data={**asked, "decision": decision, "username": username}
        )
        assert answer.status_code == 303, answer.text
        back = urlsplit(answer.headers["location"])
        return f"{back.path}?{back.query}"


@pytest.fixture
def net(tmp_path, monkeypatch):
    with running(tmp_path / "network") as server:
        monkeypatch.setenv("PASSIVEPOST_PLATFORM_SANDBOX_BASE_URL", server.url)
        network = Net(server.url)
        yield network
        network.http.close()


@pytest.fixture
def settings(net, settings):
    """The network's address is known before the host is built."""
    return settings


@pytest.fixture
def start(net):
    """Begin a connection; return the address of the consent page."""

    def begin(user, platform="sandbox"):
        answer = user.client.post("/api/social/connect", json={"platform": platform})
        assert answer.status_code == 200, answer.text
        return answer.json()["authorize_url"]

    return begin


@pytest.fixture
def connect(net, start):
    """Connect the sandbox for a user, as a browser does; return the account."""

    def run(user, username="juniper"):
        answer = user.client.get(net.allow(start(user), username))
        assert answer.status_code == 200, answer.text
        return answer.json()

    return run


@pytest.fixture
def user(make_user):
    return browser(make_user())


@pytest.fixture
def other(make_user):
    """Somebody in another space."""
    return browser(make_user())


def browser(person):
    """Let requests say what browsers say of requests from our own pages."""
    person.client.headers["Sec-Fetch-Site"] = "same-origin"
    return person


@pytest.fixture
def connected(user, connect):
    assert connect(user)["platform"] == "sandbox"
    return user
