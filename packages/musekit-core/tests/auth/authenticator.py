"""A passkey device in a few lines (WebAuthn Level 3, §6), which can be made to misbehave."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Authenticator:
    """One device with one key."""

    def __init__(self, origin: str, rp_id: str = "localhost") -> None:
        self.origin, self.rp_id = origin, rp_id
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.credential_id = secrets.token_bytes(16)
        self.user_handle = b""
        self.count = 0
        self.flags = PRESENT | VERIFIED

    def create(self, options: dict[str, Any], **false: Any) -> dict[str, Any]:
        """Answer ``navigator.credentials.create``; `false` replaces members of the client data."""
        self.user_handle = decoded(options["user"]["id"])
        numbers = self.key.public_key().public_numbers()
        cose = cbor2.dumps(
            {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32), -3: numbers.y.to_bytes(32)}
        )
        attested = bytes(16) + len(self.credential_id).to_bytes(2) + self.credential_id + cose
        data = self._data(self.flags | ATTESTED) + attested
        client = self._client("webauthn.create", options, false)
        return self._credential(
            clientDataJSON=encoded(client), transports=["internal"],
            attestationObject=encoded(
                cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
            ),
        )  # fmt: skip

    def get(self, options: dict[str, Any], **false: Any) -> dict[str, Any]:
        """Answer ``navigator.credentials.get``."""
        self.count += 1
        data, client = self._data(self.flags), self._client("webauthn.get", options, false)
        signed = data + hashlib.sha256(client).digest()
        return self._credential(
            clientDataJSON=encoded(client), authenticatorData=encoded(data),
            signature=encoded(self.key.sign(signed, ec.ECDSA(hashes.SHA256()))),
            userHandle=encoded(self.user_handle),
        )  # fmt: skip

    def _data(self, flags: int) -> bytes:
        named = hashlib.sha256(self.rp_id.encode()).digest()
        return named + bytes([flags]) + self.count.to_bytes(4)

    def _client(self, kind: str, options: dict[str, Any], false: dict[str, Any]) -> bytes:
        told = {"type": kind, "challenge": options["challenge"], "origin": self.origin}
        return json.dumps({**told, "crossOrigin": False, **false}).encode()

    def _credential(self, **response: Any) -> dict[str, Any]:
        name = encoded(self.credential_id)
        return {
            "id": name, "rawId": name, "type": "public-key", "response": response,
            "clientExtensionResults": {}, "authenticatorAttachment": "platform",
        }  # fmt: skip
