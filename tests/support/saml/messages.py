"""SAML responses as an identity provider makes them, signed by the program xmlsec1.

Written out as text, so that a test can make each of them wrong in one place and still have it
signed: what a dishonest or misconfigured provider sends, which no library would produce.
"""

from __future__ import annotations

import datetime as dt
import secrets
import subprocess
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

SIG = "http://www.w3.org/2000/09/xmldsig#"
PROTOCOL = "urn:oasis:names:tc:SAML:2.0:protocol"
ASSERTION = "urn:oasis:names:tc:SAML:2.0:assertion"
EXC_C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"
ENVELOPED = f"{SIG}enveloped-signature"
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
RSA_SHA1 = f"{SIG}rsa-sha1"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
SHA1 = f"{SIG}sha1"
BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
SUCCESS = "urn:oasis:names:tc:SAML:2.0:status:Success"
PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
TRANSFORMS = f'<ds:Transform Algorithm="{ENVELOPED}"/><ds:Transform Algorithm="{EXC_C14N}"/>'


def new_id() -> str:
    """Return an id as messages carry it."""
    return f"_{secrets.token_hex(20)}"


@dataclass(frozen=True)
class Key:
    """A key with a certificate, both PEM."""

    private: str
    certificate: str

    @property
    def body(self) -> str:
        """The certificate as it stands in XML: base64 without the frame."""
        return "".join(self.certificate.split("\n")[1:-2])


def new_key(name: str = "idp.example", *, days: int = 30) -> Key:
    """Make an RSA key with a certificate signed by itself."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject).issuer_name(subject).public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=days))
        .sign(private, hashes.SHA256())
    )  # fmt: skip
    return Key(
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode(),
        certificate.public_bytes(serialization.Encoding.PEM).decode(),
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A response with one assertion; each field may be made wrong.

    `start` and `end` are seconds from now; `extra` is XML put into the response before the
    assertion, `inside` XML put into the assertion after its conditions.
    """

    issuer: str
    audience: str
    recipient: str
    in_response_to: str
    subject: str = "person-1"
    email: str = "person@example.com"
    name: str = "A Person"
    destination: str | None = None  #: None: the recipient
    response_issuer: str | None = None
    assertion_in_response_to: str | None = None
    format: str = PERSISTENT
    start: int = -30
    end: int = 300
    issued: int = 0
    status: str = SUCCESS
    method: str = BEARER
    confirmation: bool = True
    not_on_or_after: bool = True
    conditions: bool = True
    statement: bool = True
    extra: str = ""
    inside: str = ""
    response_id: str = ""
    assertion_id: str = ""

    def xml(self, *, assertion: str = "", response: str = "") -> str:
        """Return the response.

        Args:
            assertion: a signature, or a template of one, to stand in the assertion.
            response: likewise in the response.
        """
        response_issuer = self.issuer if self.response_issuer is None else self.response_issuer
        destination = self.recipient if self.destination is None else self.destination
        answers = f' InResponseTo="{self.in_response_to}"' if self.in_response_to else ""
        return (
            f'<samlp:Response xmlns:samlp="{PROTOCOL}" xmlns:saml="{ASSERTION}"'
            f' xmlns:ds="{SIG}" ID="{self.response_id}" Version="2.0"'
            f' IssueInstant="{_at(self.issued)}" Destination="{destination}"{answers}>'
            f"<saml:Issuer>{response_issuer}</saml:Issuer>{response}{self.extra}"
            f'<samlp:Status><samlp:StatusCode Value="{self.status}"/></samlp:Status>'
            f"{self._assertion(assertion)}</samlp:Response>"
        )

    def _assertion(self, signature: str) -> str:
        given = self.assertion_in_response_to
        answers = self.in_response_to if given is None else given
        data = f' Recipient="{self.recipient}"'
        data += f' InResponseTo="{answers}"' if answers else ""
        data += f' NotOnOrAfter="{_at(self.end)}"' if self.not_on_or_after else ""
        confirmed = (
            f'<saml:SubjectConfirmation Method="{self.method}">'
            f"<saml:SubjectConfirmationData{data}/></saml:SubjectConfirmation>"
        )
        limits = (
            f'<saml:Conditions NotBefore="{_at(self.start)}" NotOnOrAfter="{_at(self.end)}">'
            f"<saml:AudienceRestriction><saml:Audience>{self.audience}</saml:Audience>"
            "</saml:AudienceRestriction></saml:Conditions>"
        )
        statement = (
            f'<saml:AuthnStatement AuthnInstant="{_at(0)}" SessionIndex="s1"><saml:AuthnContext>'
            "<saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:Password"
            "</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>"
        )
        return (
            f'<saml:Assertion ID="{self.assertion_id}" Version="2.0"'
            f' IssueInstant="{_at(self.issued)}"><saml:Issuer>{self.issuer}</saml:Issuer>'
            f'{signature}<saml:Subject><saml:NameID Format="{self.format}">{self.subject}'
            f"</saml:NameID>{confirmed if self.confirmation else ''}</saml:Subject>"
            f"{limits if self.conditions else ''}{self.inside}"
            f"{statement if self.statement else ''}<saml:AttributeStatement>"
            f"{_attribute('urn:oid:0.9.2342.19200300.100.1.3', 'mail', self.email)}"
            f"{_attribute('urn:oid:2.16.840.1.113730.3.1.241', 'displayName', self.name)}"
            "</saml:AttributeStatement></saml:Assertion>"
        )


