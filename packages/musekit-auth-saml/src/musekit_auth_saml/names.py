"""Names that SAML 2.0 and XML signatures give to things."""

from __future__ import annotations

PROTOCOL = "urn:oasis:names:tc:SAML:2.0:protocol"
ASSERTION = "urn:oasis:names:tc:SAML:2.0:assertion"
METADATA = "urn:oasis:names:tc:SAML:2.0:metadata"
SIGNATURE = "http://www.w3.org/2000/09/xmldsig#"
REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
SUCCESS = "urn:oasis:names:tc:SAML:2.0:status:Success"
TRANSIENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
MAIL_FORMAT = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"

EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
ENVELOPED = f"{SIGNATURE}enveloped-signature"
_MORE = "http://www.w3.org/2001/04/xmldsig-more#"
#: What an answer may be signed with. No SHA-1, no HMAC: with that, the public key would do.
ALGORITHMS = frozenset(
    f"{_MORE}{kind}-sha{bits}" for kind in ("rsa", "ecdsa") for bits in (256, 384, 512)
)
DIGESTS = frozenset({
    "http://www.w3.org/2001/04/xmlenc#sha256", f"{_MORE}sha384",
    "http://www.w3.org/2001/04/xmlenc#sha512",
})  # fmt: skip

#: Where providers put the address and the name, by the attribute's name in small letters.
MAIL = (
    "urn:oid:0.9.2342.19200300.100.1.3", "mail", "email", "emailaddress",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress", "user.email",
)  # fmt: skip
NAME = (
    "urn:oid:2.16.840.1.113730.3.1.241", "displayname",
    "http://schemas.microsoft.com/identity/claims/displayname", "urn:oid:2.5.4.3", "cn",
)  # fmt: skip
#: What some fill with a name and others with the address: the last to be asked.
SOME_NAME = ("http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name", "name")
GIVEN = (
    "urn:oid:2.5.4.42", "givenname", "firstname", "first_name", "user.firstname",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/givenname",
)  # fmt: skip
FAMILY = (
    "urn:oid:2.5.4.4", "sn", "surname", "lastname", "last_name", "user.lastname",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/surname",
)  # fmt: skip


def p(name: str) -> str:
    """Return a name of the protocol as ElementTree writes it."""
    return f"{{{PROTOCOL}}}{name}"


def a(name: str) -> str:
    """Return a name of assertions."""
    return f"{{{ASSERTION}}}{name}"


def s(name: str) -> str:
    """Return a name of signatures."""
    return f"{{{SIGNATURE}}}{name}"
