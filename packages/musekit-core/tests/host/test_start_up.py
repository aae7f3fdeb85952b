"""What a deployment must not start with, and settings that name themselves when wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from musekit.errors import ConfigurationError
from musekit.kernel import refusals
from musekit.kernel.build import build_host
from musekit.kernel.settings import CoreSettings, load_section

SECRET = "k" * 20 + "0123456789abcdef"


def production(tmp_path: Path, **changes: Any) -> CoreSettings:
    values: dict[str, Any] = {
        "mode": "production", "data_dir": tmp_path, "public_url": "https://social.example.com",
        "trusted_proxies": ["10.0.0.5"],
    } | changes  # fmt: skip
    return CoreSettings(**values)


def test_a_sound_deployment_passes(tmp_path: Path) -> None:
    refusals.check_settings(production(tmp_path, cron_secret=SECRET))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"cron_secret": "short"}, "MUSEKIT_CRON_SECRET"),
        ({"cron_secret": "changethis"}, "MUSEKIT_CRON_SECRET"),
        ({"cron_secret": SECRET[:31]}, "32 bytes"),
        ({"cron_secret": SECRET, "SOCIAL_ENCRYPTION_KEY": f"k1:{SECRET}"}, "SOCIAL_ENCRYPTION_KEY"),
        ({"trusted_hosts": ["*"]}, "MUSEKIT_TRUSTED_HOSTS"),
        ({"queue_backend": "redis"}, "MUSEKIT_REDIS_URL"),
        ({"queue_backend": "postgres"}, "MUSEKIT_DATABASE_URL"),
        ({"database_url": "postgresql://app@db/x"}, "MUSEKIT_DATABASE_SYSTEM_URL"),
        ({"public_url": ""}, "MUSEKIT_PUBLIC_URL"),
    ],
)
def test_each_refusal_names_its_setting(tmp_path: Path, changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says) as caught:
        refusals.check_settings(production(tmp_path, **changes))
    assert SECRET not in str(caught.value)


def test_debug_mode_and_a_missing_address_are_refused_in_production_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MUSE_DEBUG_MODE", "true")
    monkeypatch.delenv("MUSEKIT_PUBLIC_URL", raising=False)
    with pytest.raises(ConfigurationError) as caught:
        refusals.check_settings(CoreSettings(mode="production", data_dir=tmp_path))
    assert "MUSE_DEBUG_MODE" in str(caught.value)
    assert "MUSEKIT_PUBLIC_URL" in str(caught.value)
    refusals.check_settings(CoreSettings(mode="development", data_dir=tmp_path))


def test_a_redis_that_evicts_is_refused(redis_url: str, tmp_path: Path) -> None:
    import redis

    client = redis.Redis.from_url(redis_url)
    before = client.config_get("maxmemory-policy")["maxmemory-policy"]
    settings = CoreSettings(
        mode="test", data_dir=tmp_path, queue_backend="redis", redis_url=redis_url
    )
    try:
        client.config_set("maxmemory-policy", "allkeys-lru")
        assert any("noeviction" in fault for fault in refusals._eviction(settings))
        client.config_set("maxmemory-policy", "noeviction")
        assert refusals._eviction(settings) == []
    finally:
        client.config_set("maxmemory-policy", before)
        client.close()


def test_a_redis_that_is_away_does_not_stop_the_start(tmp_path: Path) -> None:
    settings = CoreSettings(
        mode="test", data_dir=tmp_path, queue_backend="redis", redis_url="redis://127.0.0.1:1/0"
    )
    assert refusals._eviction(settings) == []


def test_a_core_that_is_not_migrated_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="musekit migrate"):
        build_host(CoreSettings(mode="test", data_dir=tmp_path))


def test_a_wrong_setting_is_named_with_its_plugin_and_without_its_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MUSEKIT_WORKER_THREADS", "canary-value")
    monkeypatch.setenv("MUSEKIT_MODE", "holiday")
    with pytest.raises(ConfigurationError) as caught:
        load_section(CoreSettings, "musekit")
    text = str(caught.value)
    assert "MUSEKIT_WORKER_THREADS" in text
    assert "MUSEKIT_MODE" in text
    assert "musekit" in text
    assert "canary" not in text
    assert "holiday" not in text


def test_the_cron_secret_has_two_names_and_faults_name_the_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("MUSEKIT_CRON_SECRET", "CRON_SECRET"):
        with monkeypatch.context() as patch:
            patch.setenv(name, SECRET)
            secret = load_section(CoreSettings, "musekit").cron_secret
            assert secret is not None
            assert secret.get_secret_value() == SECRET
    monkeypatch.setenv("MUSEKIT_OUTBOUND_ALLOW", "[1")
    with pytest.raises(ConfigurationError, match="MUSEKIT_OUTBOUND_ALLOW: lists"):
        load_section(CoreSettings, "musekit")
