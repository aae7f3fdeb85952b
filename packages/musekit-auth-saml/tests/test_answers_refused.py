"""Answers that prove nothing (reliability D36): each through our own address, 0 accepted.

Before the attacks the sign-in they are meant for was begun, and after them the untouched answer to
the same request is accepted: so what was refused was refused for what is wrong with it.
"""

from __future__ import annotations

import base64
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from tests.support.saml import attacks, messages
from tests.support.saml.messages import Answer, Key

from musekit_auth_saml import document

Make = Callable[[Answer, Key, Key], str | bytes]
LONG = f"{attacks.VICTIM}.evil.example"
ENTITY = "urn:oasis:names:tc:SAML:2.0:assertion"


def _with(**changes: object) -> Make:
    """An honest signature under a statement that is not for us, or not now."""
    return lambda good, key, _: messages.signed(replace(good, **changes), key)  # type: ignore[arg-type]


def _signed(**options: object) -> Make:
    """The right key, used in another way than the usual one."""
    return lambda good, key, _: messages.signed(good, key, **options)


def _turned(change: Callable[[str], str]) -> Make:
    """A good answer that was changed on its way."""
    return lambda good, key, _: change(messages.signed(good, key))


def _hmac(good: Answer, key: Key, _: Key) -> str:
    """Signed with the public certificate as if it were a shared secret."""
    good = replace(good, response_id=messages.new_id(), assertion_id=messages.new_id())
    algorithm = "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"
    inner = messages.template(good.assertion_id, algorithm=algorithm)
    return messages.sign(
        good.xml(assertion=inner), good.assertion_id, key, hmac=key.certificate.encode()
    )


def _of_response_only(good: Answer, key: Key, _: Key) -> str:
    good = replace(good, response_id=messages.new_id(), assertion_id=messages.new_id())
    outer = messages.template(good.response_id, key)
    return messages.sign(good.xml(response=outer), good.response_id, key, element="Response")


def _two_answers(good: Answer, key: Key, _: Key) -> str:
    """Two good assertions in one response, of two people."""
    one, two = (messages.signed(replace(good, subject=who), key) for who in ("a-1", "b-1"))
    second = two[two.index("<saml:Assertion") : two.index("</samlp:Response>")]
    return one.replace("</samlp:Response>", f"{second}</samlp:Response>")


def _sha1(good: Answer, key: Key, _: Key) -> str:
    return messages.signed(good, key, algorithm=messages.RSA_SHA1, digest=messages.SHA1)


def _xpath(good: Answer, key: Key, _: Key) -> str:
    """A transform that lets the signature cover a part only."""
    step = (
        '<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116"><ds:XPath>'
        "not(ancestor-or-self::*[local-name()='AttributeStatement'])</ds:XPath></ds:Transform>"
    )
    xml = messages.signed(good, key, transforms=messages.TRANSFORMS + step)
    return xml.replace("person@example.com", "victim@example.com")


def _utf16(good: Answer, key: Key, _: Key) -> bytes:
    xml = messages.signed(good, key)
    return ('<?xml version="1.0" encoding="utf-16"?>' + xml.partition("?>")[2]).encode("utf-16")


XSI = "http://www.w3.org/2001/XMLSchema-instance"
STATUS = "urn:oasis:names:tc:SAML:2.0:status:"
METHOD = "urn:oasis:names:tc:SAML:2.0:cm:"
NAME_ID = "urn:oasis:names:tc:SAML:2.0:nameid-format:"
CONDITION = f'<saml:Condition xmlns:x="u" xmlns:xsi="{ENTITY}" xsi:type="x:Unknown"/>'
OTHER = "https://elsewhere.example"
DEEP = "<saml:Advice>" * 60 + "</saml:Advice>" * 60

