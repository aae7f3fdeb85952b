"""Answers that another browser brings, that come too late, twice, bent, or from elsewhere (D12)."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import update
from tests.support.misuse.scene import SYSTEM, Scene, Visitor, case

from musekit.auth.federation import flows
from musekit.auth.federation.models import SignInFlow
from musekit.kernel.database.types import utc_now

COOKIE = f"musekit_{flows.COOKIE}"

# --- Brought by another browser ---


@case()
def code_and_state_of_the_attacker(it: Scene) -> Visitor:
    victim = it.visitor()
    it.back(victim, it.said(it.visitor(), "mallory"))
    return victim


@case()
def the_same_while_a_flow_of_the_victim_goes_on(it: Scene) -> Visitor:
    victim = it.visitor()
    it.way.begin(victim)
    it.back(victim, it.said(it.visitor(), "mallory"))
    return victim


@case()
def code_of_the_attacker_with_the_state_of_the_victim(it: Scene) -> Visitor:
    victim = it.visitor()
    own = it.said(victim, "victim")
    it.back(victim, own, code=it.said(it.visitor(), "mallory")["code"])
    return victim


@case()
def code_of_the_victim_stolen(it: Scene) -> Visitor:
    attacker = it.visitor()
    stolen = it.said(it.visitor(), "victim")
    it.back(attacker, it.said(attacker, "mallory"), code=stolen["code"])
    return attacker


@case()
def code_of_the_victim_stolen_after_they_came(it: Scene) -> Visitor:
    attacker, victim = it.visitor(), it.visitor()
    stolen = it.said(victim, "victim")
    it.back(victim, stolen)
    it.back(attacker, it.said(attacker, "mallory"), code=stolen["code"])
    return attacker


@case()
def address_of_the_victim_stolen(it: Scene) -> Visitor:
    attacker = it.visitor()
    it.back(attacker, it.said(it.visitor(), "victim"))
    return attacker


@case()
def the_same_while_a_flow_of_the_attacker_goes_on(it: Scene) -> Visitor:
    attacker = it.visitor()
    it.way.begin(attacker)
    it.back(attacker, it.said(it.visitor(), "victim"))
    return attacker


@case()
def the_cookie_is_gone(it: Scene) -> Visitor:
    victim = it.visitor()
    said = it.said(victim, "mallory")
    victim.client.cookies.clear()
    it.back(victim, said)
    return victim


@case()
def the_cookie_is_another(it: Scene) -> Visitor:
    victim = it.visitor()
    said = it.said(victim, "mallory")
    victim.client.cookies.clear()
    victim.client.cookies.set(COOKIE, "A" * 43)
    it.back(victim, said)
    return victim


@case()
def the_cookie_is_of_another_flow(it: Scene) -> Visitor:
    victim, elsewhere = it.visitor(), it.visitor()
    said = it.said(victim, "mallory")
    it.way.begin(elsewhere)
    victim.client.cookies.clear()
    victim.client.cookies.set(COOKIE, str(elsewhere.client.cookies[COOKIE]))
    it.back(victim, said)
    return victim


@case()
def the_cookie_is_empty(it: Scene) -> Visitor:
    victim = it.visitor()
    said = it.said(victim, "mallory")
    victim.client.cookies.clear()
    victim.client.cookies.set(COOKIE, "")
    it.back(victim, said)
    return victim


# --- At another time, or twice ---


@case()
def twice(it: Scene) -> Visitor:
    first = it.visitor()
    said = it.said(first, "mallory")
    it.back(first, said)
    assert first.email == it.way.people["mallory"].email
    first.press("/sign-out")
    it.back(first, said)
    return first


@case()
def twice_with_a_new_code(it: Scene) -> Visitor:
    first = it.visitor()
    said = it.said(first, "mallory")
    it.back(first, said)
    first.press("/sign-out")
    it.back(first, said, code=it.said(it.visitor(), "victim")["code"])
    return first


@case()
def twice_though_the_first_was_refused(it: Scene) -> Visitor:
    victim = it.visitor()
    said = it.said(victim, "mallory")
    it.back(victim, said, code="A")
    it.back(victim, said)
    return victim


@case()
def after_a_refusal_of_the_provider(it: Scene) -> Visitor:
    victim = it.visitor()
    said = it.said(victim, "mallory")
    it.back(victim, said, error="access_denied")
    it.back(victim, said)
    return victim


@case()
def ten_minutes_later(it: Scene) -> Visitor:
    victim = it.visitor()
    said = it.said(victim, "mallory")
    with it.host.database.session(SYSTEM) as session:
        session.execute(update(SignInFlow).values(expires_at=utc_now() - timedelta(seconds=1)))
    it.back(victim, said)
    return victim


@case()
def a_code_with_an_error(it: Scene) -> Visitor:
    victim = it.visitor()
    it.back(victim, it.said(victim, "mallory"), error="server_error")
    return victim


@case()
def codes_of_two_tabs_exchanged(it: Scene) -> Visitor:
    victim = it.visitor()
    first, second = it.said(victim, "mallory"), it.said(victim, "victim")
    it.back(victim, first, code=second["code"])
    it.back(victim, second, code=first["code"])
    return victim


# --- Bent ---


def bent(name: str, *kinds: str, **other: str) -> None:
    """Note a case: the attacker's own good answer, with one parameter made wrong."""

    def bend(it: Scene) -> Visitor:
        victim = it.visitor()
        it.back(victim, it.said(victim, "mallory"), **other)
        return victim

    bend.__name__ = name
    case(*kinds)(bend)


