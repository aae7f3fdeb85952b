"""Organizations. Everybody who asks is in a personal space, and finds none there: also its owner.

Who may what in a space of one is tested beside the feature, role by role.
"""

from tests.isolation.row import NOT_THERE, Row
from tests.isolation.things.organizations import client_space, invitation, organization
from tests.isolation.things.spaces import spare_space

_ORGANIZATION = {"organization_id": organization}
_MEMBER = {"organization_id": organization, "user_id": lambda world, it: it.user_id}
_PERSON = {"user_id": _MEMBER["user_id"]}
_INVITATION = {"organization_id": organization, "invitation_id": invitation}
_HEIR = lambda world, it: {"user_id": str(it.user_id)}  # noqa: E731
_SPACE = {"organization_id": organization, "space_id": client_space}
_IN_SPACE = {**_SPACE, "user_id": _MEMBER["user_id"]}
_GUEST = {"email": "newcomer@example.org", "role": "viewer"}
#: The link is nobody's.
_SPENT = frozenset({410})

ROWS = {
    "GET /api/organizations": Row(),
    "POST /api/organizations": Row(json={"name": "Crew"}),
    "GET /api/organizations/{organization_id}/members": Row(things=_ORGANIZATION, owner=NOT_THERE),
    "PATCH /api/organizations/{organization_id}/members/{user_id}": Row(
        things=_MEMBER, json={"role": "viewer"}, owner=NOT_THERE
    ),
    "DELETE /api/organizations/{organization_id}/members/{user_id}": Row(
        things=_MEMBER, owner=NOT_THERE
    ),
    "POST /api/organizations/{organization_id}/leave": Row(things=_ORGANIZATION, owner=NOT_THERE),
    "GET /api/organizations/{organization_id}": Row(things=_ORGANIZATION, owner=NOT_THERE),
    "PATCH /api/organizations/{organization_id}": Row(
        things=_ORGANIZATION, json={"name": "Crew"}, owner=NOT_THERE
    ),
    "GET /api/organizations/{organization_id}/settings": Row(things=_ORGANIZATION, owner=NOT_THERE),
    "PATCH /api/organizations/{organization_id}/settings": Row(
        things=_ORGANIZATION, json={"timezone": "Europe/Berlin"}, owner=NOT_THERE
    ),
    "GET /api/organizations/{organization_id}/second-factor": Row(
        things=_ORGANIZATION, owner=NOT_THERE
    ),
    "PUT /api/organizations/{organization_id}/second-factor": Row(
        things=_ORGANIZATION, json={"asked": True}, owner=NOT_THERE
    ),
    "POST /api/organizations/{organization_id}/transfer": Row(
        things=_ORGANIZATION, json=_HEIR, owner=NOT_THERE
    ),
    "POST /api/organizations/{organization_id}/delete": Row(
        things=_ORGANIZATION, json={"name": "Crew"}, owner=NOT_THERE
    ),
    "GET /api/organizations/{organization_id}/spaces": Row(things=_ORGANIZATION, owner=NOT_THERE),
    "POST /api/organizations/{organization_id}/spaces": Row(
        things=_ORGANIZATION, json={"name": "Client"}, owner=NOT_THERE
    ),
    "PATCH /api/organizations/{organization_id}/spaces/{space_id}": Row(
        things=_SPACE, json={"name": "Client"}, owner=NOT_THERE
    ),
    "GET /api/organizations/{organization_id}/spaces/{space_id}/members": Row(
        things=_SPACE, owner=NOT_THERE
    ),
    "PUT /api/organizations/{organization_id}/spaces/{space_id}/members/{user_id}": Row(
        things=_IN_SPACE, json={"role": "viewer"}, owner=NOT_THERE
    ),
    "DELETE /api/organizations/{organization_id}/spaces/{space_id}/members/{user_id}": Row(
        things=_IN_SPACE, owner=NOT_THERE
    ),
    "GET /api/organizations/{organization_id}/invitations": Row(
        things=_ORGANIZATION, owner=NOT_THERE
    ),
    "POST /api/organizations/{organization_id}/invitations": Row(
        things=_ORGANIZATION, json=_GUEST, owner=NOT_THERE
    ),
    "POST /api/organizations/{organization_id}/invitations/{invitation_id}/again": Row(
        things=_INVITATION, owner=NOT_THERE
    ),
    "DELETE /api/organizations/{organization_id}/invitations/{invitation_id}": Row(
        things=_INVITATION, owner=NOT_THERE
    ),
    "POST /api/invitations/accept": Row(json={"token": "x" * 43}, owner=_SPENT),
    "GET /organization": Row(),
    "GET /organization/new": Row(),
    "POST /organization/new": Row(form={"name": "Crew"}, ends_session=True),
    "GET /organization/members": Row(),
    "POST /organization/members/{user_id}/role": Row(
        things=_PERSON, form={"role": "viewer"}, owner=NOT_THERE
    ),
    "POST /organization/members/{user_id}/remove": Row(things=_PERSON, owner=NOT_THERE),
    "GET /organization/members/{user_id}/remove": Row(things=_PERSON, owner=NOT_THERE),
    "GET /organization/leave": Row(),
    "POST /organization/leave": Row(owner=NOT_THERE),
    "GET /organization/spaces": Row(),
    "POST /organization/spaces": Row(form={"name": "Client"}, owner=NOT_THERE),
    "GET /organization/spaces/{space_id}": Row(things={"space_id": client_space}, owner=NOT_THERE),
    "POST /organization/spaces/{space_id}": Row(
        things={"space_id": client_space},
        form={"name": "Client", "timezone": "UTC"},
        owner=NOT_THERE,
    ),
    "POST /organization/spaces/{space_id}/members": Row(
        things={"space_id": client_space}, form=_HEIR, owner=NOT_THERE
    ),
    "POST /organization/spaces/{space_id}/members/{user_id}/remove": Row(
        things={"space_id": client_space, **_PERSON}, owner=NOT_THERE
    ),
    "GET /organization/settings": Row(),
    "POST /organization/settings": Row(form={"name": "Crew"}, owner=NOT_THERE),
    "POST /organization/settings/second-factor": Row(form={"on": "true"}, owner=NOT_THERE),
    "GET /organization/transfer": Row(),
    "POST /organization/transfer": Row(form=_HEIR, owner=NOT_THERE),
    "GET /organization/delete": Row(),
    "POST /organization/delete": Row(form={"name": "Crew"}, owner=NOT_THERE),
    "POST /organization/invitations": Row(form=_GUEST, owner=NOT_THERE),
    "POST /organization/invitations/{invitation_id}/again": Row(
        things={"invitation_id": invitation}, owner=frozenset({303})
    ),
    "POST /organization/invitations/{invitation_id}/revoke": Row(
        things={"invitation_id": invitation}, owner=frozenset({303})
    ),
    "GET /invite/{token}": Row(things={"token": "x" * 43}, owner=_SPENT, visitor=_SPENT),
    "POST /invite/{token}": Row(things={"token": "x" * 43}, owner=_SPENT),
    "GET /account/profile": Row(),
    "POST /account/profile": Row(form={"bio": "Writes things."}),
    "GET /api/profile": Row(),
    "PATCH /api/profile": Row(json={"bio": "Writes things."}),
}
FOREIGN = {
    ("POST /api/organizations/{organization_id}/invitations", "space_ids"): spare_space,
    ("POST /organization/invitations", "space_ids"): spare_space,
    ("POST /api/organizations/{organization_id}/transfer", "user_id"): _MEMBER["user_id"],
    ("POST /organization/transfer", "user_id"): _MEMBER["user_id"],
    ("POST /organization/spaces/{space_id}/members", "user_id"): _MEMBER["user_id"],
}
