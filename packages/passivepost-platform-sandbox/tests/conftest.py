import base64
import hashlib
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from passivepost_platform_sandbox.network.background import running

REDIRECT = "http://127.0.0.1:9/callback"
VERIFIER = "v" * 64
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode()[:43]


class Caller:
    """A client of the network, over real HTTP."""

    def __init__(self, server):
        self.server = server
        self.url = server.url
        self.http = httpx.Client(base_url=server.url, timeout=10)

    def asked(self, **changes):
        return {
            "response_type": "code",
            "client_id": "passivepost",
            "redirect_uri": REDIRECT,
            "scope": "read write",
            "state": "s1",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
            **changes,
        }

    def code(self, username="juniper"):
        answer = self.http.post(
            "/oauth/authorize", data=self.asked(decision="allow", username=username)
        )
        assert answer.status_code == 303, answer.text
        return parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]

    def exchange(self, code, **changes):
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": REDIRECT,
            "code_verifier": VERIFIER,
            "client_id": "passivepost",
            **changes,
        }
        return self.http.post("/oauth/token", data=form)

    def refresh(self, token):
        form = {"grant_type": "refresh_token", "refresh_token": token, "client_id": "passivepost"}
        return self.http.post("/oauth/token", data=form)

    def tokens(self, username="juniper"):
        return self.exchange(self.code(username)).json()

    def post(self, token, text, **body):
        return self.http.post(
            "/api/posts", json={"text": text, **body}, headers={"Authorization": f"Bearer {token}"}
        )

    def get(self, token, path, **params):
        return self.http.get(path, params=params, headers={"Authorization": f"Bearer {token}"})

    def faults(self, *rules):
        answer = self.http.put("/faults", json=list(rules))
        assert answer.status_code == 200, answer.text

    def ledger(self, **params):
        return self.http.get("/ledger", params=params).json()["items"]

    def posted(self, **params):
        return [line["text"] for line in self.ledger(kind="post", accepted=1, **params)]


@pytest.fixture
def net(tmp_path):
    with running(tmp_path) as server:
        caller = Caller(server)
        yield caller
        caller.http.close()
