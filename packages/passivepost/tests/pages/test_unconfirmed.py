"""Sent, not confirmed: told as that everywhere, and decided by a person."""

import pytest

from .conftest import HTML, SOCIAL, ahead


@pytest.fixture
def settings(settings, monkeypatch):
    """The network honours no keys, so an answer that is lost leaves doubt."""
    monkeypatch.setenv("PASSIVEPOST_PLATFORM_SANDBOX_IDEMPOTENCY", "none")
    return settings


@pytest.mark.parametrize(
    ("decision", "status"), [("live", "posted"), ("resend", "queued"), ("drop", "failed")]
)
def test_an_unconfirmed_post_is_decided_by_a_person(mine, deliver, net, decision, status):
    net.faults({"fault": "accept_then_500", "times": 1})
    post = mine.make(scheduled_at=ahead(seconds=-1))
    deliver()
    for path in ("/queue", f"/posts/{post['id']}", "/overview"):
        text = mine.open(path)
        assert "Sent, not confirmed" in text
        assert "did not confirm it" in text
        for button in ("It is live", "Not live: send again", "Not live: drop it"):
            assert button in text, path
    assert "1 waits for you" in mine.http.get("/dashboard", headers=HTML).text
    url = "https://sandbox.example/posts/1"
    data = {"decision": decision, "url": url if decision == "live" else "", "back": "queue"}
    answer = mine.send(f"/posts/{post['id']}/resolve", data)
    assert answer.headers["location"] == f"{SOCIAL}/queue"
    assert mine.get(post["id"])["status"] == status
    if decision == "live":
        assert mine.get(post["id"])["post_url"] == url
    again = mine.send(f"/posts/{post['id']}/resolve", {"decision": "drop"})
    assert again.status_code == 303
    assert mine.get(post["id"])["status"] == status
    assert "nothing to decide" in mine.said()


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_decisions_that_make_no_sense_change_nothing(mine, deliver, net, backend):
    net.faults({"fault": "accept_then_500", "times": 1})
    post = mine.make(scheduled_at=ahead(seconds=-1))
    deliver()
    for data in ({}, {"decision": "maybe"}, {"decision": "live", "url": "javascript:alert(1)"}):
        assert mine.send(f"/posts/{post['id']}/resolve", data).status_code == 303
        assert "Nothing was changed" in mine.said()
        assert mine.get(post["id"])["status"] == "posting"
    bad = mine.send(f"/posts/{post['id']}/resolve", {"decision": "drop", "back": "//evil.example"})
    assert bad.status_code == 422