bent("no_state", state="")
bent("a_long_state", state="A" * 10_000)
bent("a_state_of_nobody", state="A" * 43)
bent("a_state_that_is_a_path", state="../../x")
bent("a_state_with_a_null", state="\0")
bent("a_state_of_surrogates", state="\ud800".encode("utf-8", "surrogatepass").decode("latin-1"))
bent("a_state_that_is_a_pattern", state="%")
bent("no_code", code="")
bent("a_code_of_nobody", code="A" * 22)
bent("a_long_code", code="A" * 10_000)
bent("a_code_with_a_line_break", code="A\r\nX: y")
bent("a_code_that_is_more_of_the_form", code="A&client_id=other")
# An organization's own provider answers by us: no issuer stands in that address.
bent("an_issuer_elsewhere", "oidc", "github", iss="https://accounts.google.com")
bent("an_issuer_like_it", "oidc", "github", iss="http://127.0.0.1.example.org")
bent("no_issuer", "oidc", iss="")


@case()
def the_state_in_other_letters(it: Scene) -> Visitor:
    victim = it.visitor()
    said = it.said(victim, "mallory")
    it.back(victim, said, state=said["state"].swapcase())
    return victim


@case()
def a_part_of_the_state(it: Scene) -> Visitor:
    victim = it.visitor()
    said = it.said(victim, "mallory")
    it.back(victim, said, state=said["state"][:-1])
    return victim


@case()
def two_states(it: Scene) -> Visitor:
    victim = it.visitor()
    own, strange = it.said(victim, "mallory"), it.said(it.visitor(), "mallory")
    for first, last in ((own, strange), (strange, own)):
        victim.client.get(it.address(first) + f"&state={last['state']}")
    return victim


@case()
def two_codes(it: Scene) -> Visitor:
    victim = it.visitor()
    said = it.said(victim, "mallory")
    victim.client.get(it.address(said) + "&code=A")
    victim.client.get(it.address(said).replace("code=", "code=A&code="))
    return victim


@case()
def by_another_method(it: Scene) -> Visitor:
    victim = it.visitor()
    said = it.said(victim, "mallory")
    for method in ("POST", "PUT", "DELETE", "HEAD"):
        answer = victim.client.request(method, it.address(said))
        assert answer.status_code in (403, 405), (method, answer.status_code)
    answer = victim.client.post(f"/sign-in/return/{it.way.key}", data=said)
    assert answer.status_code in (403, 405)
    return victim


# --- Of another provider ---


@case("oidc", "github")
def state_of_another_provider(it: Scene) -> Visitor:
    victim = it.visitor()
    it.back(victim, it.other.agree(it.other.begin(victim), it.other.people["mallory"]))
    return victim


@case("oidc", "github")
def the_answer_of_another_provider_is_mixed_up(it: Scene) -> Visitor:
    """RFC 9700 §4.4: the browser is led to an honest provider's code by one that is not."""
    victim = it.visitor()
    it.back(victim, it.other.agree(it.way.begin(victim), it.way.people["mallory"]))
    return victim


@case()
def a_provider_that_is_none(it: Scene) -> Visitor:
    victim = it.visitor()
    address = it.address(it.said(victim, "mallory"))
    good = f"/return/{it.way.key}?"
    for key in ("three", it.way.key.upper(), f"{it.way.key}%00", f"{it.way.key}%2f..", "google"):
        answer = victim.client.get(address.replace(good, f"/return/{key}?"))
        assert answer.status_code in (404, 307), (key, answer.status_code)
    victim.client.get(address.replace(good, f"/return/{it.way.key}%20?"))
    return victim
