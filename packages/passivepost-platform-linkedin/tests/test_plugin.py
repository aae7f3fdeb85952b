"""The package inside the host: found, set up by the environment, and heard by the operator."""

import pytest

from musekit.api import Health
from passivepost.accounts.registry import platforms_of
from passivepost_platform_linkedin.platform import LinkedInPlatform, RenewingLinkedInPlatform

PREFIX = "PASSIVEPOST_PLATFORM_LINKEDIN_"


@pytest.fixture(autouse=True)
def deployment(monkeypatch, request):
    for name, value in getattr(request, "param", {}).items():
        monkeypatch.setenv(PREFIX + name, value)


def version_of(host) -> Health:
    (check,) = [each for each in host.registry.health_checks if each.name == "linkedin version"]
    return check.check(host)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_it_is_there_and_waits_for_its_keys(host):
    platform = platforms_of(host).get("linkedin")
    assert type(platform) is LinkedInPlatform
    assert platforms_of(host).plugin_of("linkedin") == "passivepost_platform_linkedin"
    assert platform.connection.client_id == ""
    assert version_of(host).status == "ok"


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "deployment", [{"CLIENT_ID": "app", "REFRESH_TOKENS": "1", "VERSION": "202001"}], indirect=True
)
def test_an_approved_app_with_an_old_version(host):
    assert type(platforms_of(host).get("linkedin")) is RenewingLinkedInPlatform
    health = version_of(host)
    assert health.status == "warn"
    assert f"{PREFIX}VERSION" in health.advice
