"""What an answer claims: about whom, for whom, in answer to what, and how long it is good."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from musekit_auth_saml import names
from musekit_auth_saml.document import assertion_of
from musekit_auth_saml.errors import UnprovenError
from musekit_auth_saml.names import a, p

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

#: How far the provider's clock may be away from ours.
SKEW = timedelta(seconds=60)
#: Characters of a subject or an address.
LONGEST = 320


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What the answer has to say about us and about the request.

    Attributes:
        issuer: the provider's entity id.
        audience: ours.
        recipient: address of our assertion consumer service.
        request_id: of the request that was sent.
    """

    issuer: str
    audience: str
    recipient: str
    request_id: str


@dataclass(frozen=True, kw_only=True)
class Claims:
    """What a good answer says about a person. `good_until`: after that it is of no use."""

    assertion_id: str
    subject: str
    email: str
    name: str
    good_until: datetime


def request_of(root: Element) -> str:
    """Return the id of the request that a response says it answers, "" for none."""
    return root.get("InResponseTo", "")


def read(root: Element, expected: Expected, now: datetime | None = None) -> Claims:
    """Return the claims of a response, having compared them with what was expected.

    Raises:
        UnprovenError: with the first thing that differs.
    """
    now = now or datetime.now(UTC)
    assertion = assertion_of(root)
    _demand_response(root, expected, now)
    if assertion.get("Version") != "2.0" or not assertion.get("ID"):
        raise UnprovenError("its assertion is not one of SAML 2.0")
    if _text(_one(assertion, "Issuer")) != expected.issuer:
        raise UnprovenError("its assertion was issued by another provider")
    if _time(assertion, "IssueInstant") > now + SKEW:
        raise UnprovenError("its assertion is from the future: compare the clocks")
    subject = _one(assertion, "Subject")
    confirmed = _demand_confirmed(subject, expected, now)
    limited = _demand_conditions(_one(assertion, "Conditions"), expected, now)
    _demand_statement(assertion, now)
    attributes = _attributes(assertion)
    name_id = _one(subject, "NameID")
    who = _subject(name_id, expected)
    return Claims(
        assertion_id=assertion.get("ID", ""), subject=who, email=_email(attributes, name_id, who),
        name=_name(attributes), good_until=max(confirmed, limited) + SKEW,
    )  # fmt: skip


def _demand_response(root: Element, expected: Expected, now: datetime) -> None:
    if root.get("Version") != "2.0":
        raise UnprovenError("it is not a SAML 2.0 response")
    if request_of(root) != expected.request_id:
        raise UnprovenError("it answers another request")
    if root.get("Destination") != expected.recipient:
        raise UnprovenError("it is meant for another address")
    issuer = root.find(a("Issuer"))
    if issuer is not None and _text(issuer) != expected.issuer:
        raise UnprovenError("it was issued by another provider")
    if _time(root, "IssueInstant") > now + SKEW:
        raise UnprovenError("it is from the future: compare the clocks")
    codes = root.findall(f"{p('Status')}/{p('StatusCode')}")
    if [each.get("Value") for each in codes] != [names.SUCCESS]:
        raise UnprovenError("the provider did not sign you in")


def _demand_confirmed(subject: Element, expected: Expected, now: datetime) -> datetime:
    found = subject.findall(a("SubjectConfirmation"))
    if not found:
        raise UnprovenError("its subject is not confirmed")
    ends = []
    for each in found:
        if each.get("Method") != names.BEARER:
            raise UnprovenError("its subject is confirmed in another way than “bearer”")
        data = _one(each, "SubjectConfirmationData")
        if data.get("InResponseTo") != expected.request_id:
            raise UnprovenError("its assertion answers another request")
        if data.get("Recipient") != expected.recipient:
            raise UnprovenError("its assertion is meant for another address")
        ends.append(_demand_in_time(data, now))
    return max(ends)


