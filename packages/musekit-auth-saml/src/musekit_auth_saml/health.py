"""Whether SAML can work: the program xmlsec1, and keys that are about to end."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from musekit.api import Health, Host
from musekit_auth_saml.answering import SYSTEM
from musekit_auth_saml.models import SamlConnection
from musekit_auth_saml.provider_side import ends_of
from musekit_auth_saml.settings import SamlSettings

#: How long before its end a certificate is told of.
AHEAD = timedelta(days=21)


def check_program(host: Host) -> Health:
    """Look for xmlsec1: missing, it harms only where a connection is switched on."""
    given = host.settings_of(SamlSettings).xmlsec1
    if found := shutil.which(given or "xmlsec1"):
        return Health(status="ok", detail=f"xmlsec1 is {found}")
    advice = (
        "Install it, such as by “apt-get install xmlsec1”, or name it by MUSEKIT_AUTH_SAML_XMLSEC1."
        if not given
        else "Correct MUSEKIT_AUTH_SAML_XMLSEC1, which names no program."
    )
    with host.database.session(SYSTEM, readonly=True) as session:
        used = session.scalar(select(SamlConnection.id).where(SamlConnection.enabled).limit(1))
    return Health(
        status="fail" if used else "warn", advice=advice,
        detail="the program xmlsec1 is missing: nobody can sign in by SAML",
    )  # fmt: skip


def check_certificates(host: Host) -> Health:
    """Look for connections of which no certificate is good for long."""
    soon = datetime.now(UTC) + AHEAD
    with host.database.session(SYSTEM, readonly=True) as session:
        rows = session.execute(
            select(SamlConnection.label, SamlConnection.certificates).where(SamlConnection.enabled)
        ).all()
    ending = [label for label, certificates in rows if max(ends_of(certificates)) < soon]
    if not ending:
        return Health(status="ok", detail=f"{len(rows)} connections are switched on")
    return Health(
        status="warn",
        detail=f"certificates end within {AHEAD.days} days: {', '.join(sorted(ending)[:5])}",
        advice="Their organizations should enter the new one beside the old one.",
    )  # fmt: skip
