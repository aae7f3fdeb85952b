"""Accounts at the sample network, and the steps of connecting one by its OAuth."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

from tests.isolation.world import SYSTEM, Person, World, bearer, browser

from musekit.api import SocialAccount, new_id
from passivepost.accounts import vault
from passivepost.sdk.content import Credentials


def account(world: World, it: Person) -> UUID:
    """The sandbox account of a space; made again when it is gone."""
    name = f"handle-{it.name}-{it.space_id.hex[-8:]}"
    with world.host.database.session(SYSTEM) as session:
        row = session.query(SocialAccount).filter_by(space_id=it.space_id).first()
        if row is not None and row.access_token_encrypted is not None:
            return row.id
        if row is None:
            row = SocialAccount(
                id=new_id(), space_id=it.space_id, user_id=it.user_id, platform="sandbox",
                platform_user_id=f"@{name}", platform_username=name, display_name=name,
            )  # fmt: skip
            session.add(row)
            session.flush()
        made = world.http.post(
            f"{world.url}/-/sandbox/accounts", json={"usernames": [name]}
        ).json()["items"][0]
        it.secrets |= {made["access_token"], made["refresh_token"]}
        row.platform_user_id = made["id"]
        vault.store_credentials(
            session, world.host, row,
            Credentials(
                access_token=made["access_token"], refresh_token=made["refresh_token"],
                expires_at=datetime.now(UTC) + timedelta(hours=1),
            ),
        )  # fmt: skip
        row.is_valid = True
        return row.id


def idle_account(world: World, it: Person) -> UUID:
    """The account without posts of unknown end: it is not taken away from under those."""
    with world.connect() as connection:
        connection.execute(
            "DELETE FROM social_posts WHERE status = 'posting'"
            f" AND space_id = '{world.id_text(it.space_id)}'"
        )
    return account(world, it)


def connected(world: World, it: Person) -> dict[str, Any]:
    """A request that needs a free place for the account."""
    forget_flows(world, it)
    return {"platform": "sandbox"}


def ticket(world: World, it: Person) -> str:
    """The link of a connection that was asked for by token."""
    answer = _asked(world, it, bearer(it.token))
    return answer["continue_url"].rsplit("/", 1)[1]


def way_back(world: World, it: Person) -> dict[str, str]:
    """State and code of a connection that the person's browser began and allowed."""
    answer = _asked(world, it, browser(it))
    asked = parse_qs(urlsplit(answer["authorize_url"]).query)
    form = {key: values[0] for key, values in asked.items()}
    form |= {"decision": "allow", "username": f"new-{uuid4().hex[:8]}"}
    allowed = world.http.post(f"{world.url}/-/sandbox/oauth/authorize", data=form)
    back = parse_qs(urlsplit(allowed.headers["location"]).query)
    return {key: values[0] for key, values in back.items()}


def _asked(world: World, it: Person, headers: dict[str, str]) -> Any:
    """Ask for a connection, with nothing in its way."""
    forget_flows(world, it)
    disconnect(world, it)
    return world.http.post(
        f"{world.url}/api/social/connect", json={"platform": "sandbox"}, headers=headers
    ).json()


def disconnect(world: World, it: Person) -> None:
    """Take the person's account away, so that another can be connected."""
    _delete(world, "social_accounts", it)


def forget_flows(world: World, it: Person) -> None:
    """Make room for further connections: there is a limit on those under way."""
    _delete(world, "oauth_flows", it)


def _delete(world: World, table: str, it: Person) -> None:
    with world.connect() as connection:
        connection.execute(f"DELETE FROM {table} WHERE space_id = '{world.id_text(it.space_id)}'")
