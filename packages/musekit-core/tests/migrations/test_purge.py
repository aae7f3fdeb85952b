import json
from uuid import UUID, uuid4

import pytest
from migration_kit import CRM_DOWN, CRM_UP, connect, people, simple
from sqlalchemy import text

from musekit.kernel.discovery import set_disabled
from musekit.kernel.migrations import (
    MigrationError,
    PurgeRefusedError,
    export,
    heads,
    migrate,
    plan,
    purge,
    record_names,
    recorded,
)
from musekit.kernel.migrations.catalogue import snapshot
from musekit.kernel.settings import CoreSettings


def standing(settings):
    with connect(settings, "owner") as connection:
        return snapshot(connection)


def fill(settings, body="hello"):
    """Two spaces, each with a lead and a note; a profile with the extension column."""
    with connect(settings) as connection:
        made = people(connection, 2)
        for user, space in made:
            row = {"u": user, "s": space, "b": body, "p": b"\x00\xff"}
            for statement in (
                "INSERT INTO crm_leads (id, space_id, user_id, name, photo, facts)"
                " VALUES (:u, :s, :u, 'Zoë', :p, '{\"a\": 1}')",
                "INSERT INTO crm_notes (id, space_id, lead_id, body) VALUES (:u, :s, :u, :b)",
                "INSERT INTO profiles (id, space_id, user_id, display_name, created_at, updated_at,"
                " crm_score) VALUES (:u, :s, :u, '', CURRENT_TIMESTAMP, CURRENT_TIMESTAMP, 5)",
            ):
                connection.execute(text(statement), row)
    return made


@pytest.fixture
def crm(core, site):
    """A plugin with rows, files and parked jobs; still installed."""
    plugin = site.install("crm")
    plugin.revision(1, CRM_UP, CRM_DOWN)
    core_only = standing(core)
    migrate(core, ["crm"])
    fill(core)
    folder = core.data_dir / "plugins" / "crm" / "pictures"
    folder.mkdir(parents=True)
    (folder / "a.bin").write_bytes(b"12345")
    with connect(core) as connection:
        record_names(connection, {"crm": {"jobs": ["crm-sync"], "permissions": ["crm.read"]}})
        for name in ("crm-sync", "crm-sync", "other"):
            connection.execute(
                text(
                    "INSERT INTO parked_jobs (id, name, ids, digest, reason, parked_at)"
                    " VALUES (:id, :name, '{}', :digest, '', CURRENT_TIMESTAMP)"
                ),
                {
                    "id": str(uuid4()) if core.is_postgres else uuid4().hex,
                    "name": name,
                    "digest": uuid4().hex,
                },
            )
    plugin.core_only = core_only
    return plugin


def test_a_plan_says_what_would_go_and_changes_nothing(core, crm):
    crm.uninstall()
    before = standing(core)
    found = plan(core, "crm")
    assert standing(core) == before
    assert found.refusals == []
    assert {t: n for t, n in found.tables.items() if "search" not in t} == {
        "crm_leads": 2, "crm_notes": 2,
    }  # fmt: skip
    assert found.columns == ["profiles.crm_score"]
    assert found.objects["triggers"] == ["profiles.crm_profiles"]
    assert found.objects["indexes"] == ["profiles.ix_crm_profiles_score"]
    if core.is_postgres:
        assert found.objects["functions"] == ["crm_touch()"]
        assert found.objects["types"] == ["crm_mood"]
        assert found.objects["sequences"] == ["crm_numbers"]
    assert found.parked_jobs == 2
    assert (found.file_count, found.file_bytes) == (1, 5)
    assert (found.distribution, found.version) == ("crm", "1.0")


def test_a_purge_leaves_exactly_what_the_core_made(core, crm):
    crm.uninstall()
    done = purge(core, "crm", confirm="crm")
    assert done.rows >= 4
    assert standing(core) == crm.core_only
    assert "crm" not in heads(core)
    assert "crm" not in recorded(core)
    assert not (core.data_dir / "plugins" / "crm").exists()
    with connect(core) as connection:
        for table, rows in (("users", 2), ("spaces", 2), ("profiles", 2), ("parked_jobs", 1)):
            assert connection.scalar(text(f"SELECT count(*) FROM {table}")) == rows
    with connect(core, "owner") as connection:
        listing = (
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
            if core.is_postgres
            else "SELECT name FROM sqlite_master"
        )
        assert not [name for name in connection.scalars(text(listing)) if "crm" in name]


def test_it_can_be_installed_again_afterwards(core, crm, site):
    crm.uninstall()
    purge(core, "crm", confirm="crm")
    site.install("crm").revision(1, CRM_UP, CRM_DOWN)
    assert [step.revision for step in migrate(core, ["crm"])] == ["crm_0001"]


