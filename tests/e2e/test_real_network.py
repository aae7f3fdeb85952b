"""A real Bluesky server: connected by API, published to by a worker process, records read back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from tests.e2e.conftest import Deploy
from tests.support import pds as bluesky
from tests.support.cutting import CuttingProxy, cutting_proxy
from tests.support.deployment import Person
from tests.support.media import FileServer, png

from musekit.testing.servers import free_port

pytestmark = pytest.mark.peer


@pytest.fixture(scope="module")
def network() -> Iterator[tuple[bluesky.Pds, CuttingProxy]]:
    """A server whose accounts' documents name a proxy, so that every call passes through it."""
    try:
        bluesky.installed()
    except bluesky.PeerMissingError as reason:
        pytest.skip(f"no Bluesky PDS: {reason}")
    port = free_port()
    with cutting_proxy(port) as proxy, bluesky.running(port, announced=proxy.port) as server:
        yield server, proxy


@pytest.fixture(scope="module")
def person(deploy: Deploy, network: tuple[bluesky.Pds, CuttingProxy], files: FileServer) -> Person:
    """Somebody who has connected the server's account; a web process and a worker run."""
    server, _ = network
    addresses = (server.url, server.plc_url, files.url)
    deployment = deploy(
        MUSEKIT_OUTBOUND_ALLOW=json.dumps([urlsplit(url).netloc for url in addresses]),
        PASSIVEPOST_PLATFORM_BLUESKY_RESOLVER_URL=server.url,
        PASSIVEPOST_PLATFORM_BLUESKY_PLC_URL=server.plc_url,
        PASSIVEPOST_POLL_SECONDS="1",
        PASSIVEPOST_RETRY_BASE_SECONDS="0.5",
        PASSIVEPOST_RECONCILE_SECONDS="[1, 2, 4]",
    )
    deployment.serve()
    deployment.worker()
    made = deployment.sign_up()
    values = {"handle": f"@{server.handle}", "app_password": server.app_password}
    account = made.api("POST", "/connect", {"platform": "bluesky", "values": values})
    assert account["platform_user_id"] == server.did
    assert server.app_password not in json.dumps(account)
    return made


def texts(server: bluesky.Pds, mark: str) -> list[dict[str, Any]]:
    """The account's records that hold a mark, the oldest first."""
    found = [record for record in server.records() if mark in record["value"]["text"]]
    return sorted(found, key=lambda record: record["uri"])


def test_text_thread_and_picture_go_out_by_a_worker(person, network, files):
    server, _ = network
    mark = uuid4().hex[:8]
    picture = files.add(f"/{mark}.png", png())
    text = f"Bread 🥖 at nine, {mark}: https://example.com/menu by @{server.handle}"
    posts = [
        person.schedule("bluesky", 2, content=text),
        person.schedule("bluesky", 2, parts=[{"text": f"{n} of 3 {mark}"} for n in (1, 2, 3)]),
        person.schedule(
            "bluesky", 2, content=f"A loaf {mark}", media=[{"url": picture, "alt": "A red loaf"}]
        ),
    ]
    done = [person.until(post, "posted") for post in posts]

    records = {record["value"]["text"]: record for record in texts(server, mark)}
    assert len(records) == len(texts(server, mark)) == 5
    assert [post["platform_post_id"] for post in done] == [
        records[first]["uri"] for first in (text, f"1 of 3 {mark}", f"A loaf {mark}")
    ]

    raw = text.encode()
    seen = {
        raw[f["index"]["byteStart"] : f["index"]["byteEnd"]].decode(): f["features"][0]
        for f in records[text]["value"]["facets"]
    }
    assert seen["https://example.com/menu"]["uri"] == "https://example.com/menu"
    assert seen[f"@{server.handle}"]["did"] == server.did

    one, two, three = (records[f"{n} of 3 {mark}"] for n in (1, 2, 3))
    reference = {"uri": one["uri"], "cid": one["cid"]}
    assert "reply" not in one["value"]
    assert two["value"]["reply"] == {"root": reference, "parent": reference}
    assert three["value"]["reply"]["root"] == reference
    assert three["value"]["reply"]["parent"]["uri"] == two["uri"]

    (image,) = records[f"A loaf {mark}"]["value"]["embed"]["images"]
    assert image["alt"] == "A red loaf"
    assert image["image"]["size"] == len(png())

    for post in done:
        assert [each["outcome"] for each in post["attempts"]] == ["confirmed"]
        assert post["posted_at"] >= post["scheduled_at"]


@pytest.mark.parametrize("parts", [1, 3])
def test_an_answer_that_never_came_leaves_one_record(person, network, parts):
    """The server took the record, and the connection broke before the worker heard of it."""
    server, proxy = network
    mark = uuid4().hex[:8]
    proxy.match, proxy.cut, proxy.swallowed = b"com.atproto.repo.putRecord", 1, 0
    wanted = [f"{n} {mark}" for n in range(parts)]
    post = person.schedule("bluesky", 1.5, parts=[{"text": text} for text in wanted])
    done = person.until(post, "posted")
    assert proxy.swallowed == 1
    assert [record["value"]["text"] for record in texts(server, mark)] == wanted
    assert "unknown" in [each["outcome"] for each in done["attempts"]]
    assert done["platform_post_id"] == texts(server, mark)[0]["uri"]
