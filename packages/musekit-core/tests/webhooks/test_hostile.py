"""Addresses that nobody may be sent to, judged by a listener: not one connection."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from sqlalchemy import update
from tests.support.listener import Listener, redirect

from musekit.errors import InvalidError
from musekit.kernel.actors import Actor
from musekit.kernel.outbound import guard as guard_module
from musekit.kernel.outbound.client import Outbound
from musekit.kernel.portal import Portal
from musekit.webhooks import addresses
from musekit.webhooks.models import WebhookEndpoint

SYSTEM = Actor.system("tests")
PRIVATE = ["127.0.0.1", "0.0.0.0", "10.0.0.1", "169.254.169.254", "192.168.0.1", "100.64.0.1",
           "172.16.0.1", "192.0.0.192", "198.18.0.1", "224.0.0.1"]  # fmt: skip


def spellings(address: str) -> list[str]:
    """Ways to write an IPv4 address that some resolver or browser understands."""
    a, b, c, d = (int(part) for part in address.split("."))
    whole = int(ipaddress.IPv4Address(address))
    return [
        address, f"{address}.", str(whole), hex(whole), f"0{whole:o}",
        f"0x{a:x}.0x{b:x}.0x{c:x}.0x{d:x}", f"0{a:o}.0{b:o}.0{c:o}.0{d:o}",
        f"{a}.{b}.{(c << 8) + d}", f"{a}.{(b << 16) + (c << 8) + d}",
        f"[::ffff:{address}]", f"[::{address}]", f"[64:ff9b::{address}]",
        f"[::ffff:{(a << 8) + b:x}:{(c << 8) + d:x}]",
        f"[2002:{(a << 8) + b:x}:{(c << 8) + d:x}::1]",
        address.translate({ord(str(n)): chr(0xFF10 + n) for n in range(10)}),
    ]  # fmt: skip


def hostile(port: int) -> list[str]:
    hosts = [spelled for each in PRIVATE for spelled in spellings(each)]
    hosts += ["localhost", "LOCALHOST.", "a.localhost", "[::1]", "[::]", "[fd00:ec2::254]",
              "[fe80::1]", "①②⑦.⓪.⓪.①", "[::1%25lo]", "127.0.0.1.nip.example"]  # fmt: skip
    urls = [f"{scheme}://{host}:{port}/" for host in hosts for scheme in ("http", "https")]
    return urls + [
        f"http://example.com@127.0.0.1:{port}/", f"http://127.0.0.1:{port}\\@example.com/",
        f"http://a:b@127.0.0.1:{port}/", f"ftp://127.0.0.1:{port}/", f"//127.0.0.1:{port}/",
        f"gopher://127.0.0.1:{port}/_x", "file:///etc/passwd", "javascript:alert(1)", "",
        "http://", f"http://127.0.0.1:{port}/\r\nX: y", f"http://127.0.0.1 :{port}/",
        f"https://127.0.0.1:{port}/#x", "data:,x", f"unix://127.0.0.1:{port}/", "https://[",
    ]  # fmt: skip


class Names:
    """A resolver by which every name is ours; or one of scripted answers."""

    def __init__(self, *script: list[str]) -> None:
        self.script = list(script)

    async def resolve(self, host: str, port: int) -> list[Any]:
        import socket

        found = self.script.pop(0) if len(self.script) > 1 else (self.script or [["127.0.0.1"]])[0]
        return [(socket.AF_INET6 if ":" in each else socket.AF_INET, each) for each in found]

    async def close(self) -> None:
        pass


@pytest.fixture
def blind(lab: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let the rule about ports stand aside, so that the one about addresses is what holds."""
    port = lab.listener.port
    monkeypatch.setattr(guard_module, "PORTS", {"http": port, "https": port})

    def resolving(*script: list[str]) -> None:
        lab.host.portal.close()
        lab.host.outbound = Outbound(
            lab.host.settings.model_copy(update={"outbound_allow": []}), resolver=Names(*script)
        )
        lab.host.portal = Portal(lab.host.outbound)

    resolving()
    return resolving


