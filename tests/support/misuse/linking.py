"""Links that somebody else asked for, and proofs that somebody else gave (D12, D14).

Whom the attacker brings is a stranger to us: nothing but the attack stands against the link.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select, update
from tests.support.misuse.binding import COOKIE
from tests.support.misuse.scene import SYSTEM, VICTIM, Scene, Visitor, case

from musekit.auth.models import UserSession
from musekit.kernel.database.types import utc_now

LINKED = ("oidc", "github")  #: kinds that can be linked to an account
#: A page that asks for a recent proof.
GUARDED = "/account/tokens"


@case()
def a_sign_in_of_the_attacker_in_the_victims_session(it: Scene) -> Visitor:
    it.back(it.victim, it.said(it.visitor(), "mallory"))
    return it.victim


@case()
def the_same_of_a_stranger(it: Scene) -> Visitor:
    it.back(it.victim, it.said(it.visitor(), "stranger"))
    return it.victim


@case("saml")
def a_link_to_what_is_an_organizations(it: Scene) -> Visitor:
    """It would open all of an account to that organization."""
    assert it.victim.press(f"/account/identities/{it.way.key}/link").status_code == 404
    assert it.victim.press(f"/re-authenticate/with/{it.way.key}").status_code == 404
    return it.victim


@case(*LINKED)
def the_attackers_link_in_the_victims_session(it: Scene) -> Visitor:
    it.back(it.victim, it.said_to_link(it.mallory))
    return it.victim


@case(*LINKED)
def the_attackers_link_in_a_browser_of_nobody(it: Scene) -> Visitor:
    victim = it.visitor()
    it.back(victim, it.said_to_link(it.mallory))
    return victim


@case(*LINKED)
def a_link_in_another_browser_of_the_same_person(it: Scene) -> Visitor:
    other = it.visitor().sign_in(VICTIM)
    it.back(other, it.said_to_link(it.victim))
    return other


@case(*LINKED)
def a_link_with_the_flows_cookie_in_another_session(it: Scene) -> Visitor:
    said = it.said_to_link(it.mallory)
    it.victim.client.cookies.set(COOKIE, str(it.mallory.client.cookies[COOKIE]))
    it.back(it.victim, said)
    return it.victim


@case(*LINKED)
def a_link_of_who_was_signed_in_before(it: Scene) -> Visitor:
    said = it.said_to_link(it.mallory)
    it.mallory.press("/sign-out")
    it.mallory.sign_in(VICTIM)
    it.back(it.mallory, said)
    return it.mallory


@case(*LINKED)
def a_link_after_signing_out(it: Scene) -> Visitor:
    said = it.said_to_link(it.victim)
    it.victim.press("/sign-out")
    it.back(it.victim, said)
    assert it.victim.email == ""
    return it.victim


@case(*LINKED)
def a_link_after_the_session_was_ended(it: Scene) -> Visitor:
    said = it.said_to_link(it.victim)
    with it.host.database.session(SYSTEM) as session:
        for row in session.scalars(select(UserSession)):
            session.delete(row)
    it.back(it.victim, said)
    return it.victim


@case(*LINKED)
def a_link_with_the_code_of_the_attacker(it: Scene) -> Visitor:
    own = it.said_to_link(it.victim, "victim")
    it.back(it.victim, own, code=it.said_to_link(it.mallory)["code"])
    return it.victim


@case(*LINKED)
def a_link_twice(it: Scene) -> Visitor:
    """What it was used for once (and was refused, for it opens the account already)."""
    said = it.said_to_link(it.victim, "victim")
    it.back(it.victim, said)
    it.back(it.victim, said, code=it.said_to_link(it.mallory)["code"])
    return it.victim


@case(*LINKED)
def a_link_of_what_opens_another_account(it: Scene) -> Visitor:
    for _ in range(2):
        answer = it.back(it.mallory, it.said_to_link(it.mallory, "victim"))
        assert answer.headers["location"] == "/account/identities"
    assert "another account here" in it.mallory.client.get("/account/identities").text
    return it.mallory


@case(*LINKED)
def a_link_asked_for_by_another_site(it: Scene) -> Visitor:
    path = f"/account/identities/{it.way.key}/link"
    for headers in ({"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}, {}):
        assert it.victim.client.post(path, headers=headers).status_code == 403
    for method in ("GET", "HEAD"):
        assert it.victim.client.request(method, path).status_code == 405
    return it.victim


def _age(it: Scene) -> None:
    with it.host.database.session(SYSTEM) as session:
        session.execute(update(UserSession).values(authenticated_at=utc_now() - timedelta(hours=1)))


@case(*LINKED)
def a_link_without_a_recent_proof(it: Scene) -> Visitor:
    assert it.victim.email
    _age(it)
    answer = it.victim.press(f"/account/identities/{it.way.key}/link")
    assert answer.headers["location"].startswith("/re-authenticate")
    return it.victim


@case("oidc")
def a_proof_by_somebody_else(it: Scene) -> Visitor:
    """Who has the browser, but not the person's account elsewhere."""
    for who in ("mallory", "stranger"):
        assert it.victim.email
        _age(it)
        went = it.victim.press(f"/re-authenticate/with/{it.way.key}").headers["location"]
        it.back(it.victim, it.way.agree(went, it.way.people[who]))
        guarded = it.victim.client.get(GUARDED)
        assert guarded.headers.get("location", "").startswith("/re-authenticate"), guarded.text
    return it.victim


@case("oidc")
def a_proof_that_was_a_sign_in(it: Scene) -> Visitor:
    """The victim comes in by the provider in another browser; its answer proves nothing here."""
    assert it.victim.email
    _age(it)
    said = it.said(it.visitor(), "victim")
    it.victim.press(f"/re-authenticate/with/{it.way.key}")
    it.back(it.victim, said)
    assert it.victim.client.get(GUARDED).headers["location"].startswith("/re-authenticate")
    return it.victim


@case("github")
def a_proof_by_a_session_that_goes_on_there(it: Scene) -> Visitor:
    """It cannot be asked for a fresh proof: who has a password gives that."""
    assert it.victim.press(f"/re-authenticate/with/{it.way.key}").status_code == 404
    return it.victim
