"""Packages of others, as real wheels in a fresh environment: a good platform, and bad plugins."""

from __future__ import annotations

import base64
import hashlib
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from tests.lifecycle import seeing
from tests.support import example_network
from tests.support.deployment import Deployment, deployed, wait_for
from tests.support.sandbox import sandbox
from tests.support.wheels import EXAMPLE, Environment, Wheels, fresh
from tests.zoo import plugins as zoo

from passivepost.testing import Double

pytestmark = pytest.mark.wheels


@pytest.fixture
def environment(tmp_path: Path, wheels: Wheels, everything: Environment) -> Environment:
    """Everything of ours, in an environment that may be changed."""
    ours = [name for name in wheels.names() if "example" not in name]
    return fresh(tmp_path / "venv", wheels, ours, base=everything)


@pytest.fixture
def network() -> Iterator[Double]:
    """The example's network."""
    with example_network.network() as double:
        yield double


def test_a_platform_of_somebody_else_publishes_beside_ours(environment, network, wheels, tmp_path):
    environment.install("passivepost-platform-example")
    settings = {
        "MUSEKIT_OUTBOUND_ALLOW": json.dumps([urlsplit(network.url).netloc]),
        "PASSIVEPOST_PLATFORM_EXAMPLE_URL": network.url,
        "PASSIVEPOST_PLATFORM_EXAMPLE_CLIENT_ID": "me",
        "PASSIVEPOST_POLL_SECONDS": "1",
    }
    folder = tmp_path / "deployment"
    with deployed(folder, musekit=environment.musekit, migrated=False, **settings) as deployment:
        deployment.run("migrate")
        found = seeing.declared(deployment)
        assert found["held"] == {}
        platforms = {name.replace("-", "_") for name in wheels.names() if "platform" in name}
        assert {name for name in found["plugins"] if "platform" in name} == platforms
        deployment.serve()
        deployment.worker()
        person = deployment.sign_up()
        account = person.connect("example", httpx.get)
        assert (account["platform"], account["platform_username"]) == ("example", "tester")
        done = person.until(person.schedule("example", 1, content="From a stranger"), "posted")
        assert [each.text for each in network.accepted()] == ["From a stranger"]
        assert done["platform_post_id"] == network.accepted()[0].id
        asked = next(each for each in network.requests if each.path == "/oauth/authorize")
        assert asked.query["code_challenge_method"] == "S256"


def test_the_example_is_short():
    code = [
        line
        for path in EXAMPLE.rglob("*")
        if path.suffix in {".py", ".toml"}
        for line in path.read_text().splitlines()
        if line.strip()
    ]
    assert len(code) < 150


BAD = ("zoo_import_error", "zoo_os_exit", "zoo_hang", "zoo_core_route")


def test_bad_plugins_from_pip_harm_nobody_and_leave_with_pip(environment, wheels, tmp_path):
    specimens = [each for each in zoo.HOSTILE if each.name in BAD]
    for each in (*specimens, zoo.GOOD):
        environment.pip("install", "--no-deps", str(wheel(tmp_path, each)))
    with sandbox(tmp_path / "network") as net, deployed(
        tmp_path / "deployment", musekit=environment.musekit, migrated=False,
        MUSEKIT_PLUGIN_IMPORT_SECONDS="3", PASSIVEPOST_POLL_SECONDS="1",
        PASSIVEPOST_PLATFORM_SANDBOX_BASE_URL=net.url,
    ) as deployment:  # fmt: skip
        deployment.run("migrate")
        deployment.serve()
        deployment.worker()
        ready = httpx.get(f"{deployment.url}/readyz")
        assert (ready.status_code, ready.json()["status"]) == (200, "warn")
        assert set(ready.json()["held"]) == set(BAD)
        rows = {row["name"]: row for row in deployment.json("plugins", "list")}
        for each in specimens:
            assert rows[each.name]["state"] == f"held ({each.phase})"
            assert all(word in rows[each.name]["detail"] for word in each.says), rows[each.name]
        assert httpx.get(f"{deployment.url}/api/zoo/good").status_code == 200
        goes_out(deployment, net, "in spite of them")

        environment.uninstall(*(each.distribution for each in specimens))
        deployment.stop()
        deployment.serve()
        ready = httpx.get(f"{deployment.url}/readyz").json()
        assert ready["held"] == {}
        assert "zoo_good" in ready["plugins"]
        # The records outlive the code: each that `migrate` met is gone until it is purged.
        ours = {"musekit" if n == "musekit-core" else n.replace("-", "_") for n in wheels.names()}
        here = ours - {"passivepost_platform_example"} | {"zoo_good"}
        assert states(deployment) == {"enabled": here, "gone": set(BAD)}
        deployment.run("plugins", "purge", BAD[0], "--yes-delete", BAD[0])
        assert states(deployment)["gone"] == set(BAD[1:])


def states(deployment: Deployment) -> dict[str, set[str]]:
    """Return which plugins `musekit plugins list` says are in which state."""
    found: dict[str, set[str]] = {}
    for row in deployment.json("plugins", "list"):
        found.setdefault(row["state"], set()).add(row["name"])
    return found


def goes_out(deployment: Deployment, net, text: str) -> None:
    person = deployment.sign_up()
    person.connect("sandbox", net.consent("somebody"))
    person.until(person.schedule("sandbox", 0, content=text), "posted")
    wait_for(lambda: net.texts() == [text], 5)


def wheel(folder: Path, specimen: zoo.Specimen) -> Path:
    """Make a specimen a wheel, as its author would upload it."""
    site = folder / f"site-{specimen.name}"
    zoo.write(site, specimen)
    name = f"{specimen.distribution.replace('-', '_')}-{specimen.version}"
    (site / f"{name}.dist-info" / "WHEEL").write_text(
        "Wheel-Version: 1.0\nGenerator: suite\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    target, record = folder / f"{name}-py3-none-any.whl", []
    with zipfile.ZipFile(target, "w") as archive:
        for path in sorted(each for each in site.rglob("*") if each.is_file()):
            data, inside = path.read_bytes(), path.relative_to(site).as_posix()
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
            archive.writestr(inside, data)
            record.append(f"{inside},sha256={digest},{len(data)}")
        listing = f"{name}.dist-info/RECORD"
        archive.writestr(listing, "\n".join([*record, f"{listing},,"]) + "\n")
    return target
