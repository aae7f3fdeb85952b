"""Requests made from the OpenAPI document: no 5xx, and only what the document promises.

Schemathesis' pytest plugin is off (it slows every other test down), so its Python API is used.
"""

from collections import Counter

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks
from tests.isolation.things.accounts import account
from tests.isolation.world import CRON_SECRET, bearer, browser

EXAMPLES = 10  #: requests per operation
CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_api_does_what_its_document_says(world, me):
    schema = schemathesis.openapi.from_url(f"{world.url}/openapi.json")
    account(world, me)
    tried, faults, statuses = 0, [], Counter()
    for result in schema.get_all_operations():
        operation = result.ok()
        faults += explore(operation, world, me, statuses)
        tried += 1
    assert tried >= 25
    assert sum(n for status, n in statuses.items() if status < 300) >= 20, statuses
    assert not faults, "\n\n".join(faults)


def explore(operation, world, me, statuses):
    """Send requests to one operation; return what was wrong, told once."""
    signed_in = bearer(CRON_SECRET) if "/cron/" in operation.path else browser(me)

    @hypothesis.settings(
        max_examples=EXAMPLES, deadline=None, database=None, derandomize=True,
        suppress_health_check=list(HealthCheck), phases=[hypothesis.Phase.generate],
    )  # fmt: skip
    @hypothesis.given(case=operation.as_strategy())
    def requests(case):
        ended = operation.path.endswith(("/sign-out", "/sign-up", "/sign-in"))
        answer = case.call(headers={} if ended else signed_in)
        world.forget_limits()
        statuses[answer.status_code] += 1
        case.validate_response(answer, checks=CHECKS)

    try:
        requests()
    except (Exception, BaseExceptionGroup) as error:  # failures come as a group
        told = getattr(error, "exceptions", [error])
        return [f"{operation.label}: {each}" for each in told][:3]
    return []
