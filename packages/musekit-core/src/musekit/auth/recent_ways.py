"""By which ways somebody may prove again who they are, on the page that asks for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from musekit.auth.federation import returning
from musekit.auth.models import User
from musekit.auth.resolve import SYSTEM
from musekit.auth.second_factors import ceremonies, passkeys
from musekit.auth.second_factors import service as factors
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.providers import IdentityProvider


class Ways(NamedTuple):
    """What a person has to prove themselves by."""

    password: bool
    code: bool  #: it is asked for beside the password
    passkeys: bool  #: they have one, and browsers offer it at our address
    providers: Sequence[IdentityProvider]

    @property
    def none(self) -> bool:
        """True for somebody who came by what is not set up any more."""
        return not (self.password or self.passkeys or self.providers)


def of(host: Host, actor: Actor) -> Ways:
    """Return the ways of who is signed in; an edge."""
    assert actor.user_id is not None
    with host.database.session(SYSTEM, readonly=True) as session:
        user = session.get_one(User, actor.user_id)
        keys = ceremonies.is_possible(host) and bool(passkeys.list_of(session, user.id))
        password, code = user.password_hash is not None, factors.of(session, user.id).totp
    return Ways(password, password and code, keys, returning.ways_to_confirm(host, actor))