def _attribute(name: str, friendly: str, value: str) -> str:
    return (
        f'<saml:Attribute Name="{name}" FriendlyName="{friendly}" NameFormat="'
        'urn:oasis:names:tc:SAML:2.0:attrname-format:uri">'
        f"<saml:AttributeValue>{value}</saml:AttributeValue></saml:Attribute>"
    )


def _at(seconds: int) -> str:
    when = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds)
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def template(
    target: str, key: Key | None = None, *, algorithm: str = RSA_SHA256, digest: str = SHA256,
    transforms: str = TRANSFORMS, reference: str | None = None, canonical: str = EXC_C14N,
) -> str:  # fmt: skip
    """Return an empty signature of the element with the id `target`, for xmlsec1 to fill."""
    uri = f"#{target}" if reference is None else reference
    shown = "<ds:KeyName>k</ds:KeyName>"
    if key is not None:
        shown = f"<ds:X509Data><ds:X509Certificate>{key.body}</ds:X509Certificate></ds:X509Data>"
    return (
        f'<ds:Signature><ds:SignedInfo><ds:CanonicalizationMethod Algorithm="{canonical}"/>'
        f'<ds:SignatureMethod Algorithm="{algorithm}"/><ds:Reference URI="{uri}">'
        f"<ds:Transforms>{transforms}</ds:Transforms>"
        f'<ds:DigestMethod Algorithm="{digest}"/><ds:DigestValue/></ds:Reference>'
        f"</ds:SignedInfo><ds:SignatureValue/>"
        f"<ds:KeyInfo>{shown}</ds:KeyInfo></ds:Signature>"
    )


def sign(xml: str, target: str, key: Key, *, element: str = "Assertion", hmac: bytes = b"") -> str:
    """Fill the signature in the element with the id `target`; `hmac`: with this secret instead."""
    namespace = PROTOCOL if element == "Response" else ASSERTION
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "in.xml").write_text(xml)
        (place / "key").write_bytes(hmac or key.private.encode())
        done = subprocess.run(
            ["xmlsec1", "--sign", "--hmackey" if hmac else "--privkey-pem", place / "key",
             "--id-attr:ID", f"{namespace}:{element}", "--node-xpath",
             f"//*[local-name()='{element}' and @ID='{target}']/*[local-name()='Signature']",
             "--output", place / "out.xml", place / "in.xml"],
            capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return (place / "out.xml").read_text()


def signed(answer: Answer, key: Key, *, response: bool = False, **options: object) -> str:
    """Return an answer whose assertion is signed, and with `response` the whole of it, too."""
    answer = replace(
        answer, response_id=answer.response_id or new_id(),
        assertion_id=answer.assertion_id or new_id(),
    )  # fmt: skip
    inner = template(answer.assertion_id, key, **options)  # type: ignore[arg-type]
    outer = template(answer.response_id, key) if response else ""
    xml = sign(answer.xml(assertion=inner, response=outer), answer.assertion_id, key)
    return sign(xml, answer.response_id, key, element="Response") if response else xml