CASES: dict[str, Make] = {
    # --- Not signed, or not by the provider ---
    "no signature": _turned(attacks.unsigned),
    "changed after signing": _turned(attacks.changed),
    "another key, sent along": lambda good, _, other: messages.signed(good, other),
    "HMAC by the certificate": _hmac,
    "only the response is signed": _of_response_only,
    "SHA-1": _sha1,
    "only the digest is SHA-1": _signed(digest=messages.SHA1),
    "an XPath transform": _xpath,
    "a canonical form with comments": _signed(canonical=f"{messages.EXC_C14N}WithComments"),
    "the inclusive canonical form": _signed(
        canonical="http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
    ),
    "the reference is the whole document": _signed(reference=""),
    "no enveloped transform": _turned(
        lambda xml: xml.replace(f'<ds:Transform Algorithm="{messages.ENVELOPED}"/>', "")
    ),
    "the key is elsewhere": _turned(
        lambda xml: xml.replace("<ds:X509Data>", '<ds:RetrievalMethod URI="#k"/><ds:X509Data>')
    ),
    # --- XML that readers differ about ---
    "a comment in the subject": lambda good, key, _: attacks.commented(
        messages.signed(replace(good, subject=LONG), key), LONG
    ),
    "a processing instruction in the subject": _turned(
        lambda xml: xml.replace("person-1", "per<?x y?>son-1")
    ),
    "an entity": _turned(attacks.with_document_type),
    "an entity of a file": _turned(attacks.outside_entity),
    "an entity bomb": _turned(attacks.bomb),
    "a CDATA section": _turned(lambda xml: xml.replace("person-1", "<![CDATA[person-1]]>")),
    "UTF-16": _utf16,
    "an element in the subject": _turned(
        lambda xml: xml.replace("person-1", "victim-1<saml:x/>person-1")
    ),
    "an id twice": _turned(
        lambda xml: xml.replace("<saml:Subject>", f'<saml:Subject ID="{_id(xml)}">', 1)
    ),
    "an xml:id that is the assertion's": _turned(
        lambda xml: xml.replace("<saml:Subject>", f'<saml:Subject xml:id="{_id(xml)}">', 1)
    ),
    "a schema to be fetched": _turned(lambda xml: _with_schema(xml, "http://127.0.0.1:9/x.xsd")),
    "a schema without a namespace": _turned(
        lambda xml: xml.replace(
            "<saml:Subject>", f'<saml:Subject xmlns:xsi="{XSI}" xsi:noNamespaceSchemaLocation="x">'
        )
    ),
    "nested deep": _with(inside=DEEP),
    "too large": _with(inside=f"<saml:Advice><saml:x>{'x' * 300_000}</saml:x></saml:Advice>"),
    "two assertions, both good": _two_answers,
    "an assertion as advice": _with(
        inside='<saml:Advice><saml:Assertion ID="_x" Version="2.0"/></saml:Advice>'
    ),
    "encrypted": _turned(lambda xml: xml.replace("saml:Assertion", "saml:EncryptedAssertion")),
    "not a response": _turned(lambda xml: xml.replace("samlp:Response", "samlp:LogoutResponse")),
    "no XML": lambda *_: "<samlp:Response",
    "nothing": lambda *_: "",
    # --- Not about this sign-in ---
    "another request": _with(in_response_to="_another"),
    "no request (begun at the provider)": _with(in_response_to=""),
    "the assertion answers another request": _with(assertion_in_response_to="_another"),
    "the assertion answers none": _with(assertion_in_response_to=" "),
    "another audience": _with(audience=OTHER),
    "another recipient": _with(recipient=OTHER),
    "another recipient, the right destination": lambda good, key, _: messages.signed(
        replace(good, recipient=OTHER, destination=good.recipient), key
    ),
    "another destination": _with(destination=OTHER),
    "another issuer": _with(issuer=OTHER),
    "another issuer of the response": _with(response_issuer=OTHER),
    "another issuer of the assertion": lambda good, key, _: messages.signed(
        replace(good, issuer=OTHER, response_issuer=good.issuer), key
    ),
    "too old": _with(start=-900, end=-300),
    "not yet good": _with(start=300, end=900),
    "from the future": _with(issued=900),
    "no end": _with(not_on_or_after=False),
    "no conditions": _with(conditions=False),
    "an unknown condition": _turned(
        lambda xml: xml.replace("</saml:Conditions>", f"{CONDITION}</saml:Conditions>")
    ),
    "no confirmation": _with(confirmation=False),
    "holder of key": _with(method=f"{METHOD}holder-of-key"),
    "sender vouches": _with(method=f"{METHOD}sender-vouches"),
    "nobody has signed in": _with(statement=False),
    "the provider says no": _with(status=f"{STATUS}Responder"),
    "the provider wants to be asked again": _with(status=f"{STATUS}Requester"),
    # --- About nobody in particular ---
    "a transient name": _with(format=f"{NAME_ID}transient"),
    "no name": _with(subject=""),
    "a name of blanks": _with(subject="   "),
    "a name without end": _with(subject="x" * 2000),
    "no address": _with(email=""),
    "an address that is none": _with(email="nobody"),
}


def _with_schema(xml: str, address: str) -> str:
    hint = f'<samlp:Response xmlns:xsi="{XSI}" xsi:schemaLocation="urn:x {address}" '
    return xml.replace("<samlp:Response ", hint, 1)


def _id(xml: str) -> str:
    return xml.partition('<saml:Assertion ID="')[2].partition('"')[0]


def _wrapped(good: Answer, key: Key) -> Iterator[tuple[str, str]]:
    return attacks.wrapped(messages.signed(good, key), messages.signed(good, key, response=True))


