import json
import os
import subprocess
import sys

import pytest
from migration_kit import CRM_DOWN, CRM_UP, connect, people, simple
from sqlalchemy import inspect, text

from musekit.kernel.discovery import set_disabled
from musekit.kernel.migrations import (
    ClashError,
    LockedError,
    MigrationError,
    MigrationsFailedError,
    SchemaAheadError,
    ahead,
    downgrade,
    heads,
    lineages,
    migrate,
    pending,
    recorded,
    render_sql,
)
from musekit.kernel.migrations.catalogue import snapshot
from musekit.kernel.migrations.connection import locked


def standing(settings):
    with connect(settings, "owner") as connection:
        return snapshot(connection)


def failure(settings, **options):
    with pytest.raises(MigrationsFailedError) as error:
        migrate(settings, **options)
    return error.value


def test_every_installed_lineage_goes_up_down_and_up(empty):
    told = []
    steps = migrate(empty, progress=told.append)
    assert told == steps
    assert [step.revision for step in steps] == [
        r.id for each in lineages() for r in each.revisions
    ]
    full = standing(empty)
    assert pending(empty) == {} == ahead(empty)
    for lineage in reversed([each for each in lineages() if each.revisions]):
        undone = downgrade(empty, lineage.name)
        assert [s.revision for s in undone] == [r.id for r in reversed(lineage.revisions)]
    assert standing(empty).names() == set()
    again = migrate(empty)
    assert [step.revision for step in again] == [step.revision for step in steps]
    assert standing(empty) == full
    assert migrate(empty) == []


@pytest.mark.workspace
def test_a_lineage_that_others_stand_on_is_not_taken_down(settings):
    with pytest.raises(MigrationError, match="passivepost stands on it"):
        downgrade(settings, "musekit")


def test_a_plugin_of_its_own_goes_up_down_and_up(core, site):
    before = standing(core)
    site.install("crm").revision(1, CRM_UP, CRM_DOWN)
    assert pending(core)["crm"] == ["crm_0001"]
    assert [step.revision for step in migrate(core, ["crm"])] == ["crm_0001"]
    up = standing(core)
    assert "crm_leads" in up.of("tables")
    downgrade(core, "crm")
    assert standing(core) == before
    assert recorded(core)["crm"].everything() == set()
    migrate(core, ["crm"])
    assert standing(core) == up


