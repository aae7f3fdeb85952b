"""The shape of a signature: what it covers, by which steps, with which algorithms.

This says what a good signature would prove; whether it is good says the library
(`musekit_auth_saml.library`). Both look at the same bytes, and only what stands inside of the
assertion that is its signature's one reference is read afterwards.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from musekit_auth_saml.document import assertion_of
from musekit_auth_saml.errors import UnprovenError
from musekit_auth_saml.names import ALGORITHMS, DIGESTS, ENVELOPED, EXCLUSIVE, s

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_PREFIXES = f"{{{EXCLUSIVE}}}InclusiveNamespaces"
#: What may say which key it was. It is a hint and never believed.
_HINTS = {s("X509Data"), s("KeyName"), s("KeyValue")}


def demand_shapes(root: Element) -> None:
    """Refuse a response whose assertion is not signed, or that is signed in an unusual way.

    Raises:
        UnprovenError: with what is unusual.
    """
    assertion = assertion_of(root)
    signature = assertion.find(s("Signature"))
    if signature is None:
        raise UnprovenError("its assertion is not signed: let the provider sign assertions")
    _demand_shape(signature, assertion)
    if (outer := root.find(s("Signature"))) is not None:
        _demand_shape(outer, root)


def _demand_shape(signature: Element, signed: Element) -> None:
    parts = [each.tag for each in signature]
    if parts not in (
        [s("SignedInfo"), s("SignatureValue")],
        [s("SignedInfo"), s("SignatureValue"), s("KeyInfo")],
    ):
        raise UnprovenError("its signature holds something beside the usual parts")
    info = signature[0]
    if [each.tag for each in info] != [
        s("CanonicalizationMethod"), s("SignatureMethod"), s("Reference"),
    ]:  # fmt: skip
        raise UnprovenError("its signature covers more or less than one element")
    canonical, method, reference = info
    _demand_exclusive(canonical)
    if method.get("Algorithm") not in ALGORITHMS or len(method):
        raise UnprovenError(
            "its signature uses an algorithm that is not accepted: let the provider sign by RSA or"
            " ECDSA with SHA-256"
        )
    if reference.get("URI") != f"#{signed.get('ID')}" or not signed.get("ID"):
        raise UnprovenError("its signature covers another element than the one it stands in")
    if reference.get("Type") is not None or [each.tag for each in reference] != [
        s("Transforms"), s("DigestMethod"), s("DigestValue"),
    ]:  # fmt: skip
        raise UnprovenError("the reference of its signature holds something unusual")
    transforms, digest, _ = reference
    if [each.tag for each in transforms] != [s("Transform")] * 2:
        raise UnprovenError("its signature takes other steps than the two usual ones")
    enveloped, exclusive = transforms
    if enveloped.get("Algorithm") != ENVELOPED or len(enveloped):
        raise UnprovenError("its signature takes other steps than the two usual ones")
    _demand_exclusive(exclusive)
    if digest.get("Algorithm") not in DIGESTS or len(digest):
        raise UnprovenError("its signature uses a digest that is not accepted: SHA-256 is")
    if len(parts) == 3 and {each.tag for each in signature[2]} - _HINTS:
        raise UnprovenError("its signature names its key in an unusual way")


def _demand_exclusive(method: Element) -> None:
    if method.get("Algorithm") != EXCLUSIVE or any(each.tag != _PREFIXES for each in method):
        raise UnprovenError("its signature uses another canonical form than the exclusive one")
