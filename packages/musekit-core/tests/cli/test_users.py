"""A user's data exported and the user deleted, by the command line, with every plugin installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy import select, text

from musekit.api import Actor, Host, SocialAccount, SocialPost, User, new_id
from musekit.auth import journal, service
from musekit.kernel.build import build_host
from musekit.organizations import service as organizations
from musekit.testing.plans import grant
from musekit.webhooks import endpoints
from musekit.webhooks.models import WebhookMessage

pytestmark = pytest.mark.workspace
vault = pytest.importorskip("passivepost.accounts.vault")
Credentials = pytest.importorskip("passivepost.sdk.content").Credentials
PRODUCT = pytest.importorskip("passivepost.tiers").PRODUCT

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
            [sys.executable, "-m", "musekit.cli", *words], env=environment,
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == status, done.stdout + done.stderr
        return done

    return start


def test_an_export_has_all_of_one_person_and_no_secret(run, people, tmp_path) -> None:
    out = run("users", "export", "ada@EXAMPLE.com").stdout
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
    run("users", "export", "ada@example.com", "--output", str(path))
    assert json.loads(path.read_text()) == found
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_person_is_deleted_with_all_that_is_theirs(host, run, people) -> None:
    done = run("users", "delete", "ada@example.com", status=1)
    assert "Nothing was deleted" in done.stderr
    run("users", "delete", "ada@example.com", "--yes-delete", "bob@example.com", status=1)
    with host.database.session(SYSTEM, readonly=True) as session:
        assert session.scalar(text("SELECT count(*) FROM users")) == 2
    run("users", "delete", "ada@example.com", "--yes-delete", "ADA@example.com")
    with host.database.session(SYSTEM, readonly=True) as session:
        for table in ("users", "spaces", "social_posts", "social_accounts", "api_tokens"):
            assert session.scalar(text(f"SELECT count(*) FROM {table}")) == 1, table  # noqa: S608
        assert session.scalar(text("SELECT content FROM social_posts")) == "by bob@example.com"
    assert (
        "no user" in run("users", "delete", "ada@example.com", "--yes-delete", "x", status=1).stderr
    )


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


def test_the_doctor_says_which_tier_somebody_has_and_why(host, run, people) -> None:
    grant(host, UUID(people["Ada@example.com"]), PRODUCT, "tier_3")
    told = json.loads(run("doctor", "tier", "ada@example.com", "--json").stdout)
    assert [(each["tier"], each["source"]) for each in told] == [("tier_3", "registry")]
    assert [each["n"] for each in told[0]["steps"]] == [1, 2, 3, 4, 5, 6]
    assert told[0]["space_id"] == people["Ada@example.com"]
    said = run("doctor", "tier", "bob@example.com").stdout
    assert "tier_1" in said
    assert "by default" in said
    assert "6 default: tier_1" in said
    assert run("doctor", "tier", "ada@example.com", "--product", "other").stdout == ""
    assert "no user" in run("doctor", "tier", "eve@example.com", status=1).stderr


def test_people_are_shut_out_and_let_in_again(host, run, people) -> None:
    said = json.loads(
        run("users", "disable", "ADA@example.com", "--reason", "spam", "--json").stdout
    )
    assert (said["email"], said["disabled"]) == ("Ada@example.com", True)
    with host.database.session(SYSTEM, readonly=True) as session:
        found = session.execute(
            text("SELECT email FROM users WHERE disabled_at IS NOT NULL")
        ).scalars()
        assert list(found) == ["Ada@example.com"]
        assert "spam" in str(session.scalar(text("SELECT detail FROM audit_log")))
    assert "can sign in again" in run("users", "enable", "ada@example.com").stdout
    assert "by the password alone" in run("users", "drop-second-factors", "ada@example.com").stdout
    assert "no user" in run("users", "disable", "eve@example.com", status=1).stderr


def test_the_link_of_the_first_operator(run, people) -> None:
    url = json.loads(run("users", "set-up-link", "--json").stdout)["url"]
    assert "/set-up/" in url
    run("users", "set-operator", "ada@example.com")
    assert "an operator already" in run("users", "set-up-link", status=1).stderr
    assert "only operator" in run("users", "disable", "ada@example.com", status=1).stderr


def test_what_commands_do_to_people_is_written_down(host, run, people) -> None:
    run("users", "set-operator", "ada@example.com")
    run("users", "set-operator", "ada@example.com")  # twice is once
    run("users", "set-operator", "ada@example.com", "--off")
    run("users", "export", "bob@example.com")
    run("users", "delete", "bob@example.com", "--yes-delete", "bob@example.com")
    with host.database.session(SYSTEM, readonly=True) as session:
        rows = session.execute(text("SELECT action, detail FROM audit_log ORDER BY at, id")).all()
    assert [row.action for row in rows] == [
        "user.made_operator", "user.operator_taken", "export.made", "user.deleted",
    ]  # fmt: skip
    assert "command users delete" in str(rows[-1].detail)


def test_whoever_listens_is_told_that_somebody_has_left(host, run, people) -> None:
    with host.database.session(SYSTEM) as session:
        ids = {row.email: row.id for row in session.scalars(select(User))}
        ada, bob = ids["Ada@example.com"], ids["bob@example.com"]
        made, space = organizations.create(session, ada, "Crew")
        session.flush()
        organizations.join(session, made.id, bob, role="editor", space_ids=[space.id])
        wanted = endpoints.Wanted(url="https://hooks.example.com/", events=["member.left"])
        endpoints.create(session, host, space.id, wanted, by=ada)
        organization_id = str(made.id)
    run("users", "delete", "bob@example.com", "--yes-delete", "bob@example.com")
    with host.database.session(SYSTEM, readonly=True) as session:
        [message] = session.scalars(select(WebhookMessage)).all()
    assert message.event == "member.left"
    assert message.payload["data"] == {"organization_id": organization_id, "user_id": str(bob)}


def test_impersonations_are_listed(host, run, people) -> None:
    assert json.loads(run("users", "impersonations", "--json").stdout) == []
    with host.database.session(SYSTEM) as session:
        ids = {row.email: row.id for row in session.scalars(select(User))}
        operator = Actor(kind="user", name="x", user_id=ids["bob@example.com"])
        journal.note(
            session, operator, "impersonation.began", target=("user", ids["Ada@example.com"]),
            detail={"minutes": 60, "reason": "she asked"},
        )  # fmt: skip
    [told] = json.loads(run("users", "impersonations", "--json").stdout)
    assert (told["operator"], told["person"], told["minutes"], told["reason"]) == (
        "bob@example.com", "Ada@example.com", 60, "she asked",
    )  # fmt: skip
    assert "she asked" in run("users", "impersonations").stdout
