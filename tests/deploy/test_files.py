"""Dockerfile, compose file, units and pages name commands, settings and routes that there are."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import Any

import pytest
import yaml
from tests.deploy import commands
from tests.deploy.commands import DEPLOY, PAGES, ROOT

from musekit.kernel import refusals
from musekit.kernel.settings import CoreSettings
from musekit.kernel.web import draining

#: Every variable and route that there is: pages that other tests hold to the code.
KNOWN = {
    *re.findall(r"`([A-Z][A-Z0-9_]+)`", (ROOT / "docs/settings.md").read_text()),
    "CRON_SECRET",
}
ROUTES = set(re.findall(r"/[a-z][^\s`|]*", (ROOT / "docs/endpoints.md").read_text()))
HOSTS_OWN = {"/healthz", "/readyz"}
SECRET = "0123456789abcdef" * 3
FILLED = {
    "DOMAIN": "social.example.com", "POSTGRES_PASSWORD": "p" * 20, "CRON_SECRET": SECRET,
    "DATABASE_WEB_PASSWORD": "w" * 20, "DATABASE_WORK_PASSWORD": "s" * 20,
    "DATABASE_OWNER_PASSWORD": "o" * 20, "METRICS_SECRET": SECRET[::-1],
    "SOCIAL_ENCRYPTION_KEY": "k1:" + "A" * 43 + "=",
}  # fmt: skip


def filled(text: str) -> str:
    """Fill ``${NAME}`` in, as compose does."""

    def value(found: re.Match[str]) -> str:
        name, _, other = found[1].partition(":")
        return FILLED.get(name) or (other[1:] if other.startswith("-") else "")

    return re.sub(r"\$\{([^}]+)\}", value, text)


@pytest.fixture
def composed() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(filled((DEPLOY / "compose.yaml").read_text()))
    return found


def test_a_wrong_command_is_found() -> None:
    assert commands.refusal(["serve", "--port", "8000"]) == ""
    for wrong in (["serv"], ["serve", "--ports", "1"], ["serve", "--port", "x"], ["worker", "now"],
                  ["users"], ["users", "nobody"], []):  # fmt: skip
        assert commands.refusal(wrong), wrong


def test_the_image_runs_what_there_is() -> None:
    assert commands.refusal(commands.image_command()) == ""
    parts = commands.dockerfile((DEPLOY / "Dockerfile").read_text())
    [packages] = [each for each in parts["ARG"] if each.startswith("PACKAGES=")]
    for name in packages.partition("=")[2].strip('"').split():
        assert (ROOT / "packages" / name / "pyproject.toml").exists(), name
    for copied in parts["COPY"]:
        if not copied.startswith("--from"):
            assert (ROOT / copied.split()[0]).exists(), copied
    assert parts["STOPSIGNAL"] == ["SIGTERM"]
    assert parts["USER"] == ["musekit"]
    port = commands.image_command()[-1]
    assert parts["EXPOSE"] == [port]


def test_compose_runs_what_there_is(composed: dict[str, Any]) -> None:
    for name in ("migrate", "web", "worker"):
        service = composed["services"][name]
        assert commands.refusal(service["command"]) == "", name
        assert set(service["environment"]) <= KNOWN, name
    assert "MUSEKIT_DATABASE_OWNER_URL" not in composed["services"]["web"]["environment"]
    [probe] = [
        part for part in composed["services"]["web"]["healthcheck"]["test"] if "http" in part
    ]
    path = re.search(r"http://127.0.0.1:(\d+)(/\w+)", probe)
    assert path
    assert path[2] in HOSTS_OWN
    assert path[1] == composed["services"]["web"]["command"][4]


def test_the_settings_of_compose_are_safe_to_start_with(
    composed: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in composed["services"]["web"]["environment"].items():
        monkeypatch.setenv(name, value or "")
    settings = CoreSettings()
    refusals.check_settings(settings)
    assert settings.mode == "production"
    assert settings.cron_secret
    # Who is believed about addresses is the proxy, and the proxy is who has that address.
    edge = composed["services"]["proxy"]["networks"]["edge"]
    assert settings.trusted_proxies == [edge["ipv4_address"]]
    urls = (settings.database_url, settings.database_system_url)
    assert len({re.search(r"//(\w+):", url)[1] for url in urls}) == 2  # type: ignore[index]


def test_everything_in_compose_that_is_filled_in_is_in_the_example() -> None:
    text = (DEPLOY / "compose.yaml").read_text()
    wanted = set(re.findall(r"\$\{([A-Z_]+)", text))
    example = (DEPLOY / "compose.env.example").read_text()
    assert set(re.findall(r"^([A-Z_]+)=", example, re.MULTILINE)) == wanted


def seconds(text: str) -> float:
    return float(text.removesuffix("s"))


def test_nobody_is_killed_before_their_time(composed: dict[str, Any]) -> None:
    settings = CoreSettings(mode="production")
    web = draining.linger(settings) + settings.web_drain_seconds
    work = settings.worker_drain_seconds
    services = composed["services"]
    assert seconds(services["web"]["stop_grace_period"]) > web
    assert seconds(services["worker"]["stop_grace_period"]) > work
    units = commands.units()
    for name, least in (("musekit-web", web), ("musekit-worker", work), ("musekit", web + work)):
        assert seconds(units[f"{name}.service"]["TimeoutStopSec"][0]) > least, name
    page = (ROOT / "docs/deploy-containers.md").read_text()
    assert f"Give web containers {services['web']['stop_grace_period'][:-1]} seconds" in page
    assert f"workers {services['worker']['stop_grace_period'][:-1]}" in page


@pytest.mark.parametrize("name", sorted(commands.units()))
def test_units_run_what_there_is(name: str) -> None:
    unit = commands.units()[name]
    [start] = unit["ExecStart"]
    program, *arguments = start.split()
    assert program == "/opt/musekit/bin/musekit"
    assert commands.refusal(arguments) == ""
    given = dict(each.split("=", 1) for each in unit["Environment"])
    assert set(given) <= KNOWN
    assert given["MUSEKIT_DATA_DIR"] == f"/var/lib/{unit['StateDirectory'][0]}"
    for other in re.findall(r"musekit[a-z-]*\.service", " ".join(map(str, unit.values()))):
        assert (DEPLOY / "systemd" / other).exists(), other


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_pages_say_what_is_so(page: Any) -> None:
    text = page.read_text()
    said = commands.commands_in(text)
    assert len(said) >= 2
    for each in said:  # text that names a command may leave out its arguments
        assert commands.refusal(each).partition(" ")[0] in ("", "Missing"), each
    unknown = {name for name in commands.settings_in(text) if name not in KNOWN}
    assert not unknown
    paths = set(re.findall(r"(?<=[`. ])(/(?:api|admin)/[a-z/-]+|/\w+z|/metrics)\b", text))
    families = {route[: route.index("/", 5)] for route in ROUTES if route.startswith("/api/")
                and route.count("/") > 2}  # fmt: skip
    assert paths - (ROUTES | HOSTS_OWN | families) == set()
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (page.parent / link).exists(), link


def test_the_manifest_in_the_page_says_what_is_so() -> None:
    text = (ROOT / "docs/deploy-containers.md").read_text()
    [manifest] = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    pod = yaml.safe_load(manifest)
    [web] = pod["containers"]
    assert commands.refusal(web["args"]) == ""
    settings = CoreSettings(mode="production")
    least = draining.linger(settings) + settings.web_drain_seconds
    assert pod["terminationGracePeriodSeconds"] > least
    ready = web["readinessProbe"]
    assert ready["periodSeconds"] * ready["failureThreshold"] < draining.linger(settings)
    assert {web["livenessProbe"]["httpGet"]["path"], ready["httpGet"]["path"]} == HOSTS_OWN


def _there(*program: str) -> bool:
    if shutil.which(program[0]) is None:
        return False
    return subprocess.run(program, capture_output=True, check=False, timeout=30).returncode == 0


def test_docker_reads_the_compose_file(tmp_path: Any) -> None:
    if not _there("docker", "compose", "version"):
        pytest.skip("docker compose is not here")
    lines = "".join(f"{name}={value}\n" for name, value in FILLED.items())
    (tmp_path / "env").write_text(lines)
    done = subprocess.run(
        ["docker", "compose", "--env-file", tmp_path / "env", "-f", DEPLOY / "compose.yaml",
         "config", "--quiet"], capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_systemd_reads_the_units() -> None:
    if not _there("systemd-analyze", "--version"):
        pytest.skip("systemd-analyze is not here")
    for path in sorted((DEPLOY / "systemd").glob("*.service")):
        done = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", path], capture_output=True, text=True,
            check=False, timeout=60,
        )  # fmt: skip
        faults = [line for line in done.stderr.splitlines() if "is not executable" not in line]
        assert not [line for line in faults if path.name in line], faults
