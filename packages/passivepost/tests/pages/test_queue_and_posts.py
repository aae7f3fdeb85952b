"""Queue, one post, the list, the overview: states in words, and what can be done about them."""

import gzip
import re
from datetime import UTC, datetime, timedelta

import pytest

from .conftest import HTML, SOCIAL, Pages, ahead, markup


def test_empty_pages_teach(pages):
    assert "Nothing is planned" in pages.open("/queue")
    assert "No posts yet" in pages.open("/posts")
    assert "No network yet" in pages.open("/overview")
    dashboard = pages.http.get("/dashboard", headers=HTML).text
    assert "Nothing is planned yet." in dashboard
    assert 'data-shortcut="c"' in dashboard


def test_the_queue_goes_by_day_in_the_persons_zone(mine):
    mine.http.patch("/api/auth/me", json={"timezone": "Pacific/Kiritimati"})
    late = datetime.now(UTC) + timedelta(days=2)
    mine.make("Second", scheduled_at=(late + timedelta(minutes=5)).isoformat())
    mine.make("First", scheduled_at=late.isoformat())
    text = mine.open("/queue")
    assert "Times are in Pacific/Kiritimati." in text
    assert text.index("First") < text.index("Second")
    local = late + timedelta(hours=14)
    assert f"{local:%A} {local.day} {local:%B}" in text
    assert f">{local:%H:%M}<" in text


def test_live_fragments_are_silent_until_something_changes(mine, deliver):
    post = mine.make(scheduled_at=ahead(seconds=-1))
    for path, page in (
        ("/queue/live", "/queue"),
        (f"/posts/{post['id']}/live", f"/posts/{post['id']}"),
    ):
        version = re.search(rf'hx-get="{SOCIAL}{path}\?version=(\w+)"', mine.open(page))[1]
        mine.open(path, 204, version=version)
        assert "<html" not in mine.open(path, 200, version="other")
    version = re.search(r"version=(\w+)", mine.open("/queue"))[1]
    deliver()
    assert "Nothing is planned" in mine.open("/queue/live", 200, version=version)
    shown = mine.open(f"/posts/{post['id']}/live", 200, version="before")
    assert "Posted" in shown
    assert "data-live" not in shown  # nothing more will happen by itself


def test_a_posted_post_tells_its_story(mine, deliver, net):
    post = mine.make("Bread at nine #brot", scheduled_at=ahead(seconds=-1))
    deliver()
    text = mine.open(f"/posts/{post['id']}")
    assert "Published; the network confirmed it" in text
    assert f'href="{net.url}/posts/' in text
    assert "HTTP" in text or "after" in text
    assert '<span class="said-tag">#brot</span>' in text
    assert f"{SOCIAL}/posts/{post['id']}/edit" not in text
    edit = mine.http.get(f"{SOCIAL}/posts/{post['id']}/edit", follow_redirects=False)
    assert edit.status_code == 303


def test_a_refused_post_says_why(mine, deliver, net):
    net.faults({"fault": "reject", "message": "No <b>prizes</b> here."})
    post = mine.make(scheduled_at=ahead(seconds=-1))
    deliver()
    text = mine.open(f"/posts/{post['id']}")
    assert "The network refuses this post." in text
    assert "No &lt;b&gt;prizes&lt;/b&gt; here." in text
    assert "Refused by the network" in text


def test_pull_back_reschedule_and_now(mine, deliver):
    post = mine.make(scheduled_at=ahead(days=2))
    path = f"/posts/{post['id']}"
    at = f"{datetime.now(UTC) + timedelta(days=3):%Y-%m-%dT%H:%M}"
    answer = mine.send(f"{path}/reschedule", {"at": at, "back": "post"})
    assert answer.headers["location"] == SOCIAL + path
    assert mine.get(post["id"])["wall_time"] == at
    for bad in ("2020-01-01T00:00", "", "soon"):
        assert mine.send(f"{path}/reschedule", {"at": bad}).status_code == 303
        assert mine.get(post["id"])["wall_time"] == at
    mine.send(f"{path}/pull-back")
    assert mine.get(post["id"])["status"] == "draft"
    assert "it is a draft again" in mine.said()
    mine.send(f"{path}/now")
    deliver()
    assert mine.get(post["id"])["status"] == "posted"
    mine.send(f"{path}/pull-back")
    assert "cannot be changed" in mine.said()
    assert mine.send(f"{path}/delete").headers["location"] == f"{SOCIAL}/posts"
    mine.open(path, 404)


