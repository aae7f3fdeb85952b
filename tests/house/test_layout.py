"""The rules of the house that no tool of `make check` holds."""

import ast
import json
import re
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest
from tests.house.conftest import ROOT, parsed, tracked

#: Lines of a source file; tests may be a little longer, as they are read one by one.
LONGEST, LONGEST_TEST = 400, 500
#: Words in the docstring of a longer file that say why it is one.
REASON = re.compile(r"(?i)\b(one file|this length|so long|longer than)\b")
CODE = {".py", ".js", ".css", ".html", ".mjs"}


def test_files_stay_short():
    long = {}
    for path in tracked():
        if path.suffix not in CODE or "vendor" in path.parts:
            continue
        lines = path.read_text(encoding="utf-8").splitlines()
        longest = LONGEST_TEST if "tests" in path.parts else LONGEST
        if len(lines) > longest and not REASON.search("\n".join(lines[:15])):
            long[str(path.relative_to(ROOT))] = len(lines)
    assert not long, f"split these, or say in the docstring why each is one file: {long}"


def test_the_median_of_source_files_is_short(sources):
    lengths = sorted(len(path.read_text(encoding="utf-8").splitlines()) for path in sources)
    assert lengths[len(lengths) // 2] < 100


def test_import_contracts_hold():
    command = shutil.which("lint-imports", path=str(Path(sys.executable).parent))
    assert command, "import-linter is not installed"
    done = subprocess.run([command], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]


def calls(path, name):
    """Lines on which something of that name is called, as a function or a method."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Call):
            called = node.func
            if getattr(called, "attr", getattr(called, "id", None)) == name:
                yield node.lineno


#: Where a unit of work ends: the edges of the core, and stores that are not the database.
EDGES = ("musekit/kernel/", "musekit/migrations/", "passivepost_platform_sandbox/network/")


@pytest.mark.parametrize("name", ["commit", "rollback"])
def test_services_end_no_unit_of_work(sources, name):
    found = [
        f"{path}:{line}"
        for path in sources
        if not any(edge in path.as_posix() for edge in EDGES)
        for line in calls(path, name)
    ]
    assert not found, f".{name}() belongs to the edges: {found}"


def test_routes_and_pages_ask_services_not_the_database(sources):
    edges = [path for path in sources if path.stem.endswith(("routes", "pages"))]
    assert len(edges) >= 10
    found = [
        f"{path.relative_to(ROOT)}:{line} calls {name}"
        for path in edges
        for name in ("select", "insert", "update", "delete", "text")
        for line in calls(path, name)
        if not _is_router_method(path, line)
    ]
    assert not found, f"move the query into a service: {found}"


def _is_router_method(path, line):
    """True for `@router.delete(…)` and mappings' `.update(…)`, which share names with SQL."""
    source = path.read_text(encoding="utf-8").splitlines()[line - 1]
    return bool(re.search(r"@router\.|\w+\.(update|text|insert)\(|routes?\.", source))


HTTP = {"httpx", "httpx2", "requests", "aiohttp", "urllib3", "niquests", "pycurl"}
#: Who may open connections: the one guarded way out, the demo (to ourselves), and the test kit.
WAYS_OUT = ("musekit/kernel/outbound/", "passivepost/demo/", "passivepost/testing/",
            "musekit/testing/")  # fmt: skip


def test_there_is_one_way_out(sources):
    found = []
    for path in sources:
        if any(way in path.as_posix() for way in WAYS_OUT):
            continue
        for node in ast.walk(parsed(path)):
            names = []
            if isinstance(node, ast.Import):
                names = [each.name for each in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            for name in names:
                if name.partition(".")[0] in HTTP or name in ("urllib.request", "http.client"):
                    found.append(f"{path.relative_to(ROOT)}:{node.lineno} imports {name}")
    assert not found, f"use the host's client, which guards addresses: {found}"


#: Written in pieces, so that this file does not name what it looks for.
MACHINES = ["/wo" + "rk/", "/va" + "r/tmp/", "/ro" + "ot/", "/ho" + "me/", "/Us" + "ers/",
            "/op" + "t/pypi", "/op" + "t/wheels"]  # fmt: skip
#: Ways to name a package registry other than the public ones.
REGISTRY = re.compile(
    r"--(?:extra-)?index-" + r"url|--trusted-" + r"host|\"resol" + r"ved\":|regis" + r"try=http"
    r"|[\w-]+\.(?:int" + r"ernal|lo" + r"cal|co" + r"rp|la" + r"n)(?::\d+)?/(?:simple|npm|api/)"
)


def test_no_tracked_file_tells_of_a_machine_or_a_registry():
    found = []
    places = [*MACHINES, *{str(ROOT) + "/", str(Path.home()) + "/"} - {"//"}]
    for path in tracked():
        try:
            body = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        if path.suffix in {".svg", ".woff2"} or "LICENSE" in path.name:
            continue
        for number, line in enumerate(body.splitlines(), 1):
            if len(line) < 5000 and (any(p in line for p in places) or REGISTRY.search(line)):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}")
    assert not found, "\n".join(found)


def test_vendored_files_are_listed_with_their_hashes():
    for folder in ROOT.glob("packages/*/src/*/static/*/vendor"):
        listed = {each["file"]: each for each in json.loads((folder / "vendor.json").read_text())}
        there = {
            path.relative_to(folder).as_posix(): path
            for path in folder.rglob("*")
            if path.is_file() and path.name not in ("vendor.json", "LICENSE")
        }
        assert there.keys() == listed.keys()
        for name, path in there.items():
            assert sha256(path.read_bytes()).hexdigest() == listed[name]["sha256"], name
            assert listed[name]["licence"], name
            assert (path.parent / "LICENSE").is_file(), name
