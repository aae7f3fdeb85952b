import socket
import time
from email.utils import parsedate_to_datetime

import httpx
import pytest

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d4944415478da63fcffff"
    "3f0300050001a5f645400000000049454e44ae426082"
)


@pytest.fixture
def token(net):
    return net.tokens()["access_token"]


def test_post_read_back_and_delete(net, token):
    post = net.post(token, "fresh bread at nine").json()
    assert post["url"].startswith(net.url)
    found = net.get(token, "/api/posts", author="juniper", text="fresh bread at nine").json()
    assert [each["id"] for each in found["items"]] == [post["id"]]
    assert net.get(token, f"/api/posts/{post['id']}").json()["text"] == "fresh bread at nine"

    bearer = {"Authorization": f"Bearer {token}"}
    assert net.http.delete(f"/api/posts/{post['id']}", headers=bearer).status_code == 204
    assert net.http.delete(f"/api/posts/{post['id']}", headers=bearer).status_code == 404
    assert net.get(token, "/api/posts", author="juniper").json()["items"] == []


def test_nobody_deletes_anothers_post(net, token):
    post = net.post(token, "mine").json()
    other = net.tokens("marlow")["access_token"]
    answer = net.http.delete(
        f"/api/posts/{post['id']}", headers={"Authorization": f"Bearer {other}"}
    )
    assert answer.status_code == 404
    assert net.get(token, f"/api/posts/{post['id']}").status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        {"text": ""},
        {"text": "x" * 501},
        {"text": 7},
        {"text": "ok", "reply_to": "123"},
        {"text": "ok", "media": ["nope"]},
        {"text": "ok", "media": "nope"},
        {"text": "ok", "idempotency_key": 5},
        [],
    ],
)
def test_bad_posts_are_refused_and_not_accepted(net, token, body):
    answer = net.http.post("/api/posts", json=body, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 422
    assert answer.json()["error"]["message"]
    assert net.posted() == []


def test_a_key_is_honoured_until_it_is_switched_off(net, token):
    first = net.post(token, "a", idempotency_key="k1")
    again = net.post(token, "a", idempotency_key="k1")
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
    by_header = net.http.post(
        "/api/posts",
        json={"text": "a"},
        headers={"Authorization": f"Bearer {token}", "Idempotency-Key": "k1"},
    )
    assert by_header.status_code == 200
    assert net.http.get("/ledger/summary").json()["duplicate_keys"] == {}

    net.http.put("/settings", json={"honour_keys": False})
    assert net.post(token, "a", idempotency_key="k1").status_code == 201
    assert net.http.get("/ledger/summary").json()["duplicate_keys"] == {"k1": 2}


def test_media_is_stored_and_shown(net, token):
    bearer = {"Authorization": f"Bearer {token}"}
    media = net.http.post(
        "/api/media",
        files={"file": ("a.png", PNG, "image/png")},
        data={"alt": "a loaf"},
        headers=bearer,
    ).json()
    net.post(token, "look", media=[media["id"]])
    assert net.http.get(f"/media/{media['id']}").content == PNG
    assert 'alt="a loaf"' in net.http.get("/").text
    text = net.http.post(
        "/api/media", files={"file": ("a.txt", b"no", "text/plain")}, headers=bearer
    )
    assert text.status_code == 422


def test_counts_grow_and_are_the_same_at_every_look(net, token):
    seeded = net.http.post(
        "/seed",
        json={"username": "juniper", "posts": [{"text": "old", "age": 86400 * 3}]},
    ).json()["items"]
    fresh = net.post(token, "new").json()
    ids = f"{seeded[0]['id']},{fresh['id']},999"
    looks = [net.get(token, "/api/metrics", ids=ids).json()["items"] for _ in range(2)]
    assert looks[0] == looks[1]
    assert set(looks[0]) == {seeded[0]["id"], fresh["id"]}
    assert looks[0][seeded[0]["id"]]["views"] > 50 > looks[0][fresh["id"]]["views"] == 0


def test_text_of_posts_is_shown_as_text(net, token):
    net.post(token, "<script>alert(1)</script>")
    html = net.http.get("/").text
    assert "<script>alert" not in html
    assert "&lt;script&gt;" in html


# --- faults, judged by the ledger ---


@pytest.mark.parametrize("fault", ["accept_then_500", "accept_then_reset", "accept_then_hang"])
def test_accepted_though_the_answer_lies(net, token, fault):
    net.faults({"fault": fault, "times": 1, "seconds": 0.3})
    if fault == "accept_then_500":
        assert net.post(token, "once").status_code == 500
    else:
        with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
            net.post(token, "once")
    assert net.posted() == ["once"]
    assert net.post(token, "twice").status_code == 201


def test_a_reset_is_a_real_one(net, token):
    net.faults({"fault": "reset", "times": 1})
    host, port = net.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as plain:
        plain.sendall(
            b"POST /api/posts HTTP/1.1\r\nHost: x\r\nContent-Length: 14\r\n"
            b"Authorization: Bearer " + token.encode() + b'\r\n\r\n{"text": "no"}'
        )
        with pytest.raises(ConnectionResetError):
            plain.recv(100)
    assert net.posted() == []


@pytest.mark.parametrize(
    "style", ["retry-after", "http-date", "x-rate-limit-reset", "ratelimit-reset"]
)
def test_429_says_when_to_come_back_and_means_it(net, token, style):
    net.faults({"fault": "rate_limit", "times": 1, "retry_after": 1.2, "style": style})
    answer = net.post(token, "x")
    assert answer.status_code == 429
    headers = answer.headers
    told = {
        "retry-after": lambda: time.time() + float(headers["retry-after"]),
        "http-date": lambda: parsedate_to_datetime(headers["retry-after"]).timestamp(),
        "x-rate-limit-reset": lambda: float(headers["x-rate-limit-reset"]),
        "ratelimit-reset": lambda: time.time() + float(headers["ratelimit-reset"]),
    }[style]()
    assert abs(told - time.time() - 1.2) < 1.3
    assert net.post(token, "x").status_code == 429
    assert [line["note"] for line in net.ledger(kind="post")][-1] == "rate_limited before its reset"
    time.sleep(1.3)
    assert net.post(token, "x").status_code == 201
    assert net.posted() == ["x"]


def test_revoked_and_expired(net, token):
    net.faults({"fault": "expired", "times": 1})
    assert net.post(token, "x").json()["error"]["code"] == "expired_token"
    assert net.post(token, "x").status_code == 201
    net.faults({"fault": "revoked", "times": 1})
    assert net.post(token, "y").json()["error"]["code"] == "revoked_token"
    assert net.post(token, "y").status_code == 401  # the grant is gone, not only the answer
    assert net.posted() == ["x"]


@pytest.mark.parametrize(("style", "named"), [("id", "first"), ("no_id", None), ("ghost", "ghost")])
def test_duplicates(net, token, style, named):
    net.faults({"fault": "duplicate", "style": style})
    first = net.post(token, "same").json()["id"]
    answer = net.post(token, "same")
    assert answer.status_code == 409
    existing = answer.json()["error"].get("existing_id")
    if named == "ghost":
        assert net.get(token, f"/api/posts/{existing}").status_code == 404
    else:
        assert existing == (first if named else None)
    assert net.post(token, "other").status_code == 201
    assert net.posted() == ["same", "other"]


def test_a_foreign_duplicate(net, token):
    net.faults({"fault": "duplicate", "always": True, "times": 1})
    assert net.post(token, "never seen").status_code == 409
    assert net.posted() == []


def test_reject_media_gone_error_slow_and_redirect(net, token):
    for fault, status in (("reject", 422), ("media_gone", 422), ("error", 500), ("redirect", 302)):
        net.faults({"fault": fault, "times": 1})
        assert net.post(token, "x").status_code == status
    net.faults({"fault": "slow", "seconds": 0.3, "times": 1})
    begun = time.monotonic()
    assert net.post(token, "x").status_code == 201
    assert time.monotonic() - begun >= 0.3
    assert net.posted() == ["x"]


def test_rules_choose_by_account_count_and_chance(net, token):
    other = net.tokens("marlow")["access_token"]
    net.faults(
        {"fault": "error", "account": "marlow", "skip": 1, "times": 2},
        {"fault": "reject", "op": "read", "probability": 0.5},
    )
    assert [net.post(other, f"m{n}").status_code for n in range(4)] == [201, 500, 500, 201]
    assert net.post(token, "j").status_code == 201
    reads = [net.get(token, "/api/posts").status_code for _ in range(60)]
    assert 10 < reads.count(422) < 50
    assert net.http.get("/faults").json()["items"][0]["hits"] == 2


@pytest.mark.parametrize(
    "rule", [{"fault": "x"}, {"fault": "error", "op": "x"}, {"fault": "error", "x": 1},
             {"fault": "rate_limit", "style": "x"}, {}, 7]
)  # fmt: skip
def test_wrong_rules_are_refused_with_what_there_is(net, rule):
    answer = net.http.put("/faults", json=[rule])
    assert answer.status_code == 422
    assert answer.json()["error"]["message"]


def test_the_ledger_outlives_the_process(net, tmp_path):
    from passivepost_platform_sandbox.network.background import running

    for text in ("one", "two"):
        with running(tmp_path / "other") as server:
            net = type(net)(server)
            net.post(net.tokens()["access_token"], text)
            texts = net.posted()
    assert texts == ["one", "two"]


def test_a_rule_may_look_at_the_text(net, token):
    net.faults({"fault": "reject", "text": "win a prize"})
    assert net.post(token, "you win a prize!").status_code == 422
    assert net.post(token, "bread").status_code == 201