def test_the_list_filters_and_goes_back_in_time(mine):
    for n in range(30):
        mine.make(f"Draft number {n:02}")
    mine.make("The planned one", scheduled_at=ahead(days=1))
    first = mine.open("/posts")
    assert "Draft number 29" in first
    assert "Draft number 03" not in first
    older = re.search(
        r'href="(/dashboard/social/posts\?[^"]+)" rel="next"|href="([^"]+)"[^>]*rel="next"', first
    )
    link = (older[1] or older[2]).replace("&amp;", "&").removeprefix(SOCIAL)
    second = mine.open(link)
    assert "Draft number 03" in second
    assert "Draft number 29" not in second
    planned = mine.open("/posts", show="planned")
    assert "The planned one" in planned
    assert "Draft number" not in planned
    assert "No post is like that" in mine.open("/posts", platform="bluesky")
    assert mine.http.get(f"{SOCIAL}/posts?cursor=zzz", follow_redirects=False).status_code == 303


def test_the_overview_counts(mine, deliver):
    mine.make("Goes out", scheduled_at=ahead(seconds=-1))
    deliver()
    mine.make("Is planned", scheduled_at=ahead(days=1))
    mine.make("Is a draft")
    text = mine.open("/overview")
    assert "Is planned" in text
    assert "and 1 draft" in text
    assert "1 more than before" in text
    assert "2 / 100" in text


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_what_one_may_not_do_is_not_offered_and_refused(app, mine, make_user, backend):
    """A viewer sees everything and changes nothing."""
    viewer = Pages(join(app, mine, make_user, "viewer"))
    post = mine.make(scheduled_at=ahead(days=1))
    for path in ("", "/queue", "/posts", "/overview", f"/posts/{post['id']}"):
        text = viewer.open(path)
        assert "/pull-back" not in text
        assert "/disconnect" not in text
        assert 'data-shortcut="c"' not in text
    viewer.open("/compose", 403)
    for path in ("/compose", f"/posts/{post['id']}/now", f"/posts/{post['id']}/delete",
                 "/connect/sandbox", "/accounts/validate"):  # fmt: skip
        assert viewer.send(path).status_code == 403, path
    assert mine.get(post["id"])["status"] == "scheduled"


def join(app, owner, make_user, role):
    from sqlalchemy import update

    from musekit.api import Actor, SpaceMember
    from musekit.auth.models import UserSession

    person = make_user()
    person.client.headers["Sec-Fetch-Site"] = "same-origin"
    with app.state.host.database.session(Actor.system("tests")) as session:
        session.add(SpaceMember(space_id=owner.person.space_id, user_id=person.user_id, role=role))
        session.flush()
        session.execute(
            update(UserSession)
            .where(UserSession.user_id == person.user_id)
            .values(space_id=owner.person.space_id)
        )
    return person


def test_pages_stay_small_and_quiet(mine, deliver):
    for n in range(20):
        mine.make(f"Post {n} " + "with a text of usual length " * 6, scheduled_at=ahead(days=1 + n))
    first = mine.make("Goes out", scheduled_at=ahead(seconds=-1))
    deliver()
    for path in ("", "/queue", "/posts", "/overview", "/compose", f"/posts/{first['id']}"):
        text = mine.open(path)
        assert len(gzip.compress(text.encode(), 5)) <= 25_000, path
        assert markup(text) == [], path
        assert "<style" not in text
        sizes = {"css": 0, "js": 0}
        for url, kind in re.findall(r'(?:href|src)="(/-/static/[^"]+\.(css|js)\?v=\w+)"', text):
            answer = mine.http.get(url, headers={"accept-encoding": "gzip"})
            sizes[kind] += int(answer.headers["content-length"])
        assert sizes["css"] <= 35_000
        assert sizes["js"] <= 60_000
