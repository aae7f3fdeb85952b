"""The composer: counts as the server does, keeps what was typed, makes a post once."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from musekit.api import Actor
from passivepost.publishing.models import PublishState

from .conftest import ahead, markup

EVIL = [
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</textarea><script>x</script>",
    "{{ 7*7 }}", "javascript:alert(1) https://a.example/'onmouseover=alert(1)", "#<b>tag @<i>me",
]  # fmt: skip


def fresh(pages, **fields):
    """Return the fields of a new form, filled in."""
    text = pages.open("/compose")
    submission = re.search(r'name="submission" value="([^"]+)"', text)[1]
    tomorrow = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%dT%H:%M}"
    return {
        "platforms": ["sandbox"], "text": ["Bread at nine"], "when": "at", "at": tomorrow,
        "submission": submission, "action": "schedule", **fields,
    }  # fmt: skip


def test_it_teaches_without_a_network(pages):
    assert "Connect a network first" in pages.open("/compose")


def test_a_single_account_is_chosen_already(mine):
    text = mine.open("/compose")
    assert re.search(r'value="sandbox" checked', text)
    assert "Times are in UTC." in text


def test_scheduling_and_drafting(mine):
    answer = mine.send("/compose", fresh(mine))
    assert answer.status_code == 303
    [post] = mine.all()
    assert answer.headers["location"] == f"/dashboard/social/posts/{post['id']}"
    assert (post["status"], post["content"]) == ("scheduled", "Bread at nine")
    assert "Scheduled for Sandbox." in mine.said()
    mine.send("/compose", fresh(mine, text=["Cake"], action="draft", at=""))
    assert {each["content"]: each["status"] for each in mine.all()}["Cake"] == "draft"


def test_sent_twice_it_makes_one_post(mine):
    form = fresh(mine)
    first, second = mine.send("/compose", form), mine.send("/compose", form)
    assert first.status_code == second.status_code == 303
    assert first.headers["location"] == second.headers["location"]
    assert len(mine.all()) == 1


def test_sent_twice_at_once_it_makes_one_post(mine):
    form = fresh(mine) | {"csrf_token": mine.token()}
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: mine.send("/compose", form), range(4)))
    assert {answer.status_code for answer in answers} == {303}
    assert len(mine.all()) == 1


def test_a_thread_with_media(mine):
    form = fresh(
        mine, text=["One", "Two", ""], media_part=["1", "0"], media_alt=["a loaf", ""],
        media_url=["https://bakery.example/loaf.png", ""],
    )  # fmt: skip
    assert mine.send("/compose", form).status_code == 303
    [post] = mine.all()
    assert mine.get(post["id"])["parts"] == [
        {"text": "One", "media": []},
        {"text": "Two", "media": [{"url": "https://bakery.example/loaf.png", "alt": "a loaf"}]},
    ]


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ({"platforms": []}, 422, "Choose at least one account."),
        ({"text": ["x" * 501]}, 422, "501 of 500 characters; shorten it by 1"),
        ({"text": [" "]}, 422, "Needs a text"),
        ({"at": "2020-01-01T09:00"}, 422, "is in the past"),
        ({"at": "whenever"}, 422, "Choose a day and time."),
        ({"at": ""}, 422, "Choose a day and time."),
        ({"platforms": ["nonsense"]}, 422, "There is no platform"),
        ({"platforms": ["bluesky"]}, 409, "is not connected in this space"),
        ({"platforms": ["instagram"]}, 422, "is not available yet"),
        ({"media_part": ["0"], "media_url": ["file:///etc/passwd"], "media_alt": ["kept alt"]},
         422, "Use an address that begins with https://"),
        ({"text": ["a\x00b"]}, 422, "NUL"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_faults_come_back_with_everything_typed(mine, change, status, said, backend):
    form = fresh(mine, **{"text": ["Bread at nine, kept"], **change})
    answer = mine.send("/compose", form)
    assert answer.status_code == status, answer.text[:500]
    assert said in answer.text
    assert form["submission"] in answer.text
    if "text" not in change:
        assert "Bread at nine, kept</textarea>" in answer.text
    for url in form.get("media_alt", []):
        assert url in answer.text
    assert mine.all() == []


def test_a_full_day_is_told_and_nothing_lost(mine):
    noon = (datetime.now(UTC) + timedelta(days=1)).replace(hour=12)
    for n in range(10):
        mine.make(f"Post {n}", scheduled_at=noon.isoformat())
    form = fresh(mine, text=["The eleventh"], at=f"{noon:%Y-%m-%dT%H:%M}")
    answer = mine.send("/compose", form)
    assert answer.status_code == 429
    assert "Starter allows 10 posts a day" in answer.text
    assert "The eleventh</textarea>" in answer.text


def test_rows_are_added_and_taken_away_without_scripts(mine):
    form = fresh(mine, text=["One"])
    text = mine.send("/compose", form | {"action": "add-part:0"}).text
    assert text.count('name="text"') == 2
    assert "One</textarea>" in text
    text = mine.send("/compose", form | {"text": ["One", "Two"], "action": "remove-part:0"}).text
    assert text.count('name="text"') == 1
    assert "Two</textarea>" in text
    text = mine.send("/compose", form | {"action": "add-media:0"}).text
    assert 'name="media_url"' in text
    media = {"media_part": ["0", "0"], "media_url": ["https://a.example/1.png", "https://b.example/2.png"],
             "media_alt": ["", ""]}  # fmt: skip
    text = mine.send("/compose", form | media | {"action": "remove-media:0"}).text
    assert "a.example" not in text
    assert "b.example" in text
    assert mine.all() == []


def test_the_live_check_counts_as_the_platform_does(mine):
    text = "Grüße 👩‍👩‍👧 https://bakery.example/a-rather-long-address-of-a-page #brot"
    form = fresh(mine, text=[text], platforms=["sandbox", "bluesky", "twitter"])
    answer = mine.send("/compose/check", form)
    assert answer.status_code == 200
    from passivepost_platform_bluesky.richtext import graphemes
    from passivepost_platform_twitter.weights import weighted_length

    for network, left in (
        ("sandbox", 500 - len(text)), ("bluesky", 300 - graphemes(text)),
        ("twitter", 280 - weighted_length(text)),
    ):  # fmt: skip
        part = answer.text.partition(f'data-network="{network}"')[2]
        assert re.search(r"data-left>(-?\d+)<", part)[1] == str(left), network
    assert "a post with a link is $0.20" in answer.text
    assert "Bluesky is not connected" in answer.text
    assert '<span class="said-tag">#brot</span>' in answer.text
    assert '<span class="said-link">https://bakery.example/a-rather-long-address' in answer.text
    assert mine.all() == []


def test_the_check_warns_of_repeats_and_bare_pictures(mine):
    mine.make("Bread at nine", scheduled_at=ahead(hours=3))
    form = fresh(mine)
    assert "The same is scheduled here already." in mine.send("/compose/check", form).text
    media = {"media_part": ["0"], "media_url": ["https://a.example/1.png"], "media_alt": [""]}
    text = mine.send("/compose/check", form | media).text
    assert "has no alt text" in text
    assert "The same is scheduled" not in text
    too_long = mine.send("/compose/check", form | {"text": ["x" * 600]}).text
    assert "600 of 500 characters; shorten it by 100" in too_long
    assert "-100" in too_long


@pytest.mark.parametrize("text", EVIL)
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_text_is_text_and_never_markup(mine, text, backend):
    post = mine.make(text, scheduled_at=ahead(hours=2))
    shown = [
        mine.send("/compose/check", fresh(mine, text=[text])).text,
        mine.send("/compose", fresh(mine, text=[text], platforms=[])).text,
        *(mine.open(path) for path in (
            "/queue", "/posts", "/overview", f"/posts/{post['id']}", f"/posts/{post['id']}/edit",
            f"/compose?from={post['id']}",
        )),
    ]  # fmt: skip
    for page in shown:
        assert markup(page) == []
        assert "<b>tag" not in page
        assert ">49<" not in page


def test_changing_a_post(mine):
    post = mine.make(scheduled_at=ahead(hours=5))
    text = mine.open(f"/posts/{post['id']}/edit")
    fields = {
        name: re.search(rf'name="{name}" value="([^"]*)"', text)[1]
        for name in ("submission", "post", "revision")
    }
    at = re.search(r'id="at" name="at" type="datetime-local" value="([^"]+)"', text)[1]
    form = {**fields, "text": ["Bread at ten"], "when": "at", "at": at, "action": "schedule"}
    assert mine.send(f"/posts/{post['id']}/edit", form).status_code == 303
    changed = mine.get(post["id"])
    assert (changed["content"], changed["status"]) == ("Bread at ten", "scheduled")
    assert changed["scheduled_at"] == post["scheduled_at"]  # seconds too: the time was not touched
    assert mine.send(f"/posts/{post['id']}/edit", form).status_code == 303  # sent twice
    late = mine.send(f"/posts/{post['id']}/edit", form | {"text": ["Something else"]})
    assert late.status_code == 409
    assert "Somebody else has changed this post" in late.text
    assert "Something else</textarea>" in late.text
    form["revision"] = str(changed["revision"])
    assert mine.send(f"/posts/{post['id']}/edit", form | {"action": "draft"}).status_code == 303
    assert mine.get(post["id"])["status"] == "draft"


def test_others_posts_are_not_there(mine, theirs):
    post = mine.make()
    for path in ("", "/edit", "/live"):
        theirs.open(f"/posts/{post['id']}{path}", 404)
    theirs.open(f"/compose?from={post['id']}", 404)
    for action in ("edit", "now", "pull-back", "reschedule", "resolve", "delete"):
        assert theirs.send(f"/posts/{post['id']}/{action}").status_code == 404, action
    assert mine.get(post["id"])["status"] == "draft"


def test_ids_of_a_form_belong_to_the_space(mine, theirs, net, host):
    """The same submission in another space neither shows nor blocks anything."""
    form = fresh(mine)
    assert mine.send("/compose", form).status_code == 303
    answer = theirs.send("/compose", form | {"action": "draft"})
    assert answer.status_code == 303
    assert [post["status"] for post in theirs.all()] == ["draft"]
    assert theirs.all()[0]["id"] != mine.all()[0]["id"]


def test_parts_that_are_live_cannot_be_typed_into(mine, host):
    parts = [{"text": "One"}, {"text": "Two"}, {"text": "Three"}]
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    order = {"platform": "sandbox", "parts": parts, "scheduled_at": later}
    post = mine.http.post("/api/social/posts", json=order).json()
    with host.database.session(Actor.system("tests")) as session:
        session.get(PublishState, UUID(post["id"])).progress = {"ids": ["1"]}
    text = mine.open(f"/posts/{post['id']}/edit")
    areas = re.findall(r"<textarea[^>]*>", text)
    assert ["readonly" in area for area in areas] == [True, False, False]
    assert "live already" in text
    assert 'value="remove-part:0"' not in text
    assert 'value="remove-part:1"' in text
    form = {"text": ["Uno", "Two"], "revision": str(post["revision"]), "action": "draft"}
    answer = mine.send(f"/posts/{post['id']}/edit", form)
    assert answer.status_code == 422
    assert "live already and cannot be changed here" in answer.text