def _demand_conditions(conditions: Element, expected: Expected, now: datetime) -> datetime:
    allowed = {a("AudienceRestriction"), a("OneTimeUse"), a("ProxyRestriction")}
    if {each.tag for each in conditions} - allowed:
        raise UnprovenError("its assertion has a condition that is not known here")
    restrictions = conditions.findall(a("AudienceRestriction"))
    if not restrictions:
        raise UnprovenError("its assertion does not say whom it is for")
    for each in restrictions:
        if expected.audience not in [_text(one) for one in each.findall(a("Audience"))]:
            raise UnprovenError("its assertion is for another service")
    return _demand_in_time(conditions, now)


def _demand_statement(assertion: Element, now: datetime) -> None:
    found = assertion.findall(a("AuthnStatement"))
    if not found:
        raise UnprovenError("it does not say that anybody has signed in")
    for each in found:
        if each.get("SessionNotOnOrAfter") and _time(each, "SessionNotOnOrAfter") <= now - SKEW:
            raise UnprovenError("the session at the provider is over")


def _demand_in_time(element: Element, now: datetime) -> datetime:
    end = _time(element, "NotOnOrAfter")
    if end <= now - SKEW:
        raise UnprovenError("it is too old: sign in again, or compare the clocks")
    if element.get("NotBefore") and _time(element, "NotBefore") > now + SKEW:
        raise UnprovenError("it is not good yet: compare the clocks")
    return end


def _subject(name_id: Element, expected: Expected) -> str:
    if name_id.get("Format") == names.TRANSIENT:
        raise UnprovenError(
            "its NameID is another one each time: let the provider send a persistent one"
        )
    if name_id.get("SPNameQualifier", expected.audience) != expected.audience:
        raise UnprovenError("its NameID is one for another service")
    return _text(name_id)


def _email(attributes: dict[str, str], name_id: Element, subject: str) -> str:
    found = next((attributes[each] for each in names.MAIL if each in attributes), "")
    if not found and name_id.get("Format") == names.MAIL_FORMAT:
        found = subject
    before, _, domain = found.rpartition("@")
    if not before or not domain or len(found) > LONGEST or not found.isprintable() or " " in found:
        raise UnprovenError("it names no e-mail address: let the provider send “mail”")
    return found


def _name(attributes: dict[str, str]) -> str:
    def first(keys: tuple[str, ...]) -> str:
        return next((attributes[each] for each in keys if each in attributes), "")

    whole = first(names.NAME) or f"{first(names.GIVEN)} {first(names.FAMILY)}".strip()
    if not whole and "@" not in first(names.SOME_NAME):
        whole = first(names.SOME_NAME)
    return "".join(each for each in whole if each.isprintable())[:100]


def _attributes(assertion: Element) -> dict[str, str]:
    """Return the first value of each attribute, by its name in small letters."""
    found: dict[str, str] = {}
    for each in assertion.findall(f"{a('AttributeStatement')}/{a('Attribute')}"):
        value = each.find(a("AttributeValue"))
        if value is not None and not len(value) and (text := (value.text or "").strip()):
            found.setdefault(each.get("Name", "").lower(), text)
    return found


def _one(parent: Element, name: str) -> Element:
    found = parent.findall(a(name))
    if len(found) != 1:
        raise UnprovenError(f"its assertion has {len(found)} of {name} where one is needed")
    return found[0]


def _text(element: Element) -> str:
    """Return the text of an element that holds nothing but text."""
    text = (element.text or "").strip()
    if len(element) or not text or len(text) > 1024 or not text.isprintable():
        raise UnprovenError(f"its {element.tag.rpartition('}')[2]} is not a plain text")
    return text


def _time(element: Element, name: str) -> datetime:
    try:
        when = datetime.fromisoformat(element.get(name, ""))
    except ValueError:
        when = None
    if when is None or when.tzinfo is None:
        raise UnprovenError(f"its {name} is not a point in time")
    return when
