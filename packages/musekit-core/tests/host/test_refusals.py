"""What a deployment for production does not start with; each fault by itself, on real databases."""

from __future__ import annotations

import logging
import pickle

import pytest
from sqlalchemy import select

from musekit.errors import ConfigurationError
from musekit.kernel.actors import Actor
from musekit.kernel.advice import Judgement, UnsafeError
from musekit.kernel.build import build_host
from musekit.kernel.crypto.keyring import KeyRing
from musekit.kernel.crypto.keys import new_key, parse, write_down
from musekit.kernel.database.session import Database
from musekit.kernel.database.system_tables import Deployment
from musekit.kernel.host import Host
from musekit.kernel.settings import CoreSettings, load_section

from .misconfigured import (
    KEY,
    LONG,
    REFUSED,
    Case,
    Place,
    prepared,
    sealed_by_another,
    title,
    token_of_a_lost_key,
)

SYSTEM = Actor.system("tests")
SQLITE = [case for case in REFUSED if case.backend == "sqlite"]
POSTGRES = [case for case in REFUSED if case.backend == "postgres"]


def start(place: Place, monkeypatch: pytest.MonkeyPatch) -> Host:
    """Start as a process does: from the environment."""
    for name, value in place.environment.items():
        monkeypatch.setenv(name, value)
    return build_host(load_section(CoreSettings, "musekit"), plugins=[])


def refused(place: Place, monkeypatch: pytest.MonkeyPatch, case: Case) -> None:
    prepared(place, case)
    with pytest.raises(UnsafeError) as caught:
        start(place, monkeypatch)
    assert {each.name for each in caught.value.faults} == {case.name}  # this one alone
    for words in case.says:
        assert words in str(caught.value)
    for secret in (LONG, KEY.partition(":")[2], "changethis"):
        assert secret not in str(caught.value)


