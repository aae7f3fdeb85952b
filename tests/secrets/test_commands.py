"""What commands print, also when the settings are wrong, holds no secret of the settings."""

import base64
import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest
from tests.secrets.canaries import Canaries

from musekit.testing import databases

MUSEKIT = Path(sys.executable).with_name("musekit")
COMMANDS = [
    ("doctor", "--json"), ("plugins", "list", "--json"), ("openapi",),
    ("plugins", "info", "passivepost_platform_sandbox"),
]  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A migrated deployment, and the secrets in its environment."""
    folder = tmp_path_factory.mktemp("commands")
    data = folder / "data"
    data.mkdir()
    databases.provision_sqlite(data / "musekit.db")
    canaries = Canaries()
    raw = base64.b64encode(secrets.token_bytes(32)).decode()
    environment = {
        name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ
    }
    environment |= {
        "MUSEKIT_MODE": "test", "MUSEKIT_DATA_DIR": str(data),
        "SOCIAL_ENCRYPTION_KEY": f"k1:{canaries.keep('encryption key', raw)}",
        "MUSEKIT_CRON_SECRET": canaries.make("cron secret", length=48),
        "MUSEKIT_REDIS_URL": f"redis://:{canaries.make('Redis password')}@127.0.0.1:1/0",
        "PASSIVEPOST_PLATFORM_SANDBOX_CLIENT_SECRET": canaries.make("client secret"),
        "PASSIVEPOST_PLATFORM_TWITTER_CLIENT_SECRET": canaries.make("client secret"),
    }  # fmt: skip
    return environment, canaries


def run(environment, *command):
    done = subprocess.run(
        [MUSEKIT, *command], env=environment, capture_output=True, text=True, timeout=90
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_commands_print_no_secret(place, command):
    environment, canaries = place
    status, said = run(environment, *command)
    assert status in (0, 1), said  # doctor may warn
    assert "Traceback" not in said, said
    canaries.demand_clean(" ".join(command), said)


WRONG = {
    "short cron secret": ("MUSEKIT_CRON_SECRET", "{}", 20),
    "key of no form": ("SOCIAL_ENCRYPTION_KEY", "{}", 40),
    "key of the wrong length": ("SOCIAL_ENCRYPTION_KEY", "k2:{},,k1:==", 20),
    "database of no kind": ("MUSEKIT_DATABASE_URL", "nosuch://u:{}@127.0.0.1:1/x", 30),
    "list that is none": ("MUSEKIT_TRUSTED_HOSTS", "{}", 30),
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_settings_are_named_and_not_repeated(place, what):
    environment, canaries = place
    name, form, length = WRONG[what]
    secret = canaries.make(what, length=length)
    status, said = run({**environment, name: form.format(secret)}, "doctor")
    assert status != 0, said
    assert name in said, said
    canaries.demand_clean(f"doctor with {what}", said)
    assert secret[:12] not in said, said
    assert "Traceback" not in said, said
