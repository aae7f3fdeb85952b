"""The one module that knows pysaml2: writing requests, verifying answers.

It is imported when it is needed, for it takes most of a second to load. It runs the program
xmlsec1 to verify signatures, so it is called in no unit of work and after the cheap checks.
"""

from __future__ import annotations

import base64
import logging
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape, quoteattr

from musekit.api import UnavailableError
from musekit_auth_saml import names
from musekit_auth_saml.errors import UnprovenError

if TYPE_CHECKING:
    from saml2.client import Saml2Client

logger = logging.getLogger(__name__)
#: pysaml2 writes whole answers and names of people into its log lines.
logging.getLogger("saml2").setLevel(logging.CRITICAL)


@dataclass(frozen=True, kw_only=True)
class Trust:
    """Both sides of a connection: whom we believe, and who we are to them.

    Attributes:
        issuer: entity id of the provider.
        sso_url: where it takes requests, by redirect.
        certificates: base64 of DER; only what one of these keys has signed is believed.
        audience: our entity id in this connection.
        recipient: our assertion consumer service.
    """

    issuer: str
    sso_url: str
    certificates: tuple[str, ...]
    audience: str
    recipient: str


def program(given: str = "") -> str:
    """Return where xmlsec1 is.

    Raises:
        UnavailableError: it is not installed.
    """
    found = shutil.which(given or "xmlsec1")
    if found is None:
        raise UnavailableError(
            "Sign-in by your organization’s service does not work at the moment: the program"
            " xmlsec1 is not installed on this server. Tell who runs it."
        )
    return found


def request_address(trust: Trust, xmlsec1: str, request_id: str, relay_state: str) -> str:
    """Return the address that asks the provider to sign somebody in."""
    from saml2.pack import http_redirect_message

    _, request = _client(trust, xmlsec1).create_authn_request(
        trust.sso_url, binding=names.POST, message_id=request_id, nameid_format="", sign=False
    )
    answer = http_redirect_message(str(request), trust.sso_url, relay_state=relay_state)
    return str(dict(answer["headers"])["Location"])


def verify(trust: Trust, xmlsec1: str, raw: bytes, request_id: str) -> str:
    """Verify the signatures of an answer; return whom pysaml2 takes it to be about.

    Raises:
        UnprovenError: a signature is not by a key of the connection, or pysaml2 refuses the answer.
    """
    from saml2.response import StatusError
    from saml2.sigver import MissingKey, SignatureError

    sent = base64.b64encode(raw).decode()
    try:
        answer = _client(trust, xmlsec1).parse_authn_request_response(
            sent, names.POST, {request_id: "/"}
        )
        subject: Any = answer.name_id.text
    except (SignatureError, MissingKey):
        raise UnprovenError("its signature is not by a certificate that is entered here") from None
    except StatusError:
        raise UnprovenError("the provider did not sign you in") from None
    except Exception as error:  # pysaml2 raises what it likes, also bare `Exception`
        logger.info("pysaml2 refused an answer: %s", type(error).__name__)
        raise UnprovenError("it is not as SAML 2.0 wants it") from None
    return str(subject or "").strip()


def _client(trust: Trust, xmlsec1: str) -> Saml2Client:
    from saml2.client import Saml2Client
    from saml2.config import SPConfig

    config = SPConfig().load({
        "entityid": trust.audience,
        "xmlsec_binary": xmlsec1,
        "metadata": {"inline": [_provider(trust)]},
        "service": {"sp": {
            "endpoints": {"assertion_consumer_service": [(trust.recipient, names.POST)]},
            "want_assertions_signed": True,
            "want_response_signed": False,
            "allow_unsolicited": False,
            "authn_requests_signed": False,
        }},
        "accepted_time_diff": 60,
        "delete_tmpfiles": True,
    })  # fmt: skip
    return Saml2Client(config=config)


def _provider(trust: Trust) -> str:
    """Return metadata that say of the provider just what was entered: its keys, and no others."""
    keys = "".join(
        f'<md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="{names.SIGNATURE}"><ds:X509Data>'
        f"<ds:X509Certificate>{escape(each)}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>"
        "</md:KeyDescriptor>"
        for each in trust.certificates
    )
    return (
        f'<md:EntityDescriptor xmlns:md="{names.METADATA}" entityID={quoteattr(trust.issuer)}>'
        f'<md:IDPSSODescriptor protocolSupportEnumeration="{names.PROTOCOL}">{keys}'
        f'<md:SingleSignOnService Binding="{names.REDIRECT}"'
        f" Location={quoteattr(trust.sso_url)}/></md:IDPSSODescriptor></md:EntityDescriptor>"
    )
