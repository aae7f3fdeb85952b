"""Spaces, accounts and posts for publishing tests, made in bulk; and what became of them."""

from __future__ import annotations

import hashlib
from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from sqlalchemy import insert, select, text

from musekit.api import Actor, SocialAccount, SocialPost, Space, User, new_id
from passivepost.accounts.registry import Offer, platforms_of
from passivepost.accounts.vault import seal
from passivepost.posts.models import PostDetails
from passivepost.publishing.models import PublishAttempt, PublishState
from passivepost.publishing.settings import PublishingSettings
from passivepost.sdk.content import Credentials
from passivepost.settings import PassivePostSettings

SYSTEM = Actor.system("tests")
QUICK = {
    "retry_base_seconds": 0.1,
    "retry_cap_seconds": 0.5,
    "poll_seconds": 0.2,
    "sweep_seconds": 0.3,
    "lease_margin_seconds": 12.0,
    "reconcile_seconds": [0.2, 0.5, 1.0, 2.0],
    "send_slots": 50,
}
QUICK_PUBLISH = {"rate_limit_jitter": 0.2, "resend_quiet": 0.0, "spool_seconds": 0.3}


def install(host, *platforms, **settings):
    """Add platforms to a host, let it reach them, and set what tests need set."""
    offers = platforms_of(host)
    for platform in platforms:
        offers._offers[platform.name] = Offer(plugin="tests", platform=platform)
        host.outbound.allow("127.0.0.1", platform.port)
    tuning = {
        **QUICK_PUBLISH,
        **{k: v for k, v in settings.items() if k in PublishingSettings.model_fields},
    }
    common = {
        **QUICK,
        **{k: v for k, v in settings.items() if k in PassivePostSettings.model_fields},
    }
    for model, values in ((PassivePostSettings, common), (PublishingSettings, tuning)):
        host.sections[model] = host.settings_of(model).model_copy(update=values)


def accounts(host, count=1, *, platform="double", token="t{n}", expires=None):
    """Make users with a space and an account each; return (user_id, space_id, account_id)."""
    now, made = datetime.now(UTC), []
    users, spaces, rows = [], [], []
    for n in range(count):
        user, space, account = new_id(), new_id(), new_id()
        mail = f"u{uuid4().hex}@example.com"
        users.append(
            {
                "id": user,
                "email": mail,
                "email_key": mail,
                "name": "",
                "timezone": "UTC",
                "locale": "en",
                "is_operator": False,
                "created_at": now,
                "updated_at": now,
            }
        )
        spaces.append(
            {
                "id": space,
                "name": "s",
                "personal_user_id": user,
                "timezone": "UTC",
                "created_at": now,
            }
        )
        row = SocialAccount(id=account, space_id=space)
        sealed = seal(
            host.keyring,
            row,
            Credentials(access_token=token.format(n=n), refresh_token="r", expires_at=expires),
        )
        rows.append(
            {
                "id": account,
                "space_id": space,
                "user_id": user,
                "platform": platform,
                "platform_user_id": f"@{n}-{account}",
                "platform_username": f"u{n}",
                "display_name": "",
                "is_valid": True,
                "connected_at": now,
                "updated_at": now,
                **sealed,
            }
        )
        made.append((user, space, account))
    with host.database.session(SYSTEM) as session:
        session.execute(insert(User), users)
        session.execute(insert(Space), spaces)
        session.execute(insert(SocialAccount), rows)
    return made


def posts(
    host, owners, count, *, body="post {n}", due=-1.0, platform="double", parts=None, details=True
):
    """Schedule `count` posts over the owners in turn, due in `due` seconds; return their ids."""
    now = datetime.now(UTC)
    at = now + timedelta(seconds=due)
    post_rows, detail_rows, state_rows, ids = [], [], [], []
    for n in range(count):
        user, space, account = owners[n % len(owners)]
        post_id, body_n = new_id(), body.format(n=n)
        all_parts = [
            {**part, "text": part["text"].replace("{n}", str(n))}
            for part in parts or [{"text": body_n, "media": []}]
        ]
        digest = hashlib.sha256(body_n.encode()).hexdigest()
        post_rows.append(
            {
                "id": post_id,
                "space_id": space,
                "user_id": user,
                "account_id": account,
                "platform": platform,
                "content": all_parts[0]["text"],
                "media_urls": [],
                "status": "scheduled",
                "scheduled_at": at,
                "ai_generated": False,
                "created_at": now,
                "updated_at": now,
            }
        )
        detail_rows.append(
            {
                "post_id": post_id,
                "space_id": space,
                "parts": all_parts,
                "options": {},
                "revision": 1,
                "content_hash": digest,
                "timezone": "UTC",
                "posted_ids": [],
                "updated_at": now,
            }
        )
        state_rows.append(
            {
                "post_id": post_id,
                "space_id": space,
                "account_id": account,
                "platform": platform,
                "stage": "waiting",
                "due_at": at,
                "next_attempt_at": at,
                "revision": 1,
                "content_hash": digest,
                "publish_key": uuid4(),
                "progress": {},
                "updated_at": now,
            }
        )
        ids.append(post_id)
    with host.database.session(SYSTEM) as session:
        session.execute(insert(SocialPost), post_rows)
        if details:
            session.execute(insert(PostDetails), detail_rows)
        session.execute(insert(PublishState), state_rows)
    return ids


def statuses(host) -> Counter:
    with host.database.session(SYSTEM, readonly=True) as session:
        return Counter(session.scalars(select(SocialPost.status)))


def state(host, post_id):
    with host.database.session(SYSTEM, readonly=True) as session:
        return session.get(PublishState, post_id), session.get(SocialPost, post_id)


def attempts(host, post_id):
    with host.database.session(SYSTEM, readonly=True) as session:
        return list(
            session.scalars(
                select(PublishAttempt)
                .where(PublishAttempt.post_id == post_id)
                .order_by(PublishAttempt.n)
            )
        )


def execute(host, sql, **values):
    with host.database.session(SYSTEM) as session:
        session.execute(text(sql), values)


def platform(port, kind="DoublePlatform", **declared):
    import double

    return getattr(double, kind)(port, **declared)


def states(host):
    with host.database.session(SYSTEM, readonly=True) as session:
        return list(session.scalars(select(PublishState)))


def in_flight(host):
    return [s for s in states(host) if s.lease_until is not None]


def story(host, network):
    """Tell, line by line, what happened to the posts that the network has more than once."""
    twice = {key.split(":")[0] for key, count in network.keys().items() if count > 1}
    lines = []
    for state in states(host):
        if str(state.publish_key) in twice:
            lines.append(f"post {state.post_id} key {state.publish_key} token {state.lease_token}")
            lines += [
                f"  attempt {a.n} token {a.lease_token} armed {a.armed_at} answered"
                f" {a.responded_at} {a.outcome} {a.error_class} {a.detail} {a.worker}"
                for a in attempts(host, state.post_id)
            ]
            lines += [
                f"  request {at:.3f} {author}"
                for at, key, _, author in network.requests
                if key.startswith(str(state.publish_key))
            ]
    return "\n".join(lines)
