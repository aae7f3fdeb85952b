"""Nobody gets what is not theirs: every route × everybody who must not, on both databases.

The cases are made from the routes of the application (`matrix.py`), so a new route is tried by
existing; its sample request stands in `rows`. `-k billing` tries the routes of one feature.
"""

import pytest
from tests.isolation import fields, leaks
from tests.isolation.askers import ASKERS, OF_FEW, as_owner
from tests.isolation.matrix import judge
from tests.isolation.routes import UNSAFE, prepare, routes_of
from tests.isolation.rows import FEATURES, FOREIGN_FIELDS, ROWS
from tests.isolation.world import CRON_SECRET, bearer, browser


def test_every_route_has_a_sample(world):
    known = {route.key for route in routes_of(world.app)}
    new, gone = sorted(known - ROWS.keys()), sorted(ROWS.keys() - known)
    assert not new, (
        f"{len(new)} routes are not in the isolation matrix: {', '.join(new)}. Add a row for each"
        " to the feature's module in tests/isolation/rows: a valid request, and for ids in the path"
        " whose things they name; the package's docstring says how."
    )
    assert not gone, f"Remove the rows of routes that are gone: {', '.join(gone)}."


def test_everybody_asks_for_nearly_everything(world):
    """An asker whose expectations are missing would pass by asking nothing."""
    routes = routes_of(world.app)
    for who, come in ASKERS.items():
        expected = come(world).expected
        asked = [route for route in routes if expected(route) is not None]
        least = max(30, sum(route.kind == "permission" for route in routes))
        assert len(asked) >= (1 if who in OF_FEW else least), (who, len(asked))


@pytest.mark.parametrize("feature", FEATURES)
@pytest.mark.parametrize("who", ASKERS)
def test_nobody_gets_what_is_not_theirs(world, who, feature):
    faults = []
    asker = ASKERS[who](world)
    for route in routes_of(world.app):
        if route.key not in FEATURES[feature] or (expected := asker.expected(route)) is None:
            continue
        faults += judge(world, route, who, asker, expected)
        world.forget_limits()
        if asker.again and (route.row.ends_session or route.row.members):
            asker = asker.again()
    assert not faults, "\n".join(faults)


def test_the_samples_are_good_for_those_who_may(world):
    """The control: a refusal in the matrix is one of access, not of a request that is broken."""
    owner = world.people.get("owner") or world.add("owner")
    document = world.http.get(f"{world.url}/openapi.json").json()
    faults = []
    for route in routes_of(world.app):
        ways = {"browser": browser(owner), "token": bearer(owner.token)}
        if route.row.headers:
            ways = {"secret": dict(route.row.headers)}
        for way, headers in ways.items():
            answer = prepare(world, route, owner)(headers)
            expected = as_owner(route, token=way == "token")
            if answer.status_code not in expected:
                faults.append(f"{route.key} by {way}: {answer.status_code} {answer.text[:200]}")
            if not route.row.fake:
                found = leaks.secret_names(route.key, answer)
                found += [
                    f"{each} undeclared" for each in leaks.undeclared(document, route.key, answer)
                ]
                faults += [f"{route.key} by {way}: {each}" for each in found]
            for name, other in world.people.items():
                if name != "owner" and not route.row.fake:
                    faults += [
                        f"{route.key} by {way} tells the {what} of {name}"
                        for what in leaks.words_of(other, answer)
                    ]
            faults += [f"{route.key} by {way}: {each}" for each in leaks.secrets_in(answer, world)]
            if route.row.ends_session and way == "browser":
                world.sign_in(owner)
            world.forget_limits()
    assert not faults, "\n".join(faults)


