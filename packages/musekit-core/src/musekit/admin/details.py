"""One person and one organization, with all that the operator sees of them: a unit of work each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.orm import Session

from musekit.admin import organizations, plans, users
from musekit.auth.models import User
from musekit.kernel.host import Host
from musekit.organizations import invites, service
from musekit.organizations.models import Invitation, Organization
from musekit.products import tiers
from musekit.products.models import ProductGrant
from musekit.products.owners import Owner
from musekit.spaces import service as spaces
from musekit.spaces.models import Space

#: Spaces of an organization whose tiers are explained: all of them have the same owner.
EXPLAINED = 1


class UserDetail(NamedTuple):
    """A person: how they come in, where they belong, and what they were given."""

    user: User
    ways: users.WaysIn
    spaces: Sequence[spaces.Membership]
    organizations: Sequence[service.Joined]
    grants: Sequence[ProductGrant]


class OrganizationDetail(NamedTuple):
    """An organization: its people, who is asked to join, its spaces and what it was given."""

    organization: Organization
    members: Sequence[service.Member]
    invitations: Sequence[Invitation]
    spaces: Sequence[Space]
    grants: Sequence[ProductGrant]


def of_user(session: Session, user_id: UUID) -> UserDetail:
    """Return what is known of a user; NotFoundError if there is none. Runs as the system."""
    return UserDetail(
        user=users.one(session, user_id),
        ways=users.ways_in(session, user_id),
        spaces=spaces.memberships(session, user_id),
        organizations=service.joined(session, user_id),
        grants=plans.grants_of(session, Owner(user_id=user_id)),
    )


def of_organization(session: Session, organization_id: UUID) -> OrganizationDetail:
    """Return what is known of an organization; NotFoundError as above. Runs as the system."""
    return OrganizationDetail(
        organization=organizations.one(session, organization_id),
        members=service.members(session, organization_id),
        invitations=invites.pending(session, organization_id),
        spaces=service.spaces(session, organization_id),
        grants=plans.grants_of(session, Owner(organization_id=organization_id)),
    )


def decisions(host: Host, found: Sequence[Space]) -> list[tiers.TierDecision]:
    """Return which tier an organization has of every product, and why. Opens units of its own.

    Args:
        found: the spaces of the organization.
    """
    return [
        tiers.resolve(host, product.key, space.id, fresh=True)
        for space in found[:EXPLAINED]
        for product in host.registry.products
    ]