def test_it_is_refused_while_installed_and_enabled(core, crm):
    before = standing(core)
    with pytest.raises(PurgeRefusedError, match="installed and enabled"):
        purge(core, "crm", confirm="crm")
    assert standing(core) == before
    set_disabled(core.data_dir, "crm", True)
    assert purge(core, "crm", confirm="crm").rows >= 4


def test_it_is_refused_without_the_name_typed_again(core, crm):
    crm.uninstall()
    for typed in ("", "yes", "CRM", "crm "):
        with pytest.raises(PurgeRefusedError, match="is not the name “crm”"):
            purge(core, "crm", confirm=typed)
    assert plan(core, "crm").rows >= 4


def test_looking_makes_no_database(tmp_path):
    with pytest.raises(PurgeRefusedError, match="no database yet"):
        plan(CoreSettings(mode="test", data_dir=tmp_path), "crm")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["musekit", "../secrets", "nobody", "", "Crm"])
def test_what_is_not_a_known_plugin_is_refused(core, name):
    with pytest.raises(PurgeRefusedError):
        plan(core, name)
    with pytest.raises(PurgeRefusedError):
        purge(core, name, confirm=name)


def test_it_is_refused_while_a_recorded_plugin_requires_it(core, crm, site):
    addon = site.install("crm_mail", requires=("crm",))
    addon.revision(1, *simple("crm_mail_a"))
    migrate(core, ["crm_mail"])
    addon.uninstall()
    crm.uninstall()
    with pytest.raises(PurgeRefusedError, match="crm_mail depends on it: purge that first"):
        purge(core, "crm", confirm="crm")
    purge(core, "crm_mail", confirm="crm_mail")
    purge(core, "crm", confirm="crm")
    assert standing(core) == crm.core_only


def test_it_is_refused_while_an_installed_plugin_without_tables_requires_it(core, crm, site):
    site.install("crm_mail", requires=("crm",))
    crm.uninstall()
    site.install("crm")  # its code is back, and disabled
    set_disabled(core.data_dir, "crm", True)
    with pytest.raises(PurgeRefusedError, match="crm_mail depends on it"):
        purge(core, "crm", confirm="crm")


def test_it_is_refused_while_a_table_of_another_refers_to_it(core, crm, site):
    site.install("shop").revision(
        1,
        'op.create_table("shop_orders", sa.Column("id", UUID, primary_key=True),'
        ' sa.Column("lead", UUID, sa.ForeignKey("crm_leads.id", ondelete="SET NULL")))',
    )
    migrate(core, ["shop"])
    crm.uninstall()
    with pytest.raises(PurgeRefusedError, match="shop depends on it"):
        purge(core, "crm", confirm="crm")


def test_a_refusal_by_the_database_rolls_all_of_it_back(core, crm):
    with connect(core, "owner") as connection:
        connection.execute(text("CREATE VIEW by_hand AS SELECT crm_score FROM profiles"))
    crm.uninstall()
    before = standing(core)
    with pytest.raises(MigrationError, match="was rolled back, nothing was changed"):
        purge(core, "crm", confirm="crm")
    assert standing(core) == before
    assert (core.data_dir / "plugins" / "crm").exists()
    assert plan(core, "crm").parked_jobs == 2


def test_an_export_has_every_row_of_every_space(core, crm, tmp_path):
    crm.uninstall()
    written = export(plan(core, "crm"), tmp_path / "out")
    assert (written["crm_leads.jsonl"], written["crm_notes.jsonl"]) == (2, 2)
    leads = [json.loads(line) for line in (tmp_path / "out" / "crm_leads.jsonl").open()]
    assert {lead["name"] for lead in leads} == {"Zoë"}
    assert {lead["photo"] for lead in leads} == {"base64:AP8="}
    assert len({UUID(lead["space_id"]) for lead in leads}) == 2
    columns = [json.loads(line) for line in (tmp_path / "out" / "profiles.columns.jsonl").open()]
    assert [set(each) for each in columns] == [{"id", "crm_score"}] * 2
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["rows"] == written
    assert manifest["revision"] == "crm_0001"
    assert (tmp_path / "out" / "files" / "pictures" / "a.bin").read_bytes() == b"12345"
    for file in (tmp_path / "out").glob("*.json*"):
        assert file.stat().st_mode & 0o077 == 0
    with pytest.raises(PurgeRefusedError, match="there already"):
        export(plan(core, "crm"), tmp_path / "out")


