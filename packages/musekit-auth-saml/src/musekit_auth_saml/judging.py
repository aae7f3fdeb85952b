"""Judging an answer: all checks in their order, the cheap ones first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from musekit_auth_saml import claims, library, signature
from musekit_auth_saml.errors import UnprovenError

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element


def judge(
    root: Element, raw: bytes, trust: library.Trust, request_id: str, xmlsec1: str
) -> claims.Claims:
    """Return what an answer proves.

    Args:
        root: `raw`, parsed by `musekit_auth_saml.document.parse`.
        trust: the connection whose address it was sent to.
        request_id: of the request that this browser's flow has sent.
        xmlsec1: path of the program.

    Raises:
        UnprovenError: it proves nothing.
    """
    expected = claims.Expected(
        issuer=trust.issuer, audience=trust.audience, recipient=trust.recipient,
        request_id=request_id,
    )  # fmt: skip
    signature.demand_shapes(root)
    found = claims.read(root, expected)
    # Both read the same bytes. Where they differ about whom, one of them was deceived.
    if library.verify(trust, xmlsec1, raw, request_id) != found.subject:
        raise UnprovenError("it can be read in more than one way")
    return found