def test_a_sound_deployment_starts(
    place: Place, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    host = start(place, monkeypatch)
    host.close()
    assert "would be refused" not in caplog.text


@pytest.mark.parametrize("backend", ["sqlite"])
@pytest.mark.parametrize("case", SQLITE, ids=title)
def test_refused(place: Place, monkeypatch: pytest.MonkeyPatch, case: Case) -> None:
    refused(place, monkeypatch, case)


@pytest.mark.parametrize("backend", ["postgres"])
@pytest.mark.parametrize("case", POSTGRES, ids=title)
def test_refused_on_postgres(place: Place, monkeypatch: pytest.MonkeyPatch, case: Case) -> None:
    refused(place, monkeypatch, case)


@pytest.mark.parametrize("backend", ["sqlite"])
def test_all_faults_are_named_at_once(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.environment |= {"MUSEKIT_CRON_SECRET": "k", "MUSE_DEBUG_MODE": "on"}
    place.environment["MUSEKIT_TRUSTED_PROXIES"] = '["*"]'
    with pytest.raises(UnsafeError) as caught:
        start(place, monkeypatch)
    assert {each.name for each in caught.value.faults} == {
        "placeholder-secret", "debug-mode", "any-proxy"
    }  # fmt: skip


@pytest.mark.parametrize("backend", ["sqlite"])
@pytest.mark.parametrize("mode", ["development", "demo"])
def test_outside_of_production_a_strange_database_is_said_and_used(
    place: Place, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, mode: str
) -> None:
    sealed_by_another(place)
    place.environment["MUSEKIT_MODE"] = mode
    with caplog.at_level(logging.WARNING):
        start(place, monkeypatch).close()
    assert "In production this would be refused" in caplog.text


def sealed(host_or_settings: Place) -> str | None:
    database = Database(host_or_settings.settings)
    try:
        with database.session(SYSTEM, readonly=True) as session:
            return session.scalar(select(Deployment.key_check))
    finally:
        database.close()


def test_a_copy_is_adopted_by_its_name(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    sealed_by_another(place)
    token_of_a_lost_key(place)
    before = sealed(place)
    with pytest.raises(UnsafeError) as caught:
        start(place, monkeypatch)
    assert sealed(place) == before  # nothing was changed
    name = str(caught.value).partition("MUSEKIT_ADOPT_DATABASE=")[2].partition(":")[0]
    monkeypatch.setenv("MUSEKIT_ADOPT_DATABASE", "01a20992-6201-7911-a13c-b0ad94dedab5")
    with pytest.raises(UnsafeError):
        start(place, monkeypatch)
    monkeypatch.setenv("MUSEKIT_ADOPT_DATABASE", name)
    start(place, monkeypatch).close()
    assert sealed(place) != before
    # It is theirs now; what the old keys encrypted is still told of.
    monkeypatch.delenv("MUSEKIT_ADOPT_DATABASE")
    with pytest.raises(UnsafeError, match="keys that are not in the key ring"):
        start(place, monkeypatch)


def test_keys_are_exchanged_without_a_refusal(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    from musekit.kernel.crypto.rotation import remaining, rotate

    start(place, monkeypatch).close()
    [old] = parse(KEY)
    fresh = new_key()
    place.environment["SOCIAL_ENCRYPTION_KEY"] = f"{write_down(fresh)},{KEY}"
    host = start(place, monkeypatch)
    # Others still run with the old ring: nothing is sealed anew by merely starting.
    assert remaining(host.database, host.keyring)["deployment.key_check"] == 1
    place.environment["SOCIAL_ENCRYPTION_KEY"] = KEY
    start(place, monkeypatch).close()
    rotate(host.database, host.keyring)
    host.close()
    place.environment["SOCIAL_ENCRYPTION_KEY"] = write_down(fresh)
    start(place, monkeypatch).close()
    place.environment["SOCIAL_ENCRYPTION_KEY"] = write_down(old)
    with pytest.raises(UnsafeError, match="other encryption keys"):
        start(place, monkeypatch)


@pytest.mark.parametrize("backend", ["sqlite"])
@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("changethis", "id:base64"),
        ("k1:" + "QUFB" * 3, "9 bytes and needs 32"),
        ("k1:" + "YWFh" * 10 + "YWE=", "can be guessed"),
        (f"{KEY},{KEY}", "names two keys alike"),
    ],
)
def test_keys_that_are_none(
    place: Place, monkeypatch: pytest.MonkeyPatch, key: str, says: str
) -> None:
    place.environment["SOCIAL_ENCRYPTION_KEY"] = key
    with pytest.raises(ConfigurationError, match=says):
        start(place, monkeypatch)


@pytest.mark.parametrize("backend", ["postgres"])
def test_a_hosted_deployment_without_keys(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    del place.environment["SOCIAL_ENCRYPTION_KEY"]
    with pytest.raises(ConfigurationError, match="SOCIAL_ENCRYPTION_KEY is not set"):
        start(place, monkeypatch)


@pytest.mark.workspace
@pytest.mark.parametrize("backend", ["sqlite"])
def test_a_plugin_with_a_placeholder_is_put_out_and_not_the_host(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PASSIVEPOST_PLATFORM_TWITTER_CLIENT_SECRET", "changethis")
    for name, value in place.environment.items():
        monkeypatch.setenv(name, value)
    settings = load_section(CoreSettings, "musekit")
    host = build_host(settings, strict=False, judgement=(judgement := Judgement()))
    host.close()
    held = {each.plugin: each for each in host.registry.quarantined}
    assert "placeholder" in held["passivepost_platform_twitter"].error
    assert judgement.refused == []


def test_nothing_is_pickled(host: Host) -> None:
    """The queue has no setting for it: what would be unpickled is refused by what stands there."""
    serializer = host.broker.queue.serializer
    with pytest.raises(TypeError):
        serializer.serialize({"a": 1})
    with pytest.raises(TypeError):
        serializer.deserialize(pickle.dumps(print))


def test_a_ring_that_is_in_use_opens_what_it_sealed(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = start(place, monkeypatch)
    text = sealed(place)
    assert text is not None
    assert text.startswith(f"v1.{host.keyring.newest}.")
    host.close()
    start(place, monkeypatch).close()
    assert sealed(place) == text
    assert KeyRing(parse(KEY)).ids == host.keyring.ids
