"""Static files and vendored files."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

import musekit
from musekit.kernel.host import Host
from musekit.kernel.web.pages import Shell

STATIC = Path(musekit.__file__).parent / "static/musekit"
VENDOR = STATIC / "vendor"


@pytest.fixture(params=["sqlite"])
def backend(request: pytest.FixtureRequest) -> str:
    """The database does not matter here."""
    return str(request.param)


def test_vendored_files_are_what_they_say() -> None:
    entries = {each["file"]: each for each in json.loads((VENDOR / "vendor.json").read_text())}
    files = {
        path.relative_to(VENDOR).as_posix()
        for path in VENDOR.rglob("*")
        if path.is_file() and path.name not in ("vendor.json", "LICENSE")
    }
    assert files == set(entries)
    for name, entry in entries.items():
        path = VENDOR / name
        assert hashlib.sha256(path.read_bytes()).hexdigest() == entry["sha256"], name
        assert entry["version"] in name
        assert (path.parent / "LICENSE").is_file(), f"{name} lies without its licence"


def test_a_hashed_address_may_be_kept_for_ever(client: TestClient, host: Host) -> None:
    url = host.get(Shell).assets.url("musekit", "tokens.css")
    answer = client.get(url)
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["content-type"].startswith("text/css")
    again = client.get(url, headers={"if-none-match": answer.headers["etag"]})
    assert again.status_code == 304
    for other in (url.partition("?")[0], url[:-1] + "x"):
        assert client.get(other).headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "path",
    [
        "../../plugin.py",
        "%2e%2e/%2e%2e/plugin.py",
        "..%2f..%2fplugin.py",
        "/etc/passwd",
        "//etc/passwd",
        "vendor/../../../plugin.py",
        "",
        ".",
        "vendor",
        "x\0y",
        "tokens.css/",
        "..\\..\\plugin.py",
    ],
)
def test_nothing_else_is_served(client: TestClient, path: str) -> None:
    for package in ("musekit", "musekit.auth", "..", "passivepost"):
        answer = client.get(f"/-/static/{package}/{path.replace(chr(0), '%00')}")
        assert answer.status_code in (404, 400), (package, path)


def test_templates_name_only_icons_that_exist() -> None:
    sprite = (next(VENDOR.glob("lucide-static/*/icons.svg"))).read_text()
    known = set(re.findall(r'<symbol id="([^"]+)"', sprite))
    used = set()
    for template in STATIC.parents[1].joinpath("templates").rglob("*.html"):
        text = template.read_text()
        used |= set(re.findall(r'ui\.icon\("([a-z0-9-]+)"', text))
        used |= set(re.findall(r'(?:icon_name|icon_end|icon)="([a-z0-9-]+)"', text))
    assert used
    assert used <= known, used - known


def test_the_design_page_is_not_in_production(host: Host) -> None:
    from musekit.kernel.app import create_app

    host.settings.mode = "production"
    app: FastAPI = create_app(host)
    with TestClient(app, base_url="http://127.0.0.1") as browser:
        assert browser.get("/_design").status_code == 404