def test_the_document_promises_no_secret(world):
    """The schemas are the allow-list of what answers hold, so the list itself is looked at."""
    document = world.http.get(f"{world.url}/openapi.json").json()
    promised = {
        (f"{method.upper()} {path}", name)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        for answer in operation["responses"].values()
        for content in answer.get("content", {}).values()
        for name in leaks.promised(document, content.get("schema", {}))
    }
    secret = {each for each in promised if leaks.SECRET_NAME.search(each[1])}
    assert secret, "nothing was looked at"
    undeclared = [
        (route, name)
        for route, name in sorted(secret)
        if name not in leaks.ALLOWED_NAMES | leaks.GIVES_ONCE.get(route, frozenset())
    ]
    assert not undeclared


@pytest.mark.parametrize("how", ["cross-site", "form without its token"])
def test_another_site_changes_nothing_through_a_browser(world, how):
    victim = world.people["victim"]
    faults = []
    for route in routes_of(world.app):
        if route.method not in UNSAFE or (route.rule and route.rule.kind == "secret"):
            continue
        send = prepare(world, route, victim)
        before = world.rows_of(victim)
        if how == "cross-site":
            answer = send(browser(victim, forged=True))
        else:
            bare = {"Cookie": browser(victim)["Cookie"]}
            form = {"json": None, "data": None, "content": "{}"}
            answer = send({**bare, "Content-Type": "text/plain"}, **form)
        if answer.status_code != 403:
            faults.append(f"{route.key}: {answer.status_code}")
        if world.rows_of(victim) != before:
            faults.append(f"{route.key}: rows changed")
        world.forget_limits()
    assert not faults, "\n".join(faults)


def test_the_cron_secret_is_nothing_else(world):
    """It opens the cron endpoints alone; and a user's token, or the secret elsewhere, none."""
    stranger = world.people["stranger"]
    secret = f"Bearer {CRON_SECRET}"
    for route in routes_of(world.app):
        if route.rule is None or route.is_public:
            continue
        if route.rule.kind == "secret":
            for wrong in (
                {"Authorization": secret[:-1]},
                {"Authorization": secret.replace("Bearer", "Basic")},
                {"X-Cron-Secret": CRON_SECRET},
                browser(stranger),
            ):
                answer = prepare(world, route, stranger)(wrong)
                assert answer.status_code == 401, (route.key, wrong, answer.text)
            url = f"{world.url}{route.path}?secret={CRON_SECRET}"
            assert world.http.request(route.method, url).status_code == 401
        else:
            answer = prepare(world, route, stranger)({"Authorization": secret})
            assert answer.status_code in (401, 303), (route.key, answer.text)


#: Fields that are called an id and name no row of ours.
NO_ROWS = {("POST /organization/saml/{connection_id}", "entity_id")}  # an address, of SAML


def test_every_field_that_names_a_row_is_tried(world):
    """Ids in bodies, forms and queries: each is in the matrix with another space's row."""
    found = set()
    for route in routes_of(world.app):
        if route.rule is None or route.row.fake:
            continue
        found |= {(route.key, name) for name in fields.names(world.app, route)
                  if name.endswith(("_id", "_ids"))}  # fmt: skip
    missing = sorted(found - FOREIGN_FIELDS.keys() - NO_ROWS)
    assert not missing, f"name whose rows these fields point to in FOREIGN_FIELDS: {missing}"


def test_rows_of_others_named_in_fields_are_refused(world):
    victim, stranger = world.people["victim"], world.people["stranger"]
    by_key = {route.key: route for route in routes_of(world.app)}
    for (key, name), thing in FOREIGN_FIELDS.items():
        route = by_key[key]
        part, sample = fields.sample_of(route, world, stranger)
        foreign = str(thing(world, victim))
        given = [foreign] if name.endswith("_ids") else foreign
        send = prepare(world, route, stranger)
        before = world.rows_of(victim)
        answer = send(browser(stranger), **{part: {**sample, name: given}})
        assert answer.status_code in (403, 404, 422), (key, name, answer.text)
        assert world.rows_of(victim) == before, key
        assert not leaks.words_of(victim, answer), key