def test_what_is_pending_is_read_without_alembic_and_without_making_a_file(tmp_path):
    code = (
        "import sys; from musekit.kernel.migrations import pending;"
        "from musekit.kernel.settings import CoreSettings;"
        f"found = pending(CoreSettings(data_dir={str(tmp_path)!r}));"
        "assert found['musekit'][0] == 'musekit_0001', found;"
        "assert 'alembic' not in sys.modules; assert 'passivepost' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    assert list(tmp_path.iterdir()) == []


def test_the_application_may_ask_what_is_pending(core, site):
    site.install("crm").revision(1, *simple("crm_a"))
    migrate(core, ["crm"])
    site.plugins["crm"].revision(2, *simple("crm_b"))
    assert pending(core)["crm"] == ["crm_0002"]
    assert heads(core)["crm"] == "crm_0001"


def test_core_goes_on_when_a_plugin_is_uninstalled_and_its_users_can_be_deleted(
    core, site, backend
):
    plugin = site.install("crm")
    plugin.revision(1, CRM_UP, CRM_DOWN)
    migrate(core, ["crm"])
    with connect(core) as connection:
        ((user, space), (other, home)) = people(connection, 2)
        for number, (who, where) in enumerate([(user, space), (other, home), (user, home)]):
            lead = f"00000000-0000-0000-0000-00000000000{number}".replace(
                *(("", "") if backend == "postgres" else ("-", ""))
            )
            connection.execute(
                text(
                    "INSERT INTO crm_leads (id, space_id, user_id, name) VALUES (:l, :s, :u, 'x')"
                ),
                {"l": lead, "s": where, "u": who},
            )
    plugin.uninstall()
    assert "crm" not in pending(core)
    assert "crm" not in ahead(core)
    migrate(core, ["musekit"])
    assert recorded(core)["crm"].names("tables")
    with connect(core) as connection:
        connection.execute(text("DELETE FROM users WHERE id = :user"), {"user": user})
    with connect(core) as connection:
        left = connection.execute(text("SELECT user_id FROM crm_leads")).scalars().all()
        assert [str(each) for each in left] == [other]


def test_a_database_from_a_newer_version_is_refused_with_what_to_install(core, site):
    plugin = site.install("crm")
    plugin.revision(1, *simple("crm_a"))
    plugin.revision(2, *simple("crm_b"))
    migrate(core, ["crm"])
    (plugin.versions / "crm_0002.py").unlink()
    message = ahead(core)["crm"]
    assert "the database is at crm_0002" in message
    assert "Install the version of crm" in message
    assert "crm" not in pending(core)
    before = standing(core)
    error = failure(core, plugins=["crm"])
    assert isinstance(error.failures[0], SchemaAheadError)
    assert (error.plugin, error.revision) == ("crm", "crm_0002")
    assert standing(core) == before


def test_a_failing_revision_is_rolled_back_wholly_and_named(core, site):
    plugin = site.install("crm")
    plugin.revision(1, *simple("crm_a"))
    plugin.revision(
        2,
        simple("crm_b")[0]
        + "\nop.add_column('profiles', sa.Column('crm_x', sa.Integer))"
        + '\nop.execute("INSERT INTO crm_a (id) VALUES (7)")'
        + "\nop.execute('UPDATE nowhere SET a = 1')",
    )
    plugin.revision(3, *simple("crm_c"))
    error = failure(core, plugins=["crm"])
    assert (error.plugin, error.revision) == ("crm", "crm_0002")
    assert "Migration crm_0002 of plugin “crm” (crm 1.0) failed and was rolled back" in str(error)
    assert [step.revision for step in error.steps] == ["crm_0001"]
    found = standing(core)
    assert {"crm_a"} == {name for name in found.of("tables") if name.startswith("crm")}
    assert "profiles.crm_x" not in found.of("columns")
    assert heads(core)["crm"] == "crm_0001"
    assert recorded(core)["crm"].names("tables") == ["crm_a"]
    with connect(core, "owner") as connection:
        assert connection.scalar(text("SELECT count(*) FROM crm_a")) == 0


@pytest.mark.parametrize("body", ["raise ValueError('no')", "raise SystemExit(3)"])
def test_a_revision_that_raises_stops_only_what_requires_it(core, site, body):
    site.install("bad").revision(1, simple("bad_a")[0] + "\n" + body)
    site.install("child", requires=("bad",)).revision(1, *simple("child_a"))
    site.install("good").revision(1, *simple("good_a"))
    error = failure(core, plugins=["child", "good"])
    assert [each.plugin for each in error.failures] == ["bad", "child"]
    assert "requires “bad”, which failed" in str(error)
    assert [step.plugin for step in error.steps] == ["good"]
    assert {"bad_a", "child_a"}.isdisjoint(standing(core).of("tables"))


def test_a_table_that_another_plugin_owns_is_named_with_its_owner(core, site):
    site.install("aaa").revision(1, *simple("notes"))
    site.install("bbb", version="2.5").revision(1, simple("bbb_a")[0] + "\n" + simple("notes")[0])
    error = failure(core, plugins=["aaa", "bbb"])
    assert isinstance(error.failures[0], ClashError)
    assert "bbb_0001 of plugin “bbb” (bbb 2.5) wants to make “notes”" in str(error)
    assert "belongs to plugin “aaa” (aaa 1.0)" in str(error)
    assert "bbb_a" not in standing(core).of("tables")
    assert recorded(core)["aaa"].names("tables") == ["notes"]


@pytest.mark.parametrize(
    ("body", "name", "owner"),
    [
        (simple("users")[0], "users", "musekit"),
        ("op.add_column('profiles', sa.Column('avatar_url', sa.Text))", "avatar_url", "musekit"),
        ("op.create_index('ix_profiles_space_id', 'profiles', ['user_id'])",
         "ix_profiles_space_id", "musekit"),
    ],
)  # fmt: skip
def test_what_the_core_owns_cannot_be_made_again(core, site, body, name, owner):
    site.install("crm").revision(1, body)
    error = failure(core, plugins=["crm"])
    assert isinstance(error.failures[0], ClashError)
    assert f"“{name}”, which belongs to plugin “{owner}”" in str(error)


@pytest.mark.parametrize(
    "body",
    [
        "op.drop_column('profiles', 'avatar_url')",
        "op.drop_index('ix_profiles_space_id', 'profiles')",
        "op.execute('DROP TABLE job_schedules')",
        "op.rename_table('job_schedules', 'crm_schedules')",
        "with op.batch_alter_table('social_posts', recreate='always') as batch:\n"
        "    batch.add_column(sa.Column('crm_x', sa.Integer))",
    ],
)
def test_a_plugin_cannot_change_what_others_own(core, site, body, backend):
    if "batch" in body and backend == "postgres":
        body = "op.execute('DROP TRIGGER social_posts_move ON social_posts')"
    before = standing(core)
    site.install("crm").revision(1, body)
    error = failure(core, plugins=["crm"])
    assert "belongs to plugin “musekit”. It was rolled back" in str(error)
    assert standing(core) == before


def test_a_revision_that_commits_by_itself_is_reported(core, site):
    site.install("crm").revision(
        1, simple("crm_a")[0] + "\nop.get_bind().exec_driver_sql('COMMIT')"
    )
    assert "ended the host's transaction" in str(failure(core, plugins=["crm"]))


def test_rows_left_without_their_parent_roll_a_revision_back(core, site, backend):
    if backend == "postgres":
        pytest.skip("PostgreSQL enforces foreign keys all along")
    with connect(core) as connection:
        people(connection)
    site.install("crm").revision(1, "op.execute('DELETE FROM users')")
    assert "leaves 1 rows of spaces that refer to rows which are gone" in str(
        failure(core, plugins=["crm"])
    )
    with connect(core) as connection:
        assert connection.scalar(text("SELECT count(*) FROM users")) == 1


def test_a_data_migration_reaches_the_rows_of_every_space(core, site):
    plugin = site.install("crm")
    plugin.revision(1, CRM_UP, CRM_DOWN)
    migrate(core, ["crm"])
    with connect(core) as connection:
        for user, space in people(connection, 3):
            connection.execute(
                text(
                    "INSERT INTO crm_leads (id, space_id, user_id, name) VALUES (:u, :s, :u, 'x')"
                ),
                {"u": user, "s": space},
            )
    plugin.revision(2, "op.execute(\"UPDATE crm_leads SET name = 'y'\")")
    migrate(core, ["crm"])
    with connect(core) as connection:
        assert connection.scalar(text("SELECT count(*) FROM crm_leads WHERE name = 'y'")) == 3


def test_four_processes_run_each_step_once(empty, site):
    for name in ("crm", "shop"):
        plugin = site.install(name)
        for number in range(1, 4):
            plugin.revision(number, *simple(f"{name}_{number}"))
    code = (
        "import json, sys; from musekit.kernel.migrations import migrate;"
        "from musekit.kernel.settings import CoreSettings; sys.stdin.readline();"
        "print(json.dumps([s.revision for s in migrate(CoreSettings(), ['crm', 'shop'])]))"
    )
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(site.path), os.environ.get("PYTHONPATH", "")]),
        "MUSEKIT_MODE": "test",
        "MUSEKIT_DATA_DIR": str(empty.data_dir),
        "MUSEKIT_DATABASE_URL": empty.database_url,
        "MUSEKIT_DATABASE_SYSTEM_URL": empty.database_system_url,
        "MUSEKIT_DATABASE_OWNER_URL": empty.database_owner_url,
    }
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code], env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )
        for _ in range(4)
    ]  # fmt: skip
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    ran = [step for each in processes for step in json.loads(each.communicate(timeout=100)[0])]
    assert [each.returncode for each in processes] == [0] * 4
    expected = [r.id for each in lineages(["crm", "shop"]) for r in each.revisions]
    assert sorted(ran) == sorted(expected)


