"""What happens when a provider's answer arrives: several units of work, and no network.

The browser brings it by a form of another site, so without our cookie: nobody is signed in here.
What was proven is kept under a one-time code, and the browser is sent to our own page with it;
that request carries the cookie which binds the sign-in to the browser that began it.
"""

from __future__ import annotations

import logging
from urllib.parse import urlencode
from uuid import UUID

from musekit.api import Actor, Host
from musekit_auth_saml import claims, connections, document, flows, judging, library
from musekit_auth_saml.addresses import issuer_of, trust_of
from musekit_auth_saml.errors import UnprovenError
from musekit_auth_saml.settings import SamlSettings

logger = logging.getLogger(__name__)
SYSTEM = Actor.system("saml")


def accept(host: Host, connection_id: UUID, sent: str, relay_state: str) -> str:
    """Judge an answer; return our own address to send the browser to.

    Args:
        sent: the form field ``SAMLResponse``.
        relay_state: the form field ``RelayState``: the state of the core's flow. It is judged
            there, beside the cookie.

    Raises:
        UnprovenError: it proves nothing.
        NotFoundError: there is no such connection.
        UnavailableError: xmlsec1 is missing.
    """
    with host.database.session(SYSTEM, readonly=True) as session:
        connection = connections.usable(session, connection_id)
        trust, issuer = trust_of(host, connection), issuer_of(connection)
        organization_id = connection.organization_id
    raw = document.decode(sent)
    root = document.parse(raw)
    request_id = claims.request_of(root)
    with host.database.session(SYSTEM, readonly=True) as session:
        if not flows.is_open(session, connection_id, request_id):
            raise UnprovenError(
                "it answers no sign-in that began here"
                if request_id
                else "it answers no request. Begin at the sign-in page and not at the provider"
            )
    # From here on it concerns a sign-in that somebody began: admins may see how it ended.
    try:
        xmlsec1 = library.program(host.settings_of(SamlSettings).xmlsec1)
        found = judging.judge(root, raw, trust, request_id, xmlsec1)
    except UnprovenError as error:
        logger.warning("saml answer to %s refused: %s", connection_id, error.reason)
        with host.database.session(SYSTEM) as session:
            connections.note(session, connection_id, error.reason)
        raise
    with host.database.session(SYSTEM) as session:
        identity = {
            "issuer": issuer, "subject": found.subject, "email": found.email, "name": found.name,
            "email_verified": connections.vouches_for(session, connection_id, found.email),
            "organization_id": str(organization_id),
        }  # fmt: skip
        target, code = flows.answer(session, connection_id, request_id, found, identity)
        connections.note(session, connection_id, None)
    return f"{target}?{urlencode({'state': relay_state, 'code': code})}"
