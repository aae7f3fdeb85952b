"""JSON routes of organizations. A route about one acts in a space of it: its rights are there."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request

from musekit.auth.link_routes import SPENT
from musekit.auth.resolve import SYSTEM
from musekit.kernel.actors import Actor
from musekit.kernel.ratelimit.policies import RESET
from musekit.kernel.web.access import HostDep, requires, signed_in
from musekit.organizations import acts, invites, service
from musekit.organizations import schemas as s
from musekit.organizations.here import here

router = APIRouter(prefix="/api", tags=["Organizations"])

InBrowser = Annotated[Actor, signed_in(browser=True)]
Reader = Annotated[Actor, requires("organization.read")]
ManagesMembers = Annotated[Actor, requires("organization.members.write", in_person=True)]
Inviting = Annotated[Actor, requires("organization.members.write", in_person=True, limit=RESET)]


@router.get("/organizations")
def list_organizations(host: HostDep, actor: Annotated[Actor, signed_in()]) -> s.OrganizationList:
    """List the organizations one belongs to."""
    assert actor.user_id is not None
    with host.database.session(SYSTEM, readonly=True) as session:
        found = service.joined(session, actor.user_id)
    return s.OrganizationList(items=[s.OrganizationOut.model_validate(each) for each in found])


@router.post("/organizations", status_code=201)
def create_organization(
    request: Request, host: HostDep, actor: InBrowser, body: s.NewOrganization
) -> s.MadeOrganization:
    """Make an organization with its first space; who makes it owns it."""
    made, space = acts.create(request, host, actor, body.name)
    return s.MadeOrganization(
        organization=s.OrganizationOut(id=made.id, name=made.name, role="owner"),
        space=s.OrganizationSpace.model_validate(space),
    )


@router.get("/organizations/{organization_id}/members")
def list_members(host: HostDep, actor: Reader, organization_id: UUID) -> s.MemberList:
    """List who belongs to the organization of the space one is in."""
    with host.database.session(SYSTEM, readonly=True) as session:
        found = service.members(session, service.at(session, actor.space_id, organization_id).id)
    return s.MemberList(items=[s.MemberOut.model_validate(each) for each in found])


@router.patch("/organizations/{organization_id}/members/{user_id}", status_code=204)
def change_member(
    request: Request, host: HostDep, actor: ManagesMembers, organization_id: UUID, *,
    user_id: UUID, body: s.NewRole,
) -> None:  # fmt: skip
    """Give a member another role; only owners make owners, or change one."""
    organization = here(host, actor, organization_id)
    acts.change_role(request, host, actor, organization, user_id=user_id, role=body.role)


@router.delete("/organizations/{organization_id}/members/{user_id}", status_code=204)
def remove_member(
    request: Request, host: HostDep, actor: ManagesMembers, organization_id: UUID, user_id: UUID
) -> None:
    """Take a member out of the organization and its spaces; what they made stays."""
    acts.remove(request, host, actor, here(host, actor, organization_id), user_id)


@router.post("/organizations/{organization_id}/leave", status_code=204)
def leave(
    request: Request,
    host: HostDep,
    actor: Annotated[Actor, requires("organization.read", browser=True, in_person=True)],
    organization_id: UUID,
) -> None:
    """Leave the organization; what one made there stays."""
    assert actor.user_id is not None
    acts.remove(request, host, actor, here(host, actor, organization_id), actor.user_id)


@router.get("/organizations/{organization_id}/invitations")
def list_invitations(
    host: HostDep, actor: ManagesMembers, organization_id: UUID
) -> s.InvitationList:
    """List the invitations that wait for an answer, those that are too old among them."""
    with host.database.session(SYSTEM, readonly=True) as session:
        organization = service.at(session, actor.space_id, organization_id)
        found = invites.pending(session, organization.id)
    return s.InvitationList(items=[s.InvitationOut.model_validate(each) for each in found])


@router.post("/organizations/{organization_id}/invitations", status_code=201)
def create_invitation(
    request: Request, host: HostDep, actor: Inviting, organization_id: UUID, body: s.NewInvitation
) -> s.InvitationOut:
    """Invite somebody by e-mail; who is invited already gets another link."""
    organization = here(host, actor, organization_id)
    row = acts.invite(
        request, host, actor, organization, email=body.email, role=body.role,
        space_ids=body.space_ids,
    )  # fmt: skip
    return s.InvitationOut.model_validate(row)


@router.post("/organizations/{organization_id}/invitations/{invitation_id}/again")
def send_invitation_again(
    request: Request, host: HostDep, actor: Inviting, organization_id: UUID, invitation_id: UUID
) -> s.InvitationOut:
    """Mail another link, valid anew; the one before it ends."""
    organization = here(host, actor, organization_id)
    row = acts.invite_again(request, host, actor, organization, invitation_id)
    return s.InvitationOut.model_validate(row)


@router.delete("/organizations/{organization_id}/invitations/{invitation_id}", status_code=204)
def revoke_invitation(
    request: Request, host: HostDep, actor: ManagesMembers, organization_id: UUID,
    invitation_id: UUID,
) -> None:  # fmt: skip
    """Take an invitation back; its link is worth nothing from then on."""
    acts.revoke(request, host, actor, here(host, actor, organization_id), invitation_id)


@router.post("/invitations/accept", responses=SPENT)
def accept_invitation(
    request: Request,
    host: HostDep,
    actor: Annotated[Actor, signed_in(browser=True, in_person=True, limit=RESET)],
    body: s.Acceptance,
) -> s.JoinedOut:
    """Join an organization by the link of an invitation to one's own address."""
    assert actor.user_id is not None
    organization, space_id = acts.accept(request, host, actor, body.token)
    with host.database.session(SYSTEM, readonly=True) as session:
        roles = {each.id: each.role for each in service.joined(session, actor.user_id)}
    return s.JoinedOut(
        organization=s.OrganizationOut(
            id=organization.id, name=organization.name, role=roles[organization.id]
        ),
        space_id=space_id,
    )
