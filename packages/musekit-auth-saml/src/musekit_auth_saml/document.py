"""From what a browser posts to a tree of which there can be one reading only.

Attacks on SAML live from two readers that see different things: one checks the signature, the other
takes the name. So everything by which readers differ is refused before either reads: document
types, comments, processing instructions, other encodings, ids that occur twice, and any structure
but one response with one assertion, each with at most one signature of its own.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING

from musekit_auth_saml.errors import UnprovenError
from musekit_auth_saml.names import SUCCESS, a, p, s

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

#: Bytes of an answer. Real ones have 5 to 40 KB; the largest carry hundreds of groups.
MOST = 256 * 1024
#: Elements within each other; real answers have ten or so.
DEEPEST = 40
_ENCRYPTED = frozenset({"EncryptedAssertion", "EncryptedID", "EncryptedAttribute"})
_DECLARATION = re.compile(
    rb"""<\?xml\s+version=["']1\.0["'](\s+encoding=["'][Uu][Tt][Ff]-8["'])?"""
    rb"""(\s+standalone=["'](yes|no)["'])?\s*\?>"""
)


def decode(sent: str) -> bytes:
    """Return the message that a form field holds, without XML declaration.

    Raises:
        UnprovenError: it is no base64, too large, or has what readers differ about.
    """
    if len(sent) > MOST * 4 // 3 + 1024:
        raise UnprovenError("it is too large")
    try:
        raw = base64.b64decode("".join(sent.split()), validate=True)
        raw.decode("utf-8")
    except (binascii.Error, ValueError):
        raise UnprovenError("it is not base64 of UTF-8 text") from None
    if len(raw) > MOST:
        raise UnprovenError("it is too large")
    raw = raw.removeprefix(b"\xef\xbb\xbf").strip()
    if declared := _DECLARATION.match(raw):
        raw = raw[declared.end() :]
    # In XML “<!” and “<?” begin nothing else, wherever they stand.
    if b"<!" in raw or b"<?" in raw or b"\0" in raw:
        raise UnprovenError("it has a document type, a comment or a processing instruction")
    return raw


def parse(raw: bytes) -> Element:
    """Return the response, with its one assertion in its place.

    Raises:
        UnprovenError: it is no such response.
    """
    from defusedxml.ElementTree import ParseError, fromstring

    try:
        root: Element = fromstring(raw, forbid_dtd=True)
    except (ParseError, ValueError, RecursionError):
        raise UnprovenError("it is not well-formed XML") from None
    if root.tag != p("Response"):
        raise UnprovenError("it is not a SAML 2.0 response")
    _demand_one_reading(root)
    return root


def _demand_one_reading(root: Element) -> None:
    elements = _elements(root)
    _demand_plain_attributes(elements)
    named = [each.tag.rpartition("}")[2] for each in elements]
    if not _ENCRYPTED.isdisjoint(named):
        raise UnprovenError(
            "it is encrypted, which is not supported: switch encryption of assertions off (the"
            " connection is encrypted already)"
        )
    if named.count("Response") != 1:
        raise UnprovenError("it holds another response")
    assertions = named.count("Assertion")
    if not assertions and _has_failed(root):
        raise UnprovenError("the provider did not sign you in")
    if assertions != 1:
        raise UnprovenError(f"it holds {assertions} assertions; one is needed")
    assertion = root.find(a("Assertion"))
    if assertion is None:
        raise UnprovenError("its assertion stands in another place than an assertion stands")
    own = [len(each.findall(s("Signature"))) for each in (root, assertion)]
    if max(own) > 1 or sum(own) != named.count("Signature"):
        raise UnprovenError("it holds a signature in another place than a signature stands")


def _elements(root: Element) -> list[Element]:
    """Return all elements; without recursion, for an attacker chooses the depth."""
    found: list[Element] = []
    level, depth = [root], 0
    while level:
        depth += 1
        if depth > DEEPEST:
            raise UnprovenError("its elements are nested too deep")
        found += level
        level = [child for each in level for child in each]
    return found


def _demand_plain_attributes(elements: list[Element]) -> None:
    """Refuse ids that occur twice, and schemas to be fetched.

    Schemas because the library validates before it verifies. xmlschema 2.5 passes over what an
    answer names as ``xsi:schemaLocation`` (2026-11, tried), but has code to open such addresses;
    were that switched on, anybody could have this server call others.
    """
    ids: set[str] = set()
    for each in elements:
        for key, value in each.attrib.items():
            name = key.rpartition("}")[2].lower()
            if "schemalocation" in name:
                raise UnprovenError("it names a schema to be fetched")
            if name == "id":
                if value in ids or not value:
                    raise UnprovenError("an id in it occurs twice")
                ids.add(value)


def _has_failed(root: Element) -> bool:
    code = root.find(f"{p('Status')}/{p('StatusCode')}")
    return code is not None and code.get("Value") != SUCCESS


def assertion_of(root: Element) -> Element:
    """Return the one assertion."""
    found = root.find(a("Assertion"))
    assert found is not None  # `parse` has seen to it
    return found