@pytest.mark.parametrize("backend", ["sqlite"])
def test_hostile_addresses_are_never_connected_to(lab: Any, blind: Any, listener: Listener) -> None:
    lab.use(timeout_seconds=1, schedule=[1] * 11, disable_after_days=1000)
    urls = hostile(listener.port)
    assert len(urls) >= 300
    refused = 0
    for url in urls:
        try:
            addresses.checked(lab.host, url)
        except InvalidError:
            refused += 1
    assert refused >= 280  # what is left are names, which the call itself is judged by
    endpoint_id = made(lab)
    lab.emit()
    for url in urls:
        set_url(lab, endpoint_id, url)
        lab.make_due()
        for outcome in lab.deliver():
            assert outcome in ("unreachable", "broken"), url
        forget_tries(lab)
    assert listener.connects == 0
    # The same listener, once allowed, does answer: it would have noticed.
    lab.host.outbound.allow("127.0.0.1", listener.port)
    set_url(lab, endpoint_id, listener.url)
    lab.make_due()
    assert lab.deliver() == {"delivered": 1}
    assert listener.connects == 1


@pytest.mark.parametrize("backend", ["sqlite"])
@pytest.mark.parametrize(
    "answers",
    [["127.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["127.0.0.1", "8.8.8.8"], ["169.254.169.254"],
     ["::1"], ["::ffff:127.0.0.1"], ["10.0.0.1"]],
)  # fmt: skip
def test_names_that_lead_inside(lab: Any, blind: Any, listener: Listener, answers: Any) -> None:
    blind(answers)
    endpoint_id = made(lab)
    set_url(lab, endpoint_id, f"http://evil.example:{listener.port}/")
    lab.emit()
    assert lab.deliver() == {"unreachable": 1}
    assert listener.connects == 0


@pytest.mark.parametrize("backend", ["sqlite"])
def test_a_redirect_leads_nowhere(lab: Any, listener: Listener) -> None:
    lab.endpoint()
    lab.emit()
    for target in ("http://169.254.169.254/", f"http://localhost:{listener.port}/", "/in", "//x"):
        listener.script.append(redirect(target))
        lab.make_due()
        assert lab.deliver() == {"redirect": 1}
    assert len(listener.told) == 4
    assert {told.path for told in listener.told} == {"/hook"}


@pytest.mark.parametrize("backend", ["sqlite"])
def test_the_log_tells_no_networks_apart(lab: Any, blind: Any, listener: Listener) -> None:
    """A private name, a private address, a closed port: one and the same answer."""
    endpoint_id = made(lab)
    told = set()
    for url, answers in (
        (f"http://inside.example:{listener.port}/", ["10.0.0.1"]),
        (f"http://10.0.0.1:{listener.port}/", ["8.8.8.8"]),
        (f"http://nobody.example:{listener.port}/", []),
    ):
        blind(answers)
        set_url(lab, endpoint_id, url)
        lab.emit()
        lab.make_due()
        assert lab.deliver() == {"unreachable": 1}
        told |= {(row.last_error, row.last_status) for row in lab.rows() if row.attempts}
    assert told == {("unreachable", None)}


@pytest.mark.parametrize("backend", ["sqlite"])
@pytest.mark.parametrize(
    "url",
    ["http://hooks.example/", "https://hooks.example:8443/", "https://hooks.example/#x",
     "https://hooks.example/" + "x" * 2000, "https://u:p@hooks.example/", "hooks.example"],
)  # fmt: skip
def test_addresses_that_cannot_be_saved(lab: Any, url: str) -> None:
    with pytest.raises(InvalidError) as told:
        addresses.checked(lab.host, url)
    assert told.value.extra["errors"][0]["field"] == "url"
    assert addresses.checked(lab.host, " https://hooks.example/in?t=1 ") == (
        "https://hooks.example/in?t=1"
    )


def made(lab: Any) -> Any:
    """Make an endpoint at an address that may be called."""
    lab.host.outbound.allow("127.0.0.1", 9)
    endpoint_id, _ = lab.endpoint("http://127.0.0.1:9/")
    return endpoint_id


def set_url(lab: Any, endpoint_id: Any, url: str) -> None:
    """Put an address past the check at saving, as a name that is changed later would be."""
    with lab.host.database.session(SYSTEM) as session:
        session.execute(
            update(WebhookEndpoint).where(WebhookEndpoint.id == endpoint_id).values(url=url)
        )


def forget_tries(lab: Any) -> None:
    from musekit.webhooks.models import WebhookDelivery

    with lab.host.database.session(SYSTEM) as session:
        session.execute(update(WebhookDelivery).values(attempts=0, log=[], state="pending"))
