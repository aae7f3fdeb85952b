"""Services of one's own: whose answers where, keys at rest, addresses that nobody may name."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update
from tests.support.ai_double import KEY

from musekit.ai import choosing, configs, sealing, service, state
from musekit.ai.models import AIConfiguration
from musekit.audit.models import AuditEntry
from musekit.errors import InvalidError, NotFoundError, UnavailableError
from musekit.kernel.actors import Actor
from musekit.kernel.crypto.columns import registered
from musekit.organizations import preferences
from musekit.organizations import service as organizations

SYSTEM = Actor.system("tests")


def save(lab: Any, organization_id: UUID | None = None, **values: Any) -> UUID:
    given = {"provider": "compatible", "model": "own-model", "key": KEY,
             "base_url": f"{lab.models.url}/v1"}  # fmt: skip
    with lab.host.database.session(SYSTEM) as session:
        row = configs.save(
            session, lab.host, configs.Wanted(**(given | values)),
            organization_id=organization_id, by=lab.user.user_id,
        )  # fmt: skip
        return row.id


def organization(lab: Any) -> tuple[UUID, Actor]:
    """Make an organization; return it and its owner in its first space."""
    with lab.host.database.session(SYSTEM) as session:
        made, space = organizations.create(session, lab.user.user_id, "Crew")
        session.flush()
        return made.id, Actor(
            kind="user", name="tests", user_id=lab.user.user_id, space_id=space.id
        )


def test_the_nearest_answers(lab: Any) -> None:
    crew, in_crew = organization(lab)
    other, in_other = organization(lab)
    asked = []

    def who(actor: Actor) -> str:
        service.complete(lab.host, actor, lab.call())
        asked.append(lab.models.asked[-1].body["model"])
        return str(asked[-1])

    lab.set_up("openai", model="of-settings")
    assert who(in_crew) == "of-settings"
    save(lab, model="of-operator")
    assert who(in_crew) == "of-operator"
    mine = save(lab, crew, model="of-crew")
    assert [who(in_crew), who(in_other), who(lab.actor)] == [
        "of-crew",
        "of-operator",
        "of-operator",
    ]
    rows = {row.model: row for row in lab.rows()}
    assert (rows["of-crew"].own_key, rows["of-crew"].in_organization_id) == (True, crew)
    assert rows["of-operator"].own_key is False
    assert lab.counts(in_crew.space_id)["ai"] == (2, 0)  # by its own key no plan limits it
    for own, model in ((False, "of-operator"), (None, "of-crew")):
        with lab.host.database.session(SYSTEM) as session:
            preferences.change(session, lab.host, crew, {"aiOverride": own}, by=lab.user.user_id)
        assert who(in_crew) == model
    with lab.host.database.session(SYSTEM) as session:
        with pytest.raises(NotFoundError):
            configs.remove(session, mine, organization_id=other)
        configs.remove(session, mine, organization_id=crew)
    assert who(in_crew) == "of-operator"


def test_own_keys_are_not_limited_by_the_plan(lab: Any) -> None:
    crew, in_crew = organization(lab)
    save(lab, crew)
    for _ in range(8):  # the plan allows 5
        service.complete(lab.host, in_crew, lab.call())
    assert lab.counts(in_crew.space_id) == {}
    assert in_crew.space_id is not None
    assert state.of_space(lab.host, in_crew.space_id).own is True


def test_a_key_is_encrypted_and_shown_by_its_end(lab: Any) -> None:
    crew, _ = organization(lab)
    row_id = save(lab, crew)
    with lab.host.database.session(SYSTEM, readonly=True) as session:
        row = session.get_one(AIConfiguration, row_id)
        assert row.key_encrypted is not None
        assert row.key_encrypted.startswith("v1.")
        assert KEY not in row.key_encrypted
        assert sealing.open_key(lab.host, row).get_secret_value() == KEY
        [shown] = configs.listed(session, lab.host, crew)
        assert shown.ending == KEY[-4:]
        assert KEY not in repr(shown)
    assert ("ai_configs", "key_encrypted") in {(each.table, each.column) for each in registered()}


def test_a_key_of_another_row_does_not_open(lab: Any) -> None:
    crew, in_crew = organization(lab)
    mine, theirs = save(lab, crew), save(lab)
    with lab.host.database.session(SYSTEM) as session:
        stolen = session.scalar(
            select(AIConfiguration.key_encrypted).where(AIConfiguration.id == theirs)
        )
        session.execute(
            update(AIConfiguration).where(AIConfiguration.id == mine).values(key_encrypted=stolen)
        )
    with pytest.raises(UnavailableError, match="cannot be read"):
        service.complete(lab.host, in_crew, lab.call(), offline=lambda call: "no")
    assert lab.models.asked == []


def test_a_changed_address_asks_for_the_key_again(lab: Any) -> None:
    crew, _ = organization(lab)
    save(lab, crew)
    with pytest.raises(InvalidError) as told:
        save(lab, crew, key="", base_url="https://collector.example/v1")
    assert told.value.extra["errors"][0]["field"] == "key"
    save(lab, crew, key="", model="another")  # all else may change without it
    with lab.host.database.session(SYSTEM, readonly=True) as session:
        [shown] = configs.listed(session, lab.host, crew)
    assert (shown.model, shown.ending) == ("another", KEY[-4:])


BAD_ADDRESSES = [
    "http://169.254.169.254/v1", "http://127.0.0.1:22/v1", "http://localhost/v1", "https://10.0.0.1",
    "http://0x7f.1/v1", "http://[::1]/v1", "https://[::ffff:127.0.0.1]/v1", "file:///etc/passwd",
    "gopher://ai.example/v1", "http://ai.example/v1", "https://user:pass@ai.example/v1",
    "https://ai.example:8443/v1", "https://ai.example/v1?key=1", "https://ai.example/v1#x",
    "ai.example", "https://", "https://ai.example\\@10.0.0.1/", "https://ai.example/\r\nx: y", "",
    "http://2130706433/",
]  # fmt: skip


@pytest.mark.parametrize("backend", ["sqlite"])
def test_addresses_that_nobody_may_name(lab: Any) -> None:
    crew, _ = organization(lab)
    for address in BAD_ADDRESSES:
        with pytest.raises(InvalidError) as told:
            save(lab, crew, base_url=address)
        assert told.value.extra["errors"][0]["field"] == "base_url", address


BAD = [
    ({"provider": "nobody"}, "provider"), ({"model": ""}, "model"),
    ({"provider": "openai", "base_url": "", "key": ""}, "key"),
    ({"provider": "anthropic"}, "base_url"), ({"model": "x" * 201}, "model"),
    ({"model": "a\nb"}, "model"), ({"key": "sk-\r\nx: y"}, "key"), ({"key": "schlüssel"}, "key"),
    ({"timeout_seconds": 0}, "timeout_seconds"), ({"timeout_seconds": 601}, "timeout_seconds"),
]  # fmt: skip


@pytest.mark.parametrize(("values", "field"), BAD)
@pytest.mark.parametrize("backend", ["sqlite"])
def test_what_cannot_be_is_refused_by_field(lab: Any, values: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidError) as told:
        save(lab, None, **values)
    assert told.value.extra["errors"][0]["field"] == field


@pytest.mark.parametrize("backend", ["sqlite"])
def test_one_of_a_scope_answers_first(lab: Any) -> None:
    save(lab, model="first")
    save(lab, provider="anthropic", base_url="", model="second", is_default=True)

    def first() -> str:
        with lab.host.database.session(SYSTEM, readonly=True) as session:
            choice = choosing.choose(session, lab.host, None)
            assert choice is not None
            return choice.config.model

    assert first() == "second"
    save(lab, model="first", is_default=True)
    assert first() == "first"
    with lab.host.database.session(SYSTEM, readonly=True) as session:
        noted = select(AuditEntry).where(AuditEntry.action.startswith("ai."))
        assert session.scalars(noted).all() == []  # the edges write it
