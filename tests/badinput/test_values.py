"""A value that no field takes, in every field of every route that takes a body."""

import httpx
import pytest
from tests.badinput.inputs import STORED, VALUES, encode
from tests.badinput.judging import JSON, LEAST, shared, some, writing
from tests.isolation import fields
from tests.isolation.routes import prepare
from tests.isolation.things.accounts import forget_flows
from tests.isolation.world import browser


class Field:
    """Sends values in the place of a route's fields."""

    def __init__(self, world, me, judge, route):
        self.world, self.me, self.judge, self.route = world, me, judge, route
        self.part, self.sample = fields.sample_of(route, world, me)
        self.form = self.part == "data" or route.is_page
        known = set(self.sample) if self.part != "params" else set()
        self.names = sorted(fields.names(world.app, route) | known)
        self._send = None
        self._unknown = set()

    def takes(self, value):
        """Say whether a value can be sent at all: a form sends text."""
        return not self.form or (self.part != "params" and isinstance(value, str))

    def send(self, names, what, value):
        """Send one value in all of these fields; None where no server would see it."""
        if self._send is None:
            self._send = prepare(self.world, self.route, self.me)
        given = dict.fromkeys(names, value)
        if self.form:
            given = {name: value.encode("utf-8", "surrogatepass") for name in names}
            changes, headers = {"data": {**self.sample, **given}}, browser(self.me)
        else:
            changes = {"content": encode({**self.sample, **given}), "json": None}
            headers = {**browser(self.me), **JSON}
        try:
            answer = self._send(headers, **changes)
        except httpx.RemoteProtocolError:
            assert self.route.row.fake, (self.route.key, names, what)  # an address too long
            return None
        if answer.status_code < 400:
            self._send = None  # what it names may be gone now
        self.judge.tried["values"] += len(names)
        self.judge.look(self.route, f"{', '.join(names)} = {what}", answer)
        return answer

    def each(self, names, what, value):
        for name in names:
            self.send([name], what, value)

    def all_at_once(self, what, value):
        """Send a value in every field, and again without those that were refused for it.

        So each field either is refused by its own name, or its value comes as far as it would
        alone; where a request is refused as a whole, its fields are tried one by one.
        """
        left = [name for name in self.names if name not in self._unknown]
        while left:
            answer = self.send(left, what, value)
            if answer is None or answer.status_code < 400 or len(left) == 1:
                return
            refused = _fields_in(answer).keys() & set(left)
            self._unknown |= {each for each in refused if "Extra" in _fields_in(answer)[each]}
            if not refused:
                self.each(left, what, value)
                return
            left = [name for name in left if name not in refused]


def _fields_in(answer):
    """The fields that a problem document names, and what it says of each."""
    if answer.status_code != 422 or "json" not in answer.headers["content-type"]:
        return {}
    errors = answer.json().get("errors", [])
    return {each["field"].partition(".")[0]: each["message"] for each in errors}


def tried_in(world, me, judge, values, *, fake, share=1, singly=False):
    for at, route in enumerate(writing(world, fake=fake)):
        field = Field(world, me, judge, route)
        for n, (what, value) in enumerate(some(values.items(), at, world, share)):
            if not field.takes(value):
                continue
            if singly:
                field.each(field.names, what, value)
            elif not field.form:
                field.all_at_once(what, value)
            elif field.names:
                # Pages name no fields: each value is tried in all of them, and by turns in one.
                field.send(field.names, what, value)
                if len(field.names) > 1 and (at + n) % 2:
                    field.each([field.names[(at + n) // 2 % len(field.names)]], what, value)
        forget_flows(world, me)
        world.forget_limits()


@shared
def test_values_no_field_takes(world, me, judge, share):
    second = world.host.database.is_postgres
    values = {name: VALUES[name] for name in STORED} if second else VALUES
    tried_in(world, me, judge, values, fake=not second, share=min(share, 2) if second else share)
    judge.finish(LEAST["values"])


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_values_no_field_takes_one_by_one(world, me, judge):
    tried_in(world, me, judge, VALUES, fake=True, singly=True)
    judge.finish(LEAST["values"])
