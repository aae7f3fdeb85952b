import sys

import pytest

from musekit.kernel.migrations import MigrationError, discover, lineages


@pytest.mark.workspace
def test_installed_lineages_come_in_the_order_of_requirement():
    names = [each.name for each in lineages()]
    assert names[0] == "musekit"
    assert names.index("passivepost") < names.index("passivepost_platform_twitter")


def test_a_plugin_is_read_without_being_imported(site):
    plugin = site.install("crm")
    plugin.revision(1)
    plugin.revision(2)
    found = next(each for each in lineages() if each.name == "crm")
    assert [each.id for each in found.revisions] == ["crm_0001", "crm_0002"]
    assert found.revisions[1].down == "crm_0001"
    assert found.revisions[0].summary == "Revision 1 of crm."
    assert (found.dist, found.version) == ("crm", "1.0")
    assert "crm" not in sys.modules


def test_requirements_order_and_extras_do_not(site):
    site.install("aaa", requires=("zzz>=1", 'mmm>=1; extra == "more"'))
    site.install("mmm")
    site.install("zzz")
    found = {each.name: each for each in discover()}
    assert list(found).index("zzz") < list(found).index("aaa")
    assert found["aaa"].needs == ("musekit", "zzz")


def test_limiting_takes_what_is_required_along(site):
    site.install("aaa", requires=("zzz",))
    site.install("zzz")
    site.install("other")
    assert [each.name for each in lineages(["aaa"])] == ["musekit", "zzz", "aaa"]
    with pytest.raises(MigrationError, match="No plugin “gone” is installed"):
        lineages(["gone"])


def test_distributions_that_require_each_other_do_not_hang(site):
    site.install("aaa", requires=("bbb",))
    site.install("bbb", requires=("aaa",))
    assert {"aaa", "bbb"} <= {each.name for each in discover()}


def test_two_distributions_of_one_name_are_both_named(site):
    site.install("crm").revision(1)
    site.install("crm", dist="crm-fork", version="2.0")
    with pytest.raises(MigrationError) as error:
        lineages()
    assert "crm 1.0" in str(error.value)
    assert "crm-fork 2.0" in str(error.value)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"revision": "initial"}, "ids of plugin “crm” are crm_0001"),
        ({"down_revision": "crm_0007"}, "do not form one line: crm_0001"),
        ({"down_revision": ("crm_0007", "crm_0008")}, "joins branches"),
        ({"depends_on": "passivepost_0001"}, "require the other distribution"),
        ({"branch_labels": ("crm",)}, "branch_labels"),
        ({"revision": 1}, "has no line `revision"),
    ],
)
def test_a_lineage_that_is_no_line_is_refused(site, values, message):
    site.install("crm").revision(1, **values)
    with pytest.raises(MigrationError, match=message):
        lineages()


def test_two_heads_are_refused(site):
    plugin = site.install("crm")
    plugin.revision(1)
    plugin.revision(2)
    plugin.revision(3, down_revision="crm_0001")
    with pytest.raises(MigrationError, match="do not form one line"):
        lineages()


def test_a_file_that_is_not_python_is_named(site):
    plugin = site.install("crm")
    plugin.revision(1)
    (plugin.versions / "crm_0002.py").write_text("revision = (")
    with pytest.raises(MigrationError, match="crm_0002.py cannot be read"):
        lineages()


def test_files_of_others_in_the_folder_do_not_count(site):
    plugin = site.install("crm")
    plugin.revision(1)
    (plugin.versions / "__init__.py").write_text("")
    (plugin.versions / "notes.txt").write_text("")
    assert next(each for each in lineages() if each.name == "crm").head == "crm_0001"


def test_a_name_that_postgresql_would_cut_off_is_refused(site):
    site.install("x" * 48)
    with pytest.raises(MigrationError, match="longer than 47"):
        lineages()
