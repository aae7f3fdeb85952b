"""Addresses that claim to be the victim's (D14): nobody is linked by one, whoever vouches."""

from __future__ import annotations

from typing import Any

from tests.support.misuse.scene import VICTIM, Scene, There, Visitor, case

NAME, _, DOMAIN = VICTIM.partition("@")


def by_address(called: str, email: str, *kinds: str, **claims: Any) -> None:
    """Note a case: somebody whom nobody knows comes with such an address."""

    def come(it: Scene) -> Visitor:
        visitor = it.visitor()
        there = There(it.way.people["stranger"].subject, email)
        answer = it.back(visitor, it.way.agree(it.way.begin(visitor), there, **claims))
        assert answer.status_code in (303, 409), answer.text
        return visitor

    come.__name__ = called
    case(*kinds)(come)


by_address("the_victims_address_verified", VICTIM)
by_address("the_victims_address_not_verified", VICTIM, "oidc", "github", email_verified=False)
by_address("the_victims_address_verified_by_text", VICTIM, "oidc", email_verified="true")
by_address("the_victims_address_in_capitals", VICTIM.upper())
by_address("the_victims_name_in_capitals", f"{NAME.upper()}@{DOMAIN}")
by_address("the_victims_address_with_space", f" {VICTIM} ", "oidc", "github")
by_address("the_victims_domain_in_wide_letters", f"{NAME}@ｅｘａｍｐｌｅ.org", "oidc", "github")
by_address("the_victims_domain_with_another_dot", f"{NAME}@example。org", "oidc", "github")
by_address("the_victims_address_and_name", VICTIM, name=NAME)


@case("oidc", "github")
def the_victims_address_where_all_are_confirmed(it: Scene) -> Visitor:
    from musekit.auth.settings import AuthSettings

    settings = it.host.settings_of(AuthSettings)
    before, settings.verify_email = settings.verify_email, "required"
    try:
        visitor = it.visitor()
        there = There(it.way.people["stranger"].subject, VICTIM)
        said = it.way.agree(it.way.begin(visitor), there, email_verified=False)
        answer = it.back(visitor, said)
        assert "Look into your mailbox" in answer.text  # as for an address that nobody has
        return visitor
    finally:
        settings.verify_email = before
