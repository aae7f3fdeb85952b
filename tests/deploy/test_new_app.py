"""What `musekit new app` writes is what a deployment can be started with."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from tests.deploy import commands
from tests.deploy.test_files import KNOWN
from tests.support.deployment import WORKSPACE

from musekit.kernel import refusals
from musekit.kernel.settings import CoreSettings


@pytest.fixture
def written(tmp_path: Path) -> Path:
    subprocess.run([WORKSPACE, "new", "app", "my-app"], cwd=tmp_path, check=True, timeout=60)
    return tmp_path / "my-app"


def test_its_settings_start_in_production(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (written / "settings.env").read_text()
    assert commands.settings_in(text) <= KNOWN
    for line in text.splitlines():
        if line and not line.startswith("#"):
            monkeypatch.setenv(*line.split("=", 1))
    settings = CoreSettings()
    refusals.check_settings(settings)
    assert settings.mode == "production"
    assert settings.public_url == "https://my-app.example.com"
    assert "@" not in text.replace("no-reply@", "").replace("…@", "")


def test_its_image_and_its_readme_name_commands_that_there_are(written: Path) -> None:
    parts = commands.dockerfile((written / "Dockerfile").read_text())
    program, *first = json.loads(parts["ENTRYPOINT"][0])
    assert program == "musekit"
    assert commands.refusal([*first, *json.loads(parts["CMD"][0])]) == ""
    assert (written / parts["COPY"][0].split()[0]).exists()
    said = commands.commands_in((written / "README.md").read_text())
    assert len(said) >= 4
    assert [each for each in said if commands.refusal(each)] == []
