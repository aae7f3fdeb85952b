"""What admins enter of their provider: taken in the shapes in which providers hand it out."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from tests.support.saml import messages

from musekit.errors import InvalidError
from musekit_auth_saml.provider_side import ends_of, entered, from_metadata

MD = "urn:oasis:names:tc:SAML:2.0:metadata"
REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"


@pytest.fixture(scope="module")
def key() -> messages.Key:
    return messages.new_key()


def metadata(*certificates: str, use: str = ' use="signing"', binding: str = REDIRECT) -> str:
    keys = "".join(
        f'<md:KeyDescriptor{use}><ds:KeyInfo xmlns:ds="{messages.SIG}"><ds:X509Data>'
        f"<ds:X509Certificate>\n{each}\n</ds:X509Certificate></ds:X509Data></ds:KeyInfo>"
        "</md:KeyDescriptor>"
        for each in certificates
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<md:EntityDescriptor xmlns:md="{MD}"'
        f' entityID="https://idp.example/e"><md:IDPSSODescriptor>{keys}'
        f'<md:SingleSignOnService Binding="{binding}" Location="https://idp.example/sso?a=1&amp;b=2"'
        "/></md:IDPSSODescriptor></md:EntityDescriptor>"
    )


def faults(error: pytest.ExceptionInfo[InvalidError]) -> dict[str, str]:
    return {each["field"]: each["message"] for each in error.value.extra["errors"]}


def test_metadata_say_it_all(key) -> None:
    other = messages.new_key()
    found = from_metadata(metadata(key.body, other.body, key.body))
    assert found.entity_id == "https://idp.example/e"
    assert found.sso_url == "https://idp.example/sso?a=1&b=2"
    assert found.certificates == (key.body, other.body)
    assert from_metadata(metadata(key.body, use="")).certificates == (key.body,)
    nested = f'<md:EntitiesDescriptor xmlns:md="{MD}">{metadata(key.body).partition("?>")[2]}'
    assert from_metadata(f"{nested}</md:EntitiesDescriptor>") == from_metadata(metadata(key.body))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("hello", "not XML"), ("<a/>", "not the metadata"), (metadata(), "certificate"),
        (metadata("AAAA"), "certificate"), (metadata("x", use=' use="encryption"'), "certificate"),
        (metadata("x", binding="urn:other"), "HTTP-Redirect"),
        ('<!DOCTYPE a [<!ENTITY b "c">]>' + metadata("x").partition("?>")[2], "not XML"),
        ("<a>" * 3000, "not XML"), ("x" * 600_000, "too long"), ("\ud800", "not XML"),
    ],
)  # fmt: skip
def test_metadata_of_nobody(text: str, says: str) -> None:
    with pytest.raises(InvalidError) as error:
        from_metadata(text)
    assert list(faults(error)) == ["metadata"]
    assert says in faults(error)["metadata"]


def test_certificates_in_any_dress(key) -> None:
    other = messages.new_key()
    for text in (
        key.certificate, key.body, f"  {key.certificate}\n\n{other.certificate}",
        key.certificate.replace("\n", "\r\n"),
    ):  # fmt: skip
        assert entered("e", "https://idp.example", text).certificates[0] == key.body
    both = entered("e", "https://x.example", key.certificate + other.certificate)
    assert both.certificates == (key.body, other.body)
    (end,) = ends_of([key.body])
    assert end.tzinfo is not None


@pytest.mark.parametrize(
    "address",
    [
        "", "idp.example/sso", "http://idp.example/sso", "javascript:alert(1)", "https://",
        "https://me:secret@idp.example/", "https://idp.example/#x", "https://idp.example/a b",
        "https://[", "ftp://idp.example", "https://idp.example/" + "x" * 3000,
    ],
)  # fmt: skip
def test_addresses_that_are_none(key, address: str) -> None:
    with pytest.raises(InvalidError) as error:
        entered("e", address, key.certificate)
    assert list(faults(error)) == ["sso_url"]


def test_addresses_of_this_machine_are_for_trying_out(key) -> None:
    assert entered("e", "http://localhost:9000/sso", key.certificate)


@pytest.mark.parametrize("name", ["", "   ", "two words", "x" * 2000, "a\0b"])
def test_entity_ids_that_are_none(key, name: str) -> None:
    with pytest.raises(InvalidError) as error:
        entered(name, "https://idp.example", key.certificate)
    assert list(faults(error)) == ["entity_id"]


def certificate_of(private, algorithm=None) -> str:
    import datetime as dt

    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([])).issuer_name(x509.Name([])).serial_number(1)
        .public_key(private.public_key()).not_valid_before(now)
        .not_valid_after(now + dt.timedelta(days=1)).sign(private, algorithm)
    )  # fmt: skip
    return base64.b64encode(made.public_bytes(Encoding.DER)).decode()


def test_keys_that_are_weak_or_strange() -> None:
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    for text in (
        certificate_of(short, hashes.SHA256()),
        certificate_of(ed25519.Ed25519PrivateKey.generate()),
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "", "ü",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
    ):  # fmt: skip
        with pytest.raises(InvalidError) as error:
            entered("e", "https://idp.example", text)
        assert list(faults(error)) == ["certificate"]
