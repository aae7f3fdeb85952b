"""What the demo adds to the life of users and to tiers; only in a demo."""

import json
import sys

import pytest
from sqlalchemy import select

from musekit.api import Actor, SocialPost
from musekit.auth import removal, service
from musekit.kernel.build import build_host
from passivepost.demo import samples
from passivepost.demo.settings import DemoSettings
from passivepost.tiers import allowance

SYSTEM = Actor.system("tests")
PASSWORD = "correct horse battery staple"


@pytest.fixture(params=["demo", "test"])
def host(request, settings):
    built = build_host(settings.model_copy(update={"mode": request.param}), strict=True)
    yield built
    built.close()


@pytest.fixture
def backend():
    return "sqlite"


def sign_up(host, email):
    with host.database.session(SYSTEM) as session:
        user, space = service.sign_up(session, email, PASSWORD)
        user_id, space_id = user.id, space.id
    host.registry.hooks.on_user_created(host=host, user_id=user_id, space_id=space_id)
    return user_id, space_id


def drafts(host, space_id):
    with host.database.session(SYSTEM, readonly=True) as session:
        posts = session.scalars(select(SocialPost).where(SocialPost.space_id == space_id))
        return [(post.status, post.content) for post in posts]


def test_a_demo_has_room_for_more_than_ten_posts_a_day(host):
    _, space_id = sign_up(host, "somebody@example.com")
    demo = host.settings.mode == "demo"
    assert allowance(host, space_id).tier.key == ("tier_2" if demo else "tier_1")
    assert host.registry.hooks.resolve_tier(host=host, product="other", space_id=space_id) is None


def test_who_signs_up_in_a_demo_finds_a_draft(host):
    _, space_id = sign_up(host, "somebody@example.com")
    demo = host.settings.mode == "demo"
    assert drafts(host, space_id) == ([("draft", samples.WELCOME)] if demo else [])
    _, sample_space = sign_up(host, host.settings_of(DemoSettings).email)
    assert drafts(host, sample_space) == []


def test_a_deleted_sample_person_is_made_anew(host):
    path = host.settings.data_dir / "secrets" / "demo.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    email = host.settings_of(DemoSettings).email
    path.write_text(json.dumps({"email": email, "filled": True}))
    sample, _ = sign_up(host, email)
    other, _ = sign_up(host, "other@example.com")
    for user_id, kept in ((other, True), (sample, host.settings.mode != "demo")):
        with host.database.session(SYSTEM) as session:
            removal.remove(session, user_id)
        host.registry.hooks.on_user_deleted(host=host, user_id=user_id)
        assert path.exists() == kept
    assert not host.registry.hooks.paused()


def test_without_the_extra_it_says_what_to_install(host, monkeypatch):
    """The wheel of PassivePost alone has no browser for the sample person."""
    monkeypatch.setitem(sys.modules, "httpx", None)
    said = host.registry.hooks.on_demo(host=host, base_url="http://127.0.0.1:1")
    (problem,) = said["problems"]
    assert "pip install 'passivepost[demo]'" in problem
