"""What an organization sets for itself, as JSON under a short list of keys.

The same table holds what the operator sets for products, tier definitions among it. So nothing is
written or read here but what the list allows, and never a key that is a product's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from sqlalchemy import select
from sqlalchemy.orm import Session

from musekit.auth.accounts import checked_timezone
from musekit.auth.second_factors import demanded
from musekit.errors import InvalidError
from musekit.kernel.host import Host
from musekit.organizations.models import OrganizationSettings


class Branding(BaseModel):
    """How the organization looks."""

    model_config = ConfigDict(extra="forbid")
    color: str | None = Field(
        None, pattern="^#[0-9a-fA-F]{6}$", description="of its mark, such as #2f6f5e"
    )


class OrganizationPreferences(BaseModel):
    """The keys that an organization may set. Null takes one away."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)
    branding: Branding | None = None
    timezone: str | None = Field(
        None, max_length=64, description="IANA name; what new spaces begin with"
    )
    ai_override: bool | None = Field(
        None, alias="aiOverride",
        description="false: the deployment's AI service is used, though there is one of its own",
    )  # fmt: skip

    @field_validator("timezone")
    @classmethod
    def _known(cls, value: str | None) -> str | None:
        try:
            return checked_timezone(value) if value is not None else None
        except InvalidError:
            raise ValueError("is not the name of a time zone") from None


#: What stands in the JSON under each key that is allowed.
ALLOWED = tuple(field.alias or name for name, field in OrganizationPreferences.model_fields.items())


def of(session: Session, organization_id: UUID) -> dict[str, Any]:
    """Return what an organization has set; keys that are not allowed are passed over."""
    stored = session.scalar(
        select(OrganizationSettings.settings).where(
            OrganizationSettings.organization_id == organization_id
        )
    )
    return {key: value for key, value in (stored or {}).items() if key in ALLOWED}


def change(
    session: Session, host: Host, organization_id: UUID, given: Mapping[str, Any], *, by: UUID
) -> dict[str, Any]:
    """Set some keys, and leave the others; return what is set then.

    Args:
        given: key → value; None takes a key away.
        by: the user who does it.

    Raises:
        InvalidError: a key is not allowed, is a product's, or its value is malformed. Nothing is
            changed.
    """
    products = {
        name for each in host.registry.products for name in (each.key, each.settings_key) if name
    }
    faults = [
        {"field": key, "message": "is set by the operator of this deployment alone"}
        for key in given
        if key in products
    ]
    try:
        valid = OrganizationPreferences.model_validate(dict(given))
    except ValidationError as error:
        told = {each["field"] for each in faults}
        faults += [
            {"field": ".".join(map(str, each["loc"])), "message": each["msg"]}
            for each in error.errors()
            if str(each["loc"][0]) not in told
        ]
    if faults:
        raise InvalidError("Nothing was changed.", errors=faults)
    row = session.scalars(
        select(OrganizationSettings)
        .where(OrganizationSettings.organization_id == organization_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()
    plain = valid.model_dump(by_alias=True, exclude_unset=True)
    kept = (*ALLOWED, demanded.KEY)  # which its owners set elsewhere
    merged = {key: value for key, value in row.settings.items() if key in kept} | plain
    row.settings = {key: value for key, value in merged.items() if value is not None}
    row.updated_by = by
    return {key: value for key, value in row.settings.items() if key in ALLOWED}