def test_a_purge_can_export_first(core, crm, tmp_path):
    crm.uninstall()
    purge(core, "crm", confirm="crm", export_to=tmp_path / "out")
    assert len((tmp_path / "out" / "crm_notes.jsonl").read_text().splitlines()) == 2
    assert standing(core) == crm.core_only


def test_an_append_only_guard_of_the_plugin_does_not_stop_its_purge(core, site):
    plugin = site.install("crm")
    plugin.revision(1, CRM_UP, CRM_DOWN)
    before = standing(core)
    migrate(core, ["crm"])
    fill(core, body="never")
    plugin.uninstall()
    purge(core, "crm", confirm="crm")
    assert standing(core) == before


def test_tables_that_refer_to_each_other_can_be_purged(core, site):
    plugin = site.install("ring")
    plugin.revision(
        1,
        """
        op.create_table("ring_a", sa.Column("id", sa.Integer, primary_key=True))
        op.create_table("ring_b", sa.Column("id", sa.Integer, primary_key=True),
                        sa.Column("a", sa.Integer, sa.ForeignKey("ring_a.id")))
        op.execute("ALTER TABLE ring_a ADD COLUMN b INTEGER REFERENCES ring_b (id)")
        op.execute("INSERT INTO ring_a (id) VALUES (1)")
        op.execute("INSERT INTO ring_b (id, a) VALUES (1, 1)")
        op.execute("UPDATE ring_a SET b = 1")
        """,
    )
    before = standing(core)
    migrate(core, ["ring"])
    plugin.uninstall()
    purge(core, "ring", confirm="ring")
    assert standing(core) == before


# --- Effects on rows of the core, declared by a product ---

RULES = """
[[purge]]
plugin = "shop_carrier_*"
[[purge.effect]]
title = "parcels on their way"
count = "SELECT count(*) FROM shop_parcels WHERE carrier = :match AND state = 'sent'"
refuse = "Wait until they have arrived"
[[purge.effect]]
title = "parcels back to unsent"
count = "SELECT count(*) FROM shop_parcels WHERE carrier = :match AND state = 'ready'"
run = [
  { sqlite = "UPDATE shop_parcels SET state = 'unsent' WHERE carrier = :match", postgresql = '''
UPDATE shop_parcels SET state = 'unsent' WHERE carrier = CAST(:match AS text)''' },
]
"""


@pytest.fixture
def shop(core, site):
    plugin = site.install("shop")
    plugin.revision(
        1,
        """
        op.create_table("shop_parcels", sa.Column("id", sa.Integer, primary_key=True),
                        sa.Column("carrier", sa.Text), sa.Column("state", sa.Text))
        for row in ((1, "ups", "ready"), (2, "dhl", "ready"), (3, "ups", "ready")):
            op.execute("INSERT INTO shop_parcels VALUES (%d, '%s', '%s')" % row)
        """,
    )
    (plugin.versions.parent / "purge.toml").write_text(RULES)
    return plugin


def states(core):
    with connect(core, "owner") as connection:
        return connection.execute(text("SELECT carrier, state FROM shop_parcels ORDER BY id")).all()


def test_a_products_effects_are_done_without_the_code_of_either(core, shop, site):
    carrier = site.install("shop_carrier_ups", requires=("shop",))  # it has no tables at all
    migrate(core, ["shop_carrier_ups"])
    carrier.uninstall()
    shop.uninstall()
    found = plan(core, "shop_carrier_ups")
    assert [(e.title, rows) for e, rows in found.effects][1] == ("parcels back to unsent", 2)
    purge(core, "shop_carrier_ups", confirm="shop_carrier_ups")
    assert states(core) == [("ups", "unsent"), ("dhl", "ready"), ("ups", "unsent")]
    assert "shop_carrier_ups" not in recorded(core)
    assert "shop" in recorded(core)


def test_a_product_may_refuse(core, shop, site):
    site.install("shop_carrier_ups", requires=("shop",)).uninstall()
    migrate(core, ["shop"])
    with connect(core, "owner") as connection:
        connection.execute(text("UPDATE shop_parcels SET state = 'sent' WHERE id = 3"))
    with pytest.raises(PurgeRefusedError, match="parcels on their way: 1. Wait until they have"):
        purge(core, "shop_carrier_ups", confirm="shop_carrier_ups")
    assert states(core)[0] == ("ups", "ready")


def test_the_name_of_an_add_on_reaches_the_database_as_a_value_only(core, shop):
    migrate(core, ["shop"])
    with pytest.raises(PurgeRefusedError):
        plan(core, "shop_carrier_' OR '1'='1")


