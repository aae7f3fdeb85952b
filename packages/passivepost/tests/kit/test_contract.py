"""The contract catches what goes wrong: each mutant of the example fails the test meant for it."""

import os
import subprocess
import sys
from xml.etree import ElementTree

import pytest

from passivepost.scaffold.writing import write_platform

#: What is broken: (old, new) in platform.py, the test that must fail, a word of its message.
MUTANTS = {
    "posts twice": (
        "post = answer(await client.post(call.content.text))",
        "await client.post(call.content.text)\n"
        "        post = answer(await client.post(call.content.text))",
        "test_publish_gives_one_post",
        "took 2 posts",
    ),
    "alters the text": (
        "client.post(call.content.text)",
        "client.post(call.content.text.strip('é') + '.')",
        "test_publish_gives_one_post",
        "instead of",
    ),
    "calls a rate limit a rejection": (
        "if status == 429:",
        "if status == 9:",
        "test_errors_say_what_is_known[rate_limit]",
        "should raise Retryable",
    ),
    "ignores when to come back": (
        'float(response.headers.get("retry-after", 60))',
        "60.0",
        "test_errors_say_what_is_known[rate_limit]",
        "retry_after=60.0",
    ),
    "calls a 5xx not done": (
        "raise api.OutcomeUnknown(",
        "raise api.Retryable(",
        "test_errors_say_what_is_known[error_after_accept]",
        "should raise OutcomeUnknown",
    ),
    "raises an error of its own": (
        "raise api.OutcomeUnknown(",
        "raise RuntimeError(",
        "test_errors_say_what_is_known[error_after_accept]",
        "outside the closed set",
    ),
    "swallows a connection that failed": (
        "post = answer(await client.post(call.content.text))",
        "try:\n            post = answer(await client.post(call.content.text))\n"
        "        except api.NotSent as error:\n"
        "            raise api.OutcomeUnknown('no') from error",
        "test_not_sent_passes_through",
        "should raise NotSent",
    ),
    "takes a redirect for success": (
        "if status < 300:\n        return response.json()",
        'if status < 400:\n        return response.json() if response.text else {"id": "0"}',
        "test_redirects_are_not_followed_nor_taken_for_success",
        "reported success",
    ),
    "finds any post": (
        ' if post["text"] == text',
        "",
        "test_find_published_tells_live_from_absent",
        "",
    ),
    "shows the token": (
        "raise (api.Duplicate if status == 409 else api.Rejected)(text)",
        "raise (api.Duplicate if status == 409 else api.Rejected)("
        "text + str(response.request.headers['authorization']))",
        "test_errors_say_what_is_known[reject]",
        "a token is shown",
    ),
    "declares what it lacks": (
        "api.Feature.FIND_PUBLISHED, api.Feature.REFRESH",
        "api.Feature.FIND_PUBLISHED, api.Feature.REFRESH, api.Feature.METRICS",
        "test_declared_features_are_implemented",
        "implement fetch_metrics()",
    ),
    "facts disagree": (
        'read_back="yes"',
        'read_back="no"',
        "test_delivery_facts_are_whole",
        "the two must agree",
    ),
}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Run the one test meant for each mutant, all in one pytest; give the failures' messages."""
    folder = tmp_path_factory.mktemp("mutants")
    nodes, sources = [], []
    for n, (old, new, test, _) in enumerate(MUTANTS.values()):
        write_platform(f"mutant{n}", folder)
        package = folder / f"passivepost-platform-mutant{n}"
        path = package / "src" / f"passivepost_platform_mutant{n}" / "platform.py"
        code = path.read_text()
        assert old in code, f"the mutation {old!r} no longer fits the template"
        path.write_text(code.replace(old, new))
        sources.append(str(package / "src"))
        nodes.append(f"{package.name}/tests/test_platform.py::TestMutant{n}::{test}")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--junitxml=out.xml",
         "--import-mode=importlib", *nodes],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sources), "PYTEST_ADDOPTS": ""},
        capture_output=True, text=True, timeout=150, check=False,
    )  # fmt: skip
    assert (folder / "out.xml").exists(), done.stdout + done.stderr
    cases = ElementTree.parse(folder / "out.xml").iter("testcase")
    return {
        case.get("classname").rpartition("Mutant")[2]: "".join(
            failure.get("message") + (failure.text or "") for failure in case.iter("failure")
        )
        for case in cases
    }


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_mutant_is_caught(results, mutant):
    message = results[str([*MUTANTS].index(mutant))]
    assert message, "the test meant for this mutant did not fail"
    assert MUTANTS[mutant][3] in message