def test_a_lock_held_by_another_is_reported_after_the_wait(empty):
    waiting = locked(empty, wait=0.2)
    with locked(empty), pytest.raises(LockedError, match="Another `musekit migrate`"), waiting:
        pass
    with locked(empty, wait=0.2):  # it was given back
        pass


def test_a_table_in_use_is_waited_for(core, site, monkeypatch):
    if not core.is_postgres:
        pytest.skip("SQLite has one lock for all, held no longer than a unit of work")
    monkeypatch.setattr("musekit.kernel.migrations.connection.TABLE_WAIT", "200ms")
    monkeypatch.setattr("musekit.kernel.migrations.runner.PAUSE", 0.1)
    site.install("crm").revision(1, "op.add_column('profiles', sa.Column('crm_x', sa.Integer))")
    with connect(core) as reader:
        reader.execute(text("SELECT * FROM profiles"))
        error = failure(core, plugins=["crm"])
        assert "A table it needs was in use all the time" in str(error)
        # Others never waited behind it for longer than that.
        assert reader.scalar(text("SELECT count(*) FROM profiles")) == 0
    assert migrate(core, ["crm"])


def test_disabled_plugins_are_left_alone_unless_required_or_asked_for(core, site):
    site.install("off").revision(1, *simple("off_a"))
    site.install("base").revision(1, *simple("base_a"))
    site.install("top", requires=("base",)).revision(1, *simple("top_a"))
    for name in ("off", "base"):
        set_disabled(core.data_dir, name, True)
    assert {s.plugin for s in migrate(core)} >= {"base", "top"}
    assert "off" not in heads(core)
    assert [s.plugin for s in migrate(core, ["off"])] == ["off"]


