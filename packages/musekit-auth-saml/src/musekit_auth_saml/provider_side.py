"""What an admin enters of the provider: its metadata, or three fields. Checked, then kept."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from musekit.api import InvalidError
from musekit_auth_saml import names

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_FRAME = re.compile(r"-----(?:BEGIN|END) CERTIFICATE-----")
#: Keys that a provider signs with: the present one, the next, and some of their kin.
MOST_CERTIFICATES = 6
MOST_TEXT = 500_000
#: Of a file: four bytes a character at most. What is longer than that is too long as text as well.
MOST_BYTES = 4 * MOST_TEXT
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, kw_only=True)
class ProviderSide:
    """A provider's name, address and keys. `certificates` are base64 of DER."""

    entity_id: str
    sso_url: str
    certificates: tuple[str, ...]


def entered(entity_id: str, sso_url: str, certificate: str) -> ProviderSide:
    """Return what three fields say; the last may hold several certificates, PEM or bare.

    Raises:
        InvalidError: with the field at fault.
    """
    entity_id, sso_url = entity_id.strip(), sso_url.strip()
    if not entity_id or len(entity_id) > 1024 or not entity_id.isprintable() or " " in entity_id:
        raise _wrong("entity_id", "copy it from your provider; often it looks like an address")
    if fault := _fault_of(sso_url):
        raise _wrong("sso_url", fault)
    pieces = [each for each in _FRAME.split(certificate) if each.strip()]
    if not pieces:
        raise _wrong("certificate", "paste the certificate that your provider signs with")
    if len(pieces) > MOST_CERTIFICATES:
        raise _wrong("certificate", f"at most {MOST_CERTIFICATES} certificates")
    return ProviderSide(
        entity_id=entity_id, sso_url=sso_url,
        certificates=tuple(dict.fromkeys(_certificate(each) for each in pieces)),
    )  # fmt: skip


def text_of(raw: bytes) -> str:
    """Return the text of a metadata file.

    Raises:
        InvalidError: of the field ``metadata``.
    """
    try:
        return raw.decode("utf-8-sig")  # some begin by a byte order mark
    except UnicodeDecodeError:
        raise _wrong("metadata", "this is not XML in UTF-8; choose the file it gave you") from None


def from_metadata(text: str) -> ProviderSide:
    """Return what a provider's metadata say.

    Raises:
        InvalidError: of the field ``metadata``.
    """
    from defusedxml.ElementTree import ParseError, fromstring

    if len(text) > MOST_TEXT:
        raise _wrong("metadata", "this is too long for one provider’s metadata")
    try:
        root: Element = fromstring(text.strip().encode(), forbid_dtd=True)
    except (ParseError, ValueError, RecursionError):
        raise _wrong("metadata", "this is not XML; paste the whole file") from None
    md = f"{{{names.METADATA}}}"
    entities = [root] if root.tag == f"{md}EntityDescriptor" else root.findall(
        f"{md}EntityDescriptor"
    )  # fmt: skip
    found = [
        (each, role)
        for each in entities
        if (role := each.find(f"{md}IDPSSODescriptor")) is not None
    ]
    if len(found) != 1:
        raise _wrong("metadata", "these are not the metadata of one identity provider")
    entity, role = found[0]
    addresses = [
        each.get("Location", "")
        for each in role.findall(f"{md}SingleSignOnService")
        if each.get("Binding") == names.REDIRECT
    ]
    if not addresses:
        raise _wrong("metadata", "the provider offers no sign-in by “HTTP-Redirect”")
    certificates = [
        f"-----BEGIN CERTIFICATE-----{shown.text or ''}-----END CERTIFICATE-----"
        for key in role.findall(f"{md}KeyDescriptor")
        if key.get("use", "signing") == "signing"
        for shown in key.iter(names.s("X509Certificate"))
    ]
    try:
        return entered(entity.get("entityID", ""), addresses[0], "".join(certificates))
    except InvalidError as error:
        fault = error.extra["errors"][0]
        raise _wrong("metadata", f"{fault['field']}: {fault['message']}") from None


def ends_of(certificates: list[str]) -> list[datetime]:
    """Return until when certificates are good."""
    from cryptography import x509

    return [
        x509.load_der_x509_certificate(base64.b64decode(each)).not_valid_after_utc
        for each in certificates
    ]


def _fault_of(address: str) -> str:
    try:
        parts = urlsplit(address)
    except ValueError:
        return "this is not an address"
    local = parts.scheme == "http" and parts.hostname in _LOOPBACK
    if parts.scheme != "https" and not local:
        return "it begins with https://"
    if not parts.hostname or parts.username or parts.fragment or len(address) > 2000:
        return "this is not an address of a sign-in page"
    if not address.isprintable() or " " in address:
        return "this is not an address"
    return ""


def _certificate(text: str) -> str:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    try:
        raw = base64.b64decode("".join(text.split()), validate=True)
        key = x509.load_der_x509_certificate(raw).public_key()
    except (binascii.Error, ValueError):
        raise _wrong("certificate", "this is not an X.509 certificate") from None
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < 2048:
        raise _wrong("certificate", "its key is too short: RSA needs 2048 bits")
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        raise _wrong("certificate", "its key is neither RSA nor of an elliptic curve")
    return base64.b64encode(raw).decode()


def _wrong(field: str, message: str) -> InvalidError:
    return InvalidError("Nothing was saved.", errors=[{"field": field, "message": message}])
