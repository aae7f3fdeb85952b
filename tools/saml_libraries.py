"""Compare SAML libraries by what they let through, without any check of our own.

    python tools/saml_libraries.py            # prints the table of docs/decisions on SAML

Run it with a Python that has the libraries to compare (pysaml2, python3-saml, signxml) and with the
program xmlsec1 on the path; a library that is not there is left out. Each is set up as its
documentation says for a service provider that wants signed assertions, strict where it can be.
A case counts as accepted only if the library returns a subject; whose it is stands in the table.
"""

from __future__ import annotations

import base64
import contextlib
import importlib.util
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.support.saml import attacks, messages

IDP, SP = "https://idp.example.com/saml", "https://sp.example.com/saml"
ACS, REQUEST = "https://sp.example.com/acs", "_request0123456789"
KEY, OTHER = messages.new_key(), messages.new_key("attacker.example")
GOOD = messages.Answer(issuer=IDP, audience=SP, recipient=ACS, in_response_to=REQUEST)


def cases() -> dict[str, str]:
    """Return the messages by name: first the good ones, then all that must be refused."""
    one, both = messages.signed(GOOD, KEY), messages.signed(GOOD, KEY, response=True)
    found = {"good: assertion signed": one, "good: both signed": both}
    found |= dict(attacks.wrapped(one, both))
    long = messages.signed(replace(GOOD, subject=attacks.VICTIM + ".evil.example"), KEY)
    bad = {
        "not in time": replace(GOOD, start=-7200, end=-3600),
        "not yet": replace(GOOD, start=3600, end=7200),
        "other audience": replace(GOOD, audience="https://other.example"),
        "other recipient": replace(GOOD, recipient="https://other.example/acs", destination=ACS),
        "other destination": replace(GOOD, destination="https://other.example/acs"),
        "other request": replace(GOOD, in_response_to="_another"),
        "unsolicited": replace(GOOD, in_response_to=""),
        "other issuer": replace(GOOD, issuer="https://other.example/saml"),
        "no confirmation": replace(GOOD, confirmation=False),
        "no conditions": replace(GOOD, conditions=False),
        "status: failure": replace(GOOD, status=messages.SUCCESS.replace("Success", "Responder")),
    }
    found |= {name: messages.signed(answer, KEY) for name, answer in bad.items()}
    return found | {
        "unsigned": attacks.unsigned(one),
        "changed after signing": attacks.changed(one),
        "comment in the subject": attacks.commented(long, attacks.VICTIM + ".evil.example"),
        "key in KeyInfo": messages.signed(GOOD, OTHER),
        "SHA-1": messages.signed(
            GOOD, KEY, algorithm=messages.RSA_SHA1, digest=messages.SHA1
        ),
        "entity": attacks.with_document_type(one),
        "entity of a file": attacks.outside_entity(one),
    }  # fmt: skip


def pysaml2() -> Callable[[str], str]:
    """The maintained one; needs the program xmlsec1."""
    from saml2 import BINDING_HTTP_POST
    from saml2.client import Saml2Client
    from saml2.config import SPConfig

    metadata = (
        f'<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{IDP}">'
        f'<md:IDPSSODescriptor protocolSupportEnumeration="{messages.PROTOCOL}">'
        f'<md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="{messages.SIG}"><ds:X509Data>'
        f"<ds:X509Certificate>{KEY.body}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>"
        '</md:KeyDescriptor><md:SingleSignOnService Location="https://idp.example.com/sso"'
        ' Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"/>'
        "</md:IDPSSODescriptor></md:EntityDescriptor>"
    )
    config = SPConfig().load({
        "entityid": SP, "metadata": {"inline": [metadata]},
        "service": {"sp": {
            "endpoints": {"assertion_consumer_service": [(ACS, BINDING_HTTP_POST)]},
            "want_assertions_signed": True, "want_response_signed": False,
            "allow_unsolicited": False,
        }},
    })  # fmt: skip

    def judge(xml: str) -> str:
        client = Saml2Client(config=config)
        sent = base64.b64encode(xml.encode()).decode()
        found = client.parse_authn_request_response(sent, BINDING_HTTP_POST, {REQUEST: "/"})
        return str(found.name_id.text)

    return judge


def python3_saml() -> Callable[[str], str]:
    """The one whose last release is of October 2023; brings its own xmlsec."""
    from onelogin.saml2.auth import OneLogin_Saml2_Auth

    settings = {
        "strict": True,
        "sp": {"entityId": SP, "assertionConsumerService": {"url": ACS}},
        "idp": {
            "entityId": IDP, "singleSignOnService": {"url": "https://idp.example.com/sso"},
            "x509cert": KEY.certificate,
        },
        "security": {"wantAssertionsSigned": True, "rejectDeprecatedAlgorithm": True},
    }  # fmt: skip

    def judge(xml: str) -> str:
        sent = base64.b64encode(xml.encode()).decode()
        asked = {
            "https": "on", "http_host": "sp.example.com", "script_name": "/acs", "get_data": {},
            "post_data": {"SAMLResponse": sent},
        }  # fmt: skip
        auth = OneLogin_Saml2_Auth(asked, settings)
        auth.process_response(request_id=REQUEST)
        if auth.get_errors() or not auth.is_authenticated():
            raise ValueError(auth.get_last_error_reason())
        return str(auth.get_nameid())

    return judge


def signxml() -> Callable[[str], str]:
    """Signatures only: it hands back what was signed, and leaves SAML to the caller."""
    from signxml import XMLVerifier

    def judge(xml: str) -> str:
        signed = XMLVerifier().verify(xml.encode(), x509_cert=KEY.certificate).signed_xml
        return str(signed.findtext(f".//{{{messages.ASSERTION}}}NameID"))

    return judge


def fetches(judge: Callable[[str], str]) -> bool:
    """Say whether a library opens the address of a schema that an answer names."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(1)
        hint = (
            '<saml:Assertion xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
            f' xsi:schemaLocation="urn:x http://127.0.0.1:{listener.getsockname()[1]}/x.xsd" '
        )
        xml = messages.signed(GOOD, KEY).replace("<saml:Assertion ", hint, 1)
        asking = threading.Thread(target=_quietly, args=(judge, xml))
        asking.start()
        try:
            listener.accept()[0].close()
            called = True
        except TimeoutError:
            called = False
        asking.join(20)
    return called


def _quietly(judge: Callable[[str], str], xml: str) -> None:
    with contextlib.suppress(Exception):
        judge(xml)


def main() -> None:
    """Print one line a case, one column a library."""
    modules = {pysaml2: "saml2", python3_saml: "onelogin", signxml: "signxml"}
    here = {
        make.__name__: make()
        for make, module in modules.items()
        if importlib.util.find_spec(module)
    }
    took = dict.fromkeys(here, 0.0)
    print("| case |", " | ".join(here), "|\n|---|" + "---|" * len(here))
    for name, xml in cases().items():
        ends = []
        for library, judge in here.items():
            began = time.perf_counter()
            try:
                ends.append(f"**{judge(xml)}**")
            except Exception as error:
                ends.append(f"refused ({type(error).__name__})")
            took[library] += time.perf_counter() - began
        print(f"| {name} |", " | ".join(ends), "|")
    told = ["**fetched**" if fetches(judge) else "not fetched" for judge in here.values()]
    print("| a schema named in the answer |", " | ".join(told), "|")
    print("| ms a case |", " | ".join(f"{took[n] / len(cases()) * 1000:.0f}" for n in here), "|")


if __name__ == "__main__":
    main()