def test_a_faulty_lineage_does_not_stop_the_others(core, site):
    site.install("crm").revision(1, revision="initial")
    site.install("good").revision(1, *simple("good_a"))
    error = failure(core)
    assert "good" in {step.plugin for step in error.steps}
    assert {each.plugin for each in error.failures} == {"crm"}


def test_sql_is_rendered_and_nothing_is_run(empty, site):
    site.install("crm").revision(1, *simple("crm_a"))
    sql = render_sql(empty, ["crm"])
    assert "CREATE TABLE users" in sql
    assert "CREATE TABLE crm_a" in sql
    assert "INSERT INTO alembic_version_crm (version_num) VALUES ('crm_0001')" in sql
    assert heads(empty) == {}
    migrate(empty, ["musekit"])
    sql = render_sql(empty, ["crm"])
    assert "CREATE TABLE users" not in sql
    assert "CREATE TABLE crm_a" in sql
    with connect(empty, "owner") as connection:
        assert not inspect(connection).has_table("crm_a")


@pytest.mark.workspace
def test_recorded_ownership_is_what_stands_in_the_catalogue(settings):
    stands = standing(settings)
    known = recorded(settings)
    owned = [key for record in known.values() for key in record.everything()]
    assert len(owned) == len(set(owned)), "one owner each"
    assert set(owned) == stands.names()
    assert (
        known["passivepost"].objects["columns"]["social_posts.trend_source"] == "passivepost_0001"
    )
    assert known["passivepost"].objects["tables"]["publish_state"] == "passivepost_0002"
    installed = {each.name: each for each in lineages()}
    for name, record in known.items():
        assert (record.distribution, record.version) == (
            installed[name].dist,
            installed[name].version,
        )
        assert record.revision == installed[name].head
    assert known["passivepost_platform_twitter"].strings("requires") == ["passivepost"]
