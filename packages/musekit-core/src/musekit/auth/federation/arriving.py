"""What is done for somebody whom a provider has proven; each is an edge.

The provider was asked before, in no unit of work.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.orm import Session
from starlette.requests import Request

from musekit.auth import accounts, entry, journal, sessions, verification
from musekit.auth.federation import belonging, linking
from musekit.auth.federation.errors import KnownAddressError, ProofError
from musekit.auth.federation.models import UserIdentity
from musekit.auth.models import User
from musekit.auth.resolve import SYSTEM
from musekit.auth.second_factors import flows as half_way
from musekit.auth.second_factors import service as factors
from musekit.errors import ConflictError, InvalidError
from musekit.kernel.actors import Actor
from musekit.kernel.database.types import utc_now
from musekit.kernel.host import Host
from musekit.kernel.ratelimit import keys
from musekit.organizations import caps
from musekit.providers import Identity, IdentityProvider
from musekit.spaces import service as spaces


def come_in(
    request: Request, host: Host, provider: IdentityProvider, identity: Identity, *, goal: str
) -> entry.Entry | entry.Pending | None:
    """Let in whom a provider knows; who is new gets an account.

    Returns:
        None: the account is made, or there is one, and its address is to be confirmed first.

    Raises:
        KnownAddressError: they are new, and their address has an account.
        LimitReachedError: too many mails to the address.
        ProofError: the provider tells no address.
        ForbiddenError: nobody may come in as this user; or the organization whose service it is
            has taken them out.
        NotFoundError: that organization is gone.
    """
    made = _known(request, host, provider, identity, goal)
    if made is not None:
        return made
    # Who cannot prove their address is told nothing about it, where nobody else is.
    unproven = not identity.email_verified and identity.organization_id is None
    quiet = entry.confirms_first(host) and unproven
    if quiet:
        entry.count_sign_up(host, identity.email)
    try:
        return _new(request, host, provider, identity, goal, quiet=quiet)
    except (accounts.TakenError, ConflictError):
        # The same person, a moment before, in another tab?
        made = _known(request, host, provider, identity, goal)
        if made is not None:
            return made
    if quiet:
        entry.tell_owner(host, identity.email)
        return None
    raise KnownAddressError(
        f"Sign in the way you used to. Then link {provider.label} under Account, Security: an"
        " address alone does not prove that the account is yours."
    )


def _known(
    request: Request, host: Host, provider: IdentityProvider, identity: Identity, goal: str
) -> entry.Entry | entry.Pending | None:
    with host.database.session(SYSTEM, readonly=True) as session:
        row = linking.find(session, identity)
        user = session.get_one(User, row.user_id) if row else None
    if user is None:
        return None
    if identity.organization_id is None:
        entry.demand_confirmed(host, user)
    with host.database.session(SYSTEM) as session:
        row = linking.find(session, identity)
        if row is None:
            return None
        linking.note_use(row, identity)
        user = session.get_one(User, row.user_id)
        methods = [provider.key]
        organization_id = identity.organization_id or row.organization_id
        if organization_id is not None:
            # No code is asked for: nothing opens but what the organization's service guards.
            there = belonging.space_in(session, organization_id, user.id)
            return entry.start(
                request, host, session, user, there, methods=methods,
                organization_id=organization_id,
            )  # fmt: skip
        home = spaces.personal_space_id(session, user.id)
        return entry.begin(request, host, session, user, home, methods=methods, goal=goal)


def _new(
    request: Request,
    host: Host,
    provider: IdentityProvider,
    identity: Identity,
    goal: str,
    *,
    quiet: bool,
) -> entry.Entry | entry.Pending | None:
    if not identity.email:
        raise ProofError(
            f"{provider.label} does not tell us your e-mail address, and an account needs one."
            " Allow it there, or sign up with an address and a password.",
            reason="no address",
        )
    organization_id, methods = identity.organization_id, [provider.key]
    room = caps.of(host, organization_id, "members") if organization_id else None
    try:
        with host.database.session(SYSTEM) as session:
            user, space = accounts.make(session, identity.email, _name(identity))
            row = linking.link(session, user.id, provider.key, identity)
            linking.note_use(row, identity)
            if identity.email_verified:
                user.email_verified_at = utc_now()
            else:
                verification.send(session, host, user.id)
            made: entry.Entry | entry.Pending | None = None
            if organization_id is not None and room is not None:
                there = belonging.join(session, organization_id, user.id, room)
                made = entry.start(
                    request, host, session, user, there, methods=methods,
                    organization_id=organization_id,
                )  # fmt: skip
            elif not quiet:
                made = entry.begin(
                    request, host, session, user, space.id, methods=methods, goal=goal
                )
    except accounts.TakenError:
        raise  # which is an InvalidError, too
    except InvalidError as error:
        raise ProofError(
            f"{provider.label} tells us an address that is none. Sign up with another.",
            reason="address",
        ) from error
    host.registry.hooks.on_user_created(host=host, user_id=user.id, space_id=space.id)
    return made


def _name(identity: Identity) -> str:
    """Return a name as one may be called here, from whatever a provider says."""
    plain = "".join(char if char.isprintable() else " " for char in identity.name)
    return " ".join(plain.split())[: accounts.LONGEST_NAME].strip()


def link(
    request: Request, host: Host, actor: Actor, provider: IdentityProvider, identity: Identity
) -> None:
    """Make an identity a way into the account of who is signed in.

    Raises:
        ConflictError: see `linking.link`; or the identity is of an organization's own service.
    """
    assert actor.user_id is not None
    if identity.organization_id is not None:
        raise ConflictError("Accounts of an organization's own service are not linked.")
    with host.database.session(SYSTEM) as session:
        row = linking.link(session, actor.user_id, provider.key, identity)
        _note(request, host, session, actor, what="identity.linked", row=row)


def unlink(request: Request, host: Host, actor: Actor, identity_id: UUID) -> None:
    """Forget an identity; all other browsers are signed out, for one may have come by it.

    Raises:
        NotFoundError, ConflictError: see `linking.unlink`.
    """
    assert actor.user_id is not None
    with host.database.session(SYSTEM) as session:
        row = linking.unlink(
            session, actor.user_id, identity_id, providers=host.registry.identity_providers
        )
        sessions.revoke_others(session, actor.user_id, actor.session_id)
        _note(request, host, session, actor, what="identity.unlinked", row=row)


def confirm(
    request: Request, host: Host, actor: Actor, provider: IdentityProvider, identity: Identity,
    *, goal: str,
) -> entry.Entry | entry.Pending:  # fmt: skip
    """Take a fresh proof of who is signed in; a code is asked for where a password would need it.

    Raises:
        ProofError: it is somebody else, or nobody's identity.
        NotFoundError: the session has been ended meanwhile.
    """
    assert actor.user_id is not None
    assert actor.session_id is not None
    with host.database.session(SYSTEM) as session:
        row = linking.find(session, identity)
        if row is None or row.user_id != actor.user_id:
            raise ProofError(
                f"That is not the {provider.label} account that yours is linked with. Choose that"
                " one, or confirm in another way.",
                reason="another person",
            )
        linking.note_use(row, identity)
        user = session.get_one(User, actor.user_id)
        if factors.is_asked(session, user.id, [provider.key]):
            secret = half_way.begin(
                session, user.id, [provider.key], goal, session_id=actor.session_id
            )
            return entry.Pending(user, secret)
        renewed, secret = sessions.renew(session, actor.session_id, methods=[provider.key])
    return entry.Entry(user, renewed.space_id, secret, renewed.csrf_token)


def _note(
    request: Request, host: Host, session: Session, actor: Actor, *, what: str, row: UserIdentity
) -> None:
    user = session.get_one(User, actor.user_id)
    factors.tell(session, host, user, what, ip=keys.address_of(request))
    journal.note(
        session, actor, what, target=("identity", row.id), detail={"provider": row.provider},
        request=request,
    )  # fmt: skip