WRAPPINGS = 24
#: How many answers are tried at one sign-in.
AT_ONCE = 10


class Post:
    """Brings answers that prove nothing; what was accepted, and how many were tried."""

    def __init__(self, connection, key) -> None:
        self.connection, self.key = connection, key
        self.accepted: list[str] = []
        self.tried = 0

    def bring(self, visitor, name: str, xml: str | bytes, says: str = "") -> None:
        answer = visitor.post(xml)
        self.tried += 1
        if answer.status_code != 422 or "location" in answer.headers:
            self.accepted.append(f"{name}: {answer.status_code}")
        assert says in answer.text, name
        assert attacks.VICTIM not in answer.text, name

    def control(self, visitor, good: Answer) -> None:
        """The untouched answer is taken: so the sign-in was open while the others came."""
        if visitor.me():
            self.accepted.append(f"somebody is signed in: {visitor.me()}")
        control = visitor.post(messages.signed(good, self.key))
        assert control.status_code == 303, control.text

    def finish(self) -> None:
        print(f"{self.tried} answers tried, {len(self.accepted)} accepted")
        assert self.accepted == []


def test_wrapped_signatures_are_refused(connection, key) -> None:
    post, visitor = Post(connection, key), connection.visitor().begin()
    good = visitor.answer()
    for name, xml in _wrapped(good, key):
        post.bring(visitor, name, xml, says="refused")
    post.control(visitor, good)
    assert post.tried == WRAPPINGS
    post.finish()


def test_what_proves_nothing_is_refused(connection, key, other_key) -> None:
    """All of them by one application, for setting one up takes longer than refusing them."""
    post, cases = Post(connection, key), list(CASES.items())
    for start in range(0, len(cases), AT_ONCE):
        connection.host.limits.memory.forget()
        visitor = connection.visitor().begin()
        good = visitor.answer()
        for name, make in cases[start : start + AT_ONCE]:
            post.bring(visitor, name, make(good, key, other_key))
        post.control(visitor, good)
    assert post.tried == len(CASES)
    post.finish()


def test_there_are_many(key) -> None:
    assert len(CASES) + WRAPPINGS >= 80


# --- Each wall stands alone ---


def test_our_checks_alone_refuse_every_wrapping(connection, key, monkeypatch) -> None:
    """As if the library found every signature good, whoever it took the answer to be about."""
    from musekit_auth_saml import library

    monkeypatch.setattr(library, "verify", lambda trust, program, raw, request: "person-1")
    visitor = connection.visitor().begin()
    good = visitor.answer()
    for name, xml in _wrapped(good, key):
        assert visitor.post(xml).status_code == 422, name


def test_the_library_alone_gives_nobody_the_victim(connection, key, xmlsec1) -> None:
    """As if we looked at nothing: what pysaml2 lets through is at least about the right person."""
    from musekit_auth_saml import addresses, library
    from musekit_auth_saml.errors import UnprovenError

    visitor = connection.visitor().begin()
    trust = addresses.trust_of(connection.host, connection.row())
    seen = []
    for _, xml in _wrapped(visitor.answer(), key):
        try:
            seen.append(library.verify(trust, xmlsec1, xml.encode(), visitor.request_id))
        except UnprovenError:
            seen.append("")
    assert attacks.VICTIM not in seen


def test_no_answer_makes_this_server_call_another(connection, key, xmlsec1) -> None:
    """Neither through us nor, should our check be lost, through the library."""
    from musekit_auth_saml import addresses, library
    from musekit_auth_saml.errors import UnprovenError

    visitor = connection.visitor().begin()
    trust = addresses.trust_of(connection.host, connection.row())
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.3)
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/x.xsd"
        xml = _with_schema(messages.signed(visitor.answer(), key, response=True), address)
        assert visitor.post(xml).status_code == 422
        with pytest.raises(UnprovenError):
            library.verify(trust, xmlsec1, xml.encode(), visitor.request_id)
        with pytest.raises(TimeoutError):
            listener.accept()


def test_they_have_to_agree(connection, key, monkeypatch) -> None:
    from musekit_auth_saml import library

    monkeypatch.setattr(library, "verify", lambda trust, program, raw, request: "somebody-else")
    visitor = connection.visitor().begin()
    answer = visitor.post(messages.signed(visitor.answer(), key))
    assert answer.status_code == 422
    assert "in more than one way" in answer.text


def test_large_base64_is_not_even_decoded() -> None:
    with pytest.raises(document.UnprovenError, match="too large"):
        document.decode("A" * (document.MOST * 2))
    with pytest.raises(document.UnprovenError, match="base64"):
        document.decode("not base64!")
    assert document.decode(base64.b64encode(b'<?xml version="1.0"?>\n<a/>').decode()) == b"\n<a/>"