@pytest.mark.parametrize(
    "rules",
    [
        "[[purge",
        "[[purge]]\nplugin = 'other_*'\neffect = []",
        "[[purge]]\nplugin = 'shop_*'\n[[purge.effect]]\ntitle = 'x'",
        "purge = 3",
    ],
)
def test_rules_that_cannot_be_used_are_reported_at_migrate(core, shop, rules):
    (shop.versions.parent / "purge.toml").write_text(rules)
    with pytest.raises(MigrationError, match="purge.toml cannot be used"):
        migrate(core, ["shop"])


def test_purging_a_platform_takes_its_accounts_and_makes_its_posts_drafts(settings):
    """The rules that PassivePost ships, on rows as PassivePost writes them."""
    name = "passivepost_platform_gone"
    with connect(settings) as connection:
        ((user, space),) = people(connection)
        now = "CURRENT_TIMESTAMP"
        empty = "'{}'" if settings.is_postgres else "'[]'"

        def make():
            return str(uuid4()) if settings.is_postgres else uuid4().hex

        for platform in ("gone", "here"):
            account = make()
            row = {"u": user, "s": space, "a": account, "f": platform, "k": f"{platform}-id"}
            connection.execute(
                text(
                    "INSERT INTO social_accounts (id, space_id, user_id, platform,"
                    " platform_user_id, platform_username, display_name, access_token_encrypted,"
                    f" scopes, is_valid, connected_at, updated_at) VALUES (:a, :s, :u, :f, :k, '',"
                    f" '', 'v1.secret', {empty}, true, {now}, {now})"
                ),
                row,
            )
            for status in ("scheduled", "approved", "queued", "posted", "draft"):
                post = make()
                first = "scheduled" if status == "queued" else status
                connection.execute(
                    text(
                        "INSERT INTO social_posts (id, space_id, user_id, account_id, platform,"
                        " content, media_urls, status, scheduled_at, posted_at, platform_post_id,"
                        f" ai_generated, created_at, updated_at) VALUES (:p, :s, :u, :a, :f, 'x',"
                        f" {empty}, :st, {now}, {now}, :pid, false, {now}, {now})"
                    ),
                    {**row, "p": post, "st": first, "pid": str(post)},
                )
                if status == "queued":
                    connection.execute(
                        text("UPDATE social_posts SET status = 'queued' WHERE id = :p"), {"p": post}
                    )
                counted = "2026-11-23" if status in {"scheduled", "approved", "queued"} else None
                connection.execute(
                    text(
                        "INSERT INTO post_details (post_id, space_id, parts, options, revision,"
                        " content_hash, timezone, posted_ids, counted_on, updated_at) VALUES"
                        f" (:p, :s, '[]', '{{}}', 1, '', 'UTC', '[]', :c, {now})"
                    ),
                    {"p": post, "s": space, "c": counted},
                )
                if counted:
                    connection.execute(
                        text(
                            "INSERT INTO publish_state (post_id, space_id, account_id, platform,"
                            " stage, due_at, next_attempt_at, revision, content_hash, publish_key,"
                            f" updated_at) VALUES (:p, :s, :a, :f, 'waiting', {now}, {now}, 1, '',"
                            f" :p, {now})"
                        ),
                        {**row, "p": post},
                    )
        for period in ("2026-11-23", "2026-11"):
            connection.execute(
                text("INSERT INTO usage_counters (space_id, product, metric, period, used,"
                     " reserved) VALUES (:s, 'passive-post', 'posts', :p, 6, 0)"),
                {"s": space, "p": period},
            )  # fmt: skip
    found = plan(settings, name)
    assert [(e.product, rows) for e, rows in found.effects] == [
        ("passivepost", 0), ("passivepost", 3), ("passivepost", 1),
    ]  # fmt: skip
    purge(settings, name, confirm=name)

    def rows(statement):
        with connect(settings) as connection:
            return sorted(tuple(row) for row in connection.execute(text(statement)))

    gone = "FROM social_posts WHERE platform = 'gone'"
    assert rows(f"SELECT status, count(*) {gone} GROUP BY status") == [("draft", 4), ("posted", 1)]
    assert rows(f"SELECT count(*) {gone} AND account_id IS NULL") == [(5,)]
    assert rows(f"SELECT count(*) {gone} AND error_message LIKE 'Back to draft%'") == [(3,)]
    assert rows("SELECT platform FROM social_accounts") == [("here",)]
    assert rows("SELECT platform, count(*) FROM publish_state GROUP BY platform") == [("here", 3)]
    assert rows("SELECT period, used FROM usage_counters") == [("2026-11", 3), ("2026-11-23", 3)]
    here = "FROM social_posts WHERE platform = 'here' GROUP BY status"
    assert len(rows(f"SELECT status, count(*) {here}")) == 5
