"""A user's data exported and the user deleted, by the command line, with every plugin installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from musekit.api import Actor, Host, SocialAccount, SocialPost, new_id
from musekit.auth import service
from musekit.kernel.build import build_host
from passivepost.accounts import vault
from passivepost.sdk.content import Credentials

SYSTEM = Actor.system("tests")
PASSWORD = "correct horse battery staple"
CANARY = "canary-of-a-token-7f3a9c"


@pytest.fixture
def people(host: Host) -> dict[str, str]:
    """Two people, each with an account and a post; email → space id."""
    made = {}
    for email in ("Ada@example.com", "bob@example.com"):
        with host.database.session(SYSTEM) as session:
            user, space = service.sign_up(session, email, PASSWORD)
            _, secret = service.create_token(session, user.id, space.id, "mine", ["*"])
            now = datetime.now(UTC)
            account = SocialAccount(
                id=new_id(), space_id=space.id, user_id=user.id, platform="sandbox",
                platform_user_id=email, platform_username="juniper", display_name="",
                is_valid=True, connected_at=now, updated_at=now,
            )  # fmt: skip
            session.add(account)
            vault.store_credentials(session, host, account, Credentials(access_token=CANARY))
            session.add(
                SocialPost(
                    id=new_id(), space_id=space.id, user_id=user.id, account_id=account.id,
                    platform="sandbox", content=f"by {email}", media_urls=[], status="draft",
                    created_at=now, updated_at=now,
                )
            )  # fmt: skip
            made[email] = str(space.id)
            made[f"{email} secret"] = secret
    return made


@pytest.fixture
def run(host: Host):
    core = host.settings
    given = {
        "MUSEKIT_MODE": "test", "MUSEKIT_DATA_DIR": str(core.data_dir),
        "MUSEKIT_DATABASE_URL": core.database_url,
        "MUSEKIT_DATABASE_SYSTEM_URL": core.database_system_url,
        "MUSEKIT_DATABASE_OWNER_URL": core.database_owner_url,
    }  # fmt: skip
    environment = {key: value for key, value in os.environ.items() if "MUSEKIT" not in key}
    environment |= {key: value for key, value in given.items() if value}

    def start(*words: str, status: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "musekit.cli", "users", *words], env=environment,
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == status, done.stdout + done.stderr
        return done

    return start


def test_an_export_has_all_of_one_person_and_no_secret(run, people, tmp_path) -> None:
    out = run("export", "ada@EXAMPLE.com").stdout
    found = json.loads(out)
    assert found["musekit"]["user"]["email"] == "Ada@example.com"
    assert [each["name"] for each in found["musekit"]["api_tokens"]] == ["mine"]
    assert len(found["passivepost"]["posts"]) == len(found["passivepost"]["accounts"]) == 1
    assert "by Ada@example.com" in out
    assert "juniper" in out
    assert "bob@example.com" not in out
    for secret in (CANARY, people["Ada@example.com secret"], "encrypted", "password_hash", "v1."):
        assert secret not in out
    path = tmp_path / "ada.json"
    run("export", "ada@example.com", "--output", str(path))
    assert json.loads(path.read_text()) == found
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_person_is_deleted_with_all_that_is_theirs(host, run, people) -> None:
    done = run("delete", "ada@example.com", status=1)
    assert "Nothing was deleted" in done.stderr
    run("delete", "ada@example.com", "--yes-delete", "bob@example.com", status=1)
    with host.database.session(SYSTEM, readonly=True) as session:
        assert session.scalar(text("SELECT count(*) FROM users")) == 2
    run("delete", "ada@example.com", "--yes-delete", "ADA@example.com")
    with host.database.session(SYSTEM, readonly=True) as session:
        for table in ("users", "spaces", "social_posts", "social_accounts", "api_tokens"):
            assert session.scalar(text(f"SELECT count(*) FROM {table}")) == 1, table  # noqa: S608
        assert session.scalar(text("SELECT content FROM social_posts")) == "by bob@example.com"
    assert "no user" in run("delete", "ada@example.com", "--yes-delete", "x", status=1).stderr


def test_names_of_jobs_are_kept_for_a_purge_without_code(host) -> None:
    from musekit.kernel.migrations.state import recorded

    assert "social-post" in recorded(host.settings)["passivepost"].strings("jobs")
    assert "social.posts.write" in recorded(host.settings)["passivepost"].strings("permissions")
    # A host of the core alone takes nothing away from those it does not load.
    build_host(host.settings, plugins=["musekit"]).close()
    assert "social-post" in recorded(host.settings)["passivepost"].strings("jobs")


def test_a_plugin_that_is_gone_is_listed(host, monkeypatch) -> None:
    from musekit.cli import plugins
    from musekit.kernel import discovery

    monkeypatch.setenv("MUSEKIT_DATA_DIR", str(host.settings.data_dir))
    installed = discovery.installed()
    assert {row["state"] for row in plugins.rows()} == {"enabled"}
    monkeypatch.setattr(
        discovery, "installed", lambda: [each for each in installed if each.name != "passivepost"]
    )
    (row,) = [row for row in plugins.rows() if row["name"] == "passivepost"]
    assert (row["state"], row["dist"]) == ("gone", "passivepost")
    assert "purge passivepost" in row["detail"]
    plugins._forget("passivepost")
    assert "passivepost" not in {row["name"] for row in plugins.rows()}
