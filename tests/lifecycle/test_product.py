"""A product comes, works, goes, comes back and is purged: real wheels, a fresh environment."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.lifecycle import seeing
from tests.support.deployment import Deployment, Person, deployed, wait_for
from tests.support.sandbox import Sandbox
from tests.support.wheels import Environment, Wheels, fresh

pytestmark = [pytest.mark.wheels, pytest.mark.timeout(400)]

PRODUCT, PLATFORM = "passivepost", "passivepost-platform-sandbox"
#: Tables with rows of the product once it has been used.
OWN = ("post_details", "publish_state", "publish_attempts")
#: Tables of the core that keep the product's work whatever happens to the product.
CORE = ("users", "spaces", "social_posts", "social_accounts", "usage_counters")
LATER = '''
"""A migration of the core that appears while the product is away."""
import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{down}"
branch_labels = None
depends_on = None

def upgrade():
    op.create_table("core_later", sa.Column("id", sa.Integer(), primary_key=True))

def downgrade():
    op.drop_table("core_later")
'''


@pytest.fixture
def environment(tmp_path: Path, wheels: Wheels, everything: Environment) -> Environment:
    """The core and nothing else."""
    return fresh(tmp_path / "venv", wheels, ["musekit-core"], base=everything)


@pytest.fixture
def deployment(
    tmp_path: Path, environment: Environment, postgres: str, net: Sandbox
) -> Iterator[Deployment]:
    with deployed(
        tmp_path / "deployment", postgres=postgres, musekit=environment.musekit, migrated=False,
        PASSIVEPOST_PLATFORM_SANDBOX_BASE_URL=net.url, PASSIVEPOST_POLL_SECONDS="1",
    ) as made:  # fmt: skip
        yield made


def start(deployment: Deployment, *people: Person) -> None:
    """Restart everything, as an operator does after pip."""
    deployment.stop()
    deployment.serve()
    deployment.worker()
    for person in people:
        person.sign_in()


def is_there(deployment: Deployment, person: Person) -> None:
    found, seen = seeing.declared(deployment), seeing.shown(deployment, person)
    assert PRODUCT in found["plugins"]
    assert found["held"] == {}
    assert {"social-post", "social-health-check"} <= set(found["jobs"])
    assert "publisher" in found["services"]
    assert "tier_1" in found["tiers"]
    assert found["products"] == ["passive-post"]
    assert {"PASSIVEPOST_", "PASSIVEPOST_PUBLISH_"} <= set(found["settings"])
    assert "social.posts.read" in found["permissions"]
    assert {"passivepost-platforms", "passivepost-publisher"} <= set(found["health_checks"])
    assert found["commands"]
    assert seeing.everywhere(seen["routes"], 200), seen
    assert seeing.everywhere(seen["pages"], 200), seen
    assert set(found["navigation"]) <= {*seen["menu"], *found["navigation"]}
    assert "/dashboard/social/queue" in seen["menu"]
    assert "passivepost-publisher" in seen["checks"]
    assert "/api/social/posts" in found["openapi"]


def is_gone(deployment: Deployment, person: Person) -> None:
    found, seen = seeing.declared(deployment), seeing.shown(deployment, person)
    assert found["plugins"] == ["musekit"]
    assert found["held"] == {}
    assert not [job for job in found["jobs"] if job.startswith("social-")]
    assert found["products"] == ["workspace"]  # what the core has of its own, and its tiers
    assert found["tiers"] == ["tier_1", "tier_2", "tier_3"]
    assert found["services"] == []
    assert not {"new platform", "posts"} & set(found["commands"])
    assert not [each for each in found["permissions"] if each.startswith("social.")]
    assert not [each for each in found["health_checks"] if each.startswith("passivepost")]
    assert [each for each in found["settings"] if not each.startswith("MUSEKIT_")] == []
    assert seeing.everywhere(seen["routes"], 404), seen
    assert seeing.everywhere(seen["pages"], 404), seen
    assert not [href for href in seen["menu"] if "social" in href]
    assert not [name for name in seen["checks"] if "passivepost" in name]
    assert found["openapi"] == []
    assert person.done("GET", "/api/auth/me")["user"]["email"] == person.email
    assert not [r for r in deployment.running if "Traceback" in r.log.read_text()]


def test_a_product_comes_and_goes(deployment, environment, net):  # noqa: PLR0915 - a story
    # The core alone.
    assert {step["plugin"] for step in deployment.json("migrate")} == {"musekit"}
    core_only = seeing.as_owner(deployment)
    start(deployment)
    anna, berta = deployment.sign_up("anna@example.com"), deployment.sign_up("berta@example.com")
    is_gone(deployment, anna)

    # Installed: not migrated yet it is held, and harms nobody; migrated it is there.
    environment.install(PRODUCT, PLATFORM)
    assert seeing.declared(deployment)["held"][PRODUCT].startswith("migrations: ")
    assert {step["plugin"] for step in deployment.json("migrate")} == {PRODUCT}
    start(deployment, anna, berta)
    is_there(deployment, anna)
    listed = {each["command"] for each in deployment.json("plugins", "commands")}
    assert listed == set(seeing.declared(deployment)["commands"])
    # A setting of it that cannot be used is told by name, and by whose it is.
    wrong = deployment.environment | {"PASSIVEPOST_POLL_SECONDS": "-1"}
    held = seeing.declared(Deployment(deployment.musekit, deployment.folder, wrong))["held"]
    assert held[PRODUCT].startswith("settings: ")
    assert "PASSIVEPOST_POLL_SECONDS" in held[PRODUCT]

    # Used.
    for person, name in ((anna, "anna"), (berta, "berta")):
        person.connect("sandbox", net.consent(name))
        person.until(person.schedule("sandbox", 0, content=f"first of {name}"), "posted")
        person.schedule("sandbox", 7200, content=f"planned by {name}")
    draft = anna.api("POST", "/posts", {"platform": "sandbox", "content": "a draft"})
    deployment.running[-1].stop()  # the worker, so that the bell of this one stays in the queue
    waiting = anna.schedule("sandbox", 0, content="due while it is away")
    whole = seeing.counts(deployment, *OWN, *CORE)
    assert min(whole.values()) > 0

    # Gone: everything else works, and nothing is lost.
    environment.uninstall(PRODUCT, PLATFORM)
    start(deployment, anna, berta)
    is_gone(deployment, anna)
    assert seeing.counts(deployment, *OWN, *CORE) == whole
    wait_for(lambda: parked(deployment), 20, lambda: deployment.running[-1].said)
    assert set(parked(deployment)) == {"social-post"}

    # A new migration of the core runs without it.
    assert deployment.json("migrate") == []
    versions = next(environment.folder.rglob("site-packages/musekit/migrations/versions"))
    newest = max(path.stem for path in versions.glob("musekit_*.py"))
    down = newest[: len("musekit_0000")]
    later = f"musekit_{int(down[-4:]) + 1:04}"
    (versions / f"{later}_later.py").write_text(LATER.format(revision=later, down=down))
    assert [step["revision"] for step in deployment.json("migrate")] == [later]

    # A user with rows of the product can be deleted, with the space and all that is in it.
    spaces = (
        "SELECT id FROM spaces WHERE personal_user_id IN (SELECT id FROM users WHERE email = '{}')"
    )
    berta_space = seeing.sql(deployment, spaces.format(berta.email))[0][0]
    left = "SELECT count(*) FROM {} WHERE space_id = :space"
    tables = (*OWN, "social_posts", "social_accounts", "usage_counters")
    before = {t: seeing.sql(deployment, left.format(t), space=berta_space)[0][0] for t in tables}
    assert before["post_details"] == before["social_posts"] == 2
    seeing.sql(deployment, "DELETE FROM spaces WHERE id = :space", space=berta_space)
    seeing.sql(deployment, "DELETE FROM users WHERE email = :email", email=berta.email)
    for table in tables:
        assert seeing.sql(deployment, left.format(table), space=berta_space)[0][0] == 0, table
    assert anna.done("GET", "/api/auth/me")

    # Back: what waited goes out, once; what was parked is rung again.
    environment.install(PRODUCT, PLATFORM)
    assert deployment.json("migrate") == []
    start(deployment, anna)
    is_there(deployment, anna)
    anna.until(waiting, "posted")
    assert anna.post(draft)["status"] == "draft"
    assert sorted(net.texts()) == ["due while it is away", "first of anna", "first of berta"]
    wait_for(lambda: not parked(deployment), 20)

    # Purged: refused while it is in use; then gone without a trace, the core's rows stay.
    deployment.stop()
    refused = deployment.run("plugins", "purge", PRODUCT, "--yes-delete", PRODUCT, status=1)
    assert "uninstall it" in refused.stderr
    environment.uninstall(PRODUCT, PLATFORM)
    stands = seeing.as_owner(deployment)
    dry = deployment.json("plugins", "purge", PRODUCT)
    assert (dry["deleted"], dry["tables"]["post_details"]) == (False, 4)
    assert set(dry["columns"]) >= {"social_posts.trend_source", "social_posts.niche_triggered"}
    assert seeing.as_owner(deployment) == stands
    (first,) = dry["refusals"]
    assert first.startswith("passivepost_platform_sandbox depends on it")
    sandbox_plugin = PLATFORM.replace("-", "_")
    deployment.run("plugins", "purge", sandbox_plugin, "--yes-delete", sandbox_plugin)
    kept = seeing.counts(deployment, *CORE)
    typo = deployment.run("plugins", "purge", PRODUCT, "--yes-delete", "passivpost", status=1)
    assert "is not the name" in typo.stderr
    export = deployment.folder / "export"
    done = deployment.json(
        "plugins", "purge", PRODUCT, "--yes-delete", PRODUCT, "--export", str(export)
    )
    assert done["deleted"]
    assert (export / "post_details.jsonl").read_text().count("\n") == 4
    after = seeing.as_owner(deployment)
    assert {n for n in after.added_since(core_only) if "core_later" not in n[1]} == set()
    assert core_only.added_since(after) == set()
    assert after.changed_since(core_only) == set()
    assert seeing.counts(deployment, *CORE) == kept
    start(deployment, anna)
    is_gone(deployment, anna)


def parked(deployment: Deployment) -> list[str]:
    """Names of the jobs that wait for a plugin to come back."""
    return [row[0] for row in seeing.sql(deployment, "SELECT name FROM parked_jobs")]
