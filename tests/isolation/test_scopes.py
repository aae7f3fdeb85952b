"""A token does what its scopes say and nothing else, on every family of endpoints (D40)."""

import pytest
from tests.isolation.askers import as_owner
from tests.isolation.routes import prepare, routes_of
from tests.isolation.rows import FEATURES
from tests.isolation.world import bearer

#: What any token may ask, whatever its scopes: who it is, and where it is.
WITHOUT_A_SCOPE = {
    "GET /api/auth/me", "GET /api/email/preferences", "GET /api/organizations", "GET /api/profile",
    "GET /api/spaces", "GET /api/spaces/personal", "GET /api/social/debug",
}  # fmt: skip


def guarded(world, feature):
    """Yield each route of a feature that a token may have, if it has the right for it."""
    for route in routes_of(world.app):
        if route.key in FEATURES[feature] and route.kind == "permission" and not route.browser:
            yield route


def rights_of(world):
    return {route.rule.name for route in routes_of(world.app) if route.kind == "permission"}


@pytest.mark.parametrize("feature", FEATURES)
def test_every_other_scope_opens_nothing(world, feature):
    """All scopes but the one that is asked for; nothing is told, and nothing changes."""
    victim, tokens, faults = world.people["victim"], {}, []
    every = rights_of(world) | {"nothing.at.all", feature}
    for route in guarded(world, feature):
        right = route.rule.name
        if right not in tokens:
            tokens[right] = world.token_of(victim, victim.space_id, sorted(every - {right}))
        send = prepare(world, route, victim)
        before = world.rows_of(victim)
        answer = send(bearer(tokens[right]))
        if answer.status_code != 403:
            faults.append(f"{route.key}: {answer.status_code} without {right}")
        if world.rows_of(victim) != before:
            faults.append(f"{route.key}: rows changed")
        world.forget_limits()
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("feature", FEATURES)
def test_one_scope_opens_its_routes(world, feature):
    """The control: each is refused for the scope that is missing, and for nothing else."""
    owner = world.people.get("owner") or world.add("owner")
    tokens, faults = {}, []
    for route in guarded(world, feature):
        right = route.rule.name
        if right not in tokens:
            tokens[right] = world.token_of(owner, owner.space_id, [right])
        answer = prepare(world, route, owner)(bearer(tokens[right]))
        if answer.status_code not in as_owner(route, token=True):
            faults.append(f"{route.key} with {right}: {answer.status_code} {answer.text[:120]}")
        world.forget_limits()
    assert not faults, "\n".join(faults)


def test_what_needs_no_scope_is_little_and_reads(world):
    found = {
        route.key
        for route in routes_of(world.app)
        if route.kind == "signed_in" and not route.browser and not route.row.fake
    }
    assert found == WITHOUT_A_SCOPE


def test_there_are_many_families(world):
    families = {feature for feature in FEATURES if any(guarded(world, feature))}
    assert len(families) >= 6, families
    assert sum(1 for each in FEATURES for _ in guarded(world, each)) >= 50
