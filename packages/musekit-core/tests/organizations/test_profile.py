"""What a person shows of themselves."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from musekit.errors import InvalidError
from musekit.kernel.actors import Actor
from musekit.organizations import profile

SYSTEM = Actor.system("tests")


def change(user: Any, **body: Any) -> Any:
    return user.client.patch("/api/profile", json=body)


def test_a_user_name_and_words(make_user) -> None:
    user = make_user()
    assert user.client.get("/api/profile").json() == {
        "username": None, "display_name": "", "bio": None,
    }  # fmt: skip
    made = change(user, username=" @Ada_99 ", bio=" First line.  \n Second. ").json()
    assert made == {"username": "ada_99", "display_name": "", "bio": "First line.\nSecond."}
    assert change(user, bio="").json()["username"] == "ada_99"
    assert change(user, username="").json() == {
        "username": None, "display_name": "", "bio": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    "username",
    ["ab", "a" * 31, "_ada", "ada_", "a da", "ada-b", "ad\u0430", "admin", "Root", "a/b", "..a"],
)
def test_names_that_are_none(make_user, username: str) -> None:
    user = make_user()
    answer = change(user, username=username, bio="kept out as well")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "username"
    assert user.client.get("/api/profile").json()["bio"] is None


@pytest.mark.parametrize("bio", ["x" * 501, "a\u202eb", "a\0b"])
def test_words_that_are_too_many_or_deceive(make_user, bio: str) -> None:
    assert change(make_user(), bio=bio).status_code == 422


def test_a_user_name_is_one_persons(make_user) -> None:
    ada, bob = make_user(), make_user()
    assert change(ada, username="ada").status_code == 200
    assert change(ada, username="ada").status_code == 200  # it is theirs already
    refused = change(bob, username="ADA")
    assert (refused.status_code, "is taken" in refused.text) == (422, True)


def test_of_many_who_want_a_name_at_once_one_has_it(host, make_user) -> None:
    users, outcomes = [make_user() for _ in range(6)], list[str]()
    gate = threading.Barrier(len(users))

    def go(user: Any) -> None:
        gate.wait()
        try:
            with host.database.session(SYSTEM) as session:
                profile.change(session, user.user_id, username="wanted")
            outcomes.append("has it")
        except InvalidError:
            outcomes.append("taken")

    threads = [threading.Thread(target=go, args=(each,)) for each in users]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(outcomes) == ["has it", *["taken"] * 5]


def test_it_is_ones_own_in_every_space(team, form) -> None:
    viewer = team.join("viewer")
    assert change(viewer, username="vera").status_code == 200
    page = viewer.client.get("/account/profile")
    assert 'value="vera"' in page.text
    saved = viewer.client.post(
        "/account/profile", data=form(viewer.client, username="vera2", bio="Hello")
    )
    assert "Your profile is saved" in saved.text
    bad = viewer.client.post("/account/profile", data=form(viewer.client, username="x", bio="y"))
    assert (bad.status_code, "3 to 30 letters" in bad.text) == (422, True)
    assert team.owner.client.get("/api/profile").json()["username"] is None
    with team.host.database.session(SYSTEM, readonly=True) as session:
        told = team.host.registry.hooks.export_user_data(session=session, user_id=viewer.user_id)
    assert told["musekit"]["profile"]["username"] == "vera2"
