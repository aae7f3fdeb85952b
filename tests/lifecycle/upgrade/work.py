"""What somebody has done before an upgrade, and how it is looked for afterwards."""

from __future__ import annotations

import httpx
from tests.lifecycle.test_product import start
from tests.support import next_release
from tests.support.deployment import Deployment
from tests.support.sandbox import Sandbox

#: What of ours is upgraded, and what of somebody else stands beside it.
HOUSE = ("musekit-core", "passivepost")
THEIRS, THEIR_NAME = "passivepost-platform-example", "passivepost_platform_example"
NOW, COMPATIBLE, BREAKING = map(next_release.version, ("present", "compatible", "breaking"))


class Work:
    """What somebody has done before the upgrade; the worker is down, so some of it waits."""

    def __init__(self, deployment: Deployment, net: Sandbox) -> None:
        start(deployment)
        self.anna = anna = deployment.sign_up("anna@example.com")
        anna.connect("sandbox", net.consent("juniper"))
        anna.connect("example", httpx.get)
        out = anna.schedule("sandbox", 0, content="Out before the upgrade")
        anna.until(out, "posted")
        deployment.running[-1].stop()
        self.due = anna.schedule("sandbox", 0, content="Due while it is upgraded")
        self.theirs = anna.schedule("example", 0, content="Of a platform of somebody else")
        self.planned = anna.schedule("sandbox", 7200, content="Planned for later")
        draft = {"platform": "sandbox", "content": "Only a draft"}
        self.draft = anna.api("POST", "/posts", draft)
        self.posts = {p["id"]: p for p in (out, self.due, self.theirs, self.planned, self.draft)}
        made = anna.done("POST", "/api/organizations", {"name": "Juniper"})
        self.organization, self.space = made["organization"]["id"], made["space"]["id"]
        anna.done("POST", "/api/spaces/switch", {"space_id": self.space})
        self.invitations = f"/api/organizations/{self.organization}/invitations"
        guest = {"email": "bert@example.com", "role": "editor"}
        anna.done("POST", self.invitations, guest, status=201)

    def is_there(self) -> None:
        """See that nothing of it is lost: by the session and the token of before."""
        anna = self.anna
        assert anna.done("GET", "/api/auth/me")["user"]["email"] == anna.email
        (guest,) = anna.done("GET", self.invitations)["items"]
        assert guest["email"] == "bert@example.com"
        for platform in ("sandbox", "example"):
            (account,) = [
                each for each in anna.api("GET", "/accounts")["items"]
                if each["platform"] == platform
            ]  # fmt: skip
            assert account["is_valid"], account
        for key, post in self.posts.items():
            assert anna.post(key)["content"] == post["content"]
        assert anna.post(self.draft)["status"] == "draft"
        assert anna.post(self.planned)["status"] == "scheduled"


def refused(deployment: Deployment, *command: str, says: tuple[str, ...]) -> None:
    """Run a command that has to end with a message."""
    done = deployment.run(*command, status=1)
    said = done.stdout + done.stderr
    for each in says:
        assert each in said, f"{command}: “{each}” is not in {said}"
    assert "Traceback" not in said
