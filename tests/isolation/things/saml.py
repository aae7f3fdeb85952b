"""Connections of people's organizations to identity providers, and domains that they claim."""

from __future__ import annotations

import base64
import datetime as dt
from functools import cache
from uuid import UUID, uuid4

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.isolation.things.organizations import organization
from tests.isolation.world import SYSTEM, Person, World

from musekit_auth_saml import connections
from musekit_auth_saml.models import SamlConnection
from musekit_auth_saml.provider_side import entered


@cache
def certificate() -> str:
    """A certificate of nobody."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now).not_valid_after(now + dt.timedelta(days=90))
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    return base64.b64encode(made.public_bytes(serialization.Encoding.DER)).decode()


def connection(world: World, it: Person) -> UUID:
    """A connection that is switched on."""
    known = world.made.get((it.name, "saml connection"))
    if known is None:
        belongs = organization(world, it)
        side = entered(f"https://idp.example/{it.name}", "https://idp.example/sso", certificate())
        with world.host.database.session(SYSTEM) as session:
            row = connections.create(session, belongs, "Crew")
            connections.change(session, row, label="Crew", side=side, enabled=True)
            known = row.id
        world.made[it.name, "saml connection"] = known
    return known


def domain(world: World, it: Person) -> UUID:
    """A domain that it claims: another one each time, for some are taken away."""
    belongs = connection(world, it)
    with world.host.database.session(SYSTEM) as session:
        for each in connections.domains(session, belongs):
            session.delete(each)
        session.flush()
        row = session.get_one(SamlConnection, belongs)
        return connections.claim(session, row, f"{uuid4().hex}.example").id
