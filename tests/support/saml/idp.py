"""A SAML identity provider of pysaml2, in a process of its own, for tests on loopback.

    python -m tests.support.saml.idp PORT FOLDER

It is reached as ``localhost``, which to a browser is another site than ``127.0.0.1``: so answers
come across sites, without the cookies of ours, as they do in life. Whoever types a login is that
person, as ``ada`` with the address ada@people.example. It reads our metadata where our entity id
says that they are.
"""

from __future__ import annotations

import html
import sys
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
PASSWORD = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"
PAGE = """<!doctype html><html lang="en"><title>The provider</title><h1>Sign in</h1>
<form method="post" action="/login">{hidden}<label>Login <input name="login" autofocus></label>
<button>Sign in</button><button name="no" value="1">Cancel</button></form></html>"""


def configured(base: str, folder: Path) -> Any:
    """Return the provider, with a key of its own."""
    from saml2.config import IdPConfig
    from saml2.server import Server
    from tests.support.saml.messages import new_key

    key = new_key("localhost")
    (folder / "key.pem").write_text(key.private)
    (folder / "certificate.pem").write_text(key.certificate)
    config = IdPConfig().load({
        "entityid": f"{base}/metadata",
        "key_file": str(folder / "key.pem"), "cert_file": str(folder / "certificate.pem"),
        "service": {"idp": {
            "endpoints": {"single_sign_on_service": [(f"{base}/sso", REDIRECT)]},
            "name_id_format": [PERSISTENT],
            "policy": {"default": {
                "lifetime": {"minutes": 5}, "attribute_restrictions": None,
                "name_form": "urn:oasis:names:tc:SAML:2.0:attrname-format:uri",
            }},
        }},
        "metadata": {"inline": []},
    })  # fmt: skip
    return Server(config=config)


class Handler(BaseHTTPRequestHandler):
    """Requests of browsers."""

    server: Any

    def log_message(self, format: str, *args: object) -> None:
        """Be silent."""

    def do_GET(self) -> None:
        """Give metadata, or ask who it is that is to be signed in."""
        parts = urlsplit(self.path)
        given = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path == "/metadata":
            from saml2.metadata import entity_descriptor

            return self._say(str(entity_descriptor(self.server.provider.config)), "text/xml")
        if parts.path == "/sso" and given.get("SAMLRequest"):
            hidden = "".join(
                f'<input type="hidden" name="{name}" value="{html.escape(given.get(name, ""))}">'
                for name in ("SAMLRequest", "RelayState")
            )
            return self._say(PAGE.format(hidden=hidden))
        return self._say("nothing here", status=404)

    def do_POST(self) -> None:
        """Sign somebody in, and send the answer by the browser."""
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        given = {name: values[0] for name, values in parse_qs(body).items()}
        provider = self.server.provider
        _know(provider, given["SAMLRequest"])
        asked = provider.parse_authn_request(given["SAMLRequest"], REDIRECT).message
        where = provider.response_args(asked, [POST])
        made = self._refusal(where) if "no" in given else self._answer(where, given["login"])
        page = provider.apply_binding(
            POST, str(made), where["destination"], given.get("RelayState", ""), response=True
        )
        self._say(page["data"])

    def _answer(self, where: dict[str, Any], login: str) -> Any:
        from saml2.saml import NameID

        return self.server.provider.create_authn_response(
            {"mail": f"{login}@people.example", "displayName": login.capitalize()},
            in_response_to=where["in_response_to"], destination=where["destination"],
            sp_entity_id=where["sp_entity_id"], userid=login,
            name_id=NameID(format=PERSISTENT, text=f"of-{login}"),
            authn={"class_ref": PASSWORD, "authn_auth": "this"}, sign_assertion=True,
            sign_response=self.server.signs_both, sign_alg=RSA_SHA256, digest_alg=SHA256,
        )  # fmt: skip

    def _refusal(self, where: dict[str, Any]) -> Any:
        return self.server.provider.create_error_response(
            where["in_response_to"], where["destination"], Exception("cancelled"), sign=False
        )

    def _say(self, body: str, kind: str = "text/html", status: int = 200) -> None:
        data = body.encode()
        self.send_response(status)
        self.send_header("content-type", f"{kind}; charset=utf-8")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def _know(provider: Any, request: str) -> None:
    """Read the metadata of whoever asks, as a provider does that is given their address."""
    from saml2.s_utils import decode_base64_and_inflate
    from saml2.samlp import authn_request_from_string

    issuer = authn_request_from_string(decode_base64_and_inflate(request)).issuer.text
    known = set(provider.metadata.keys())
    if issuer not in known and issuer.startswith("http://127.0.0.1:"):
        with urllib.request.urlopen(issuer, timeout=10) as answer:
            provider.reload_metadata({"inline": [answer.read().decode()]})


def main() -> None:
    """Serve until the end."""
    port, folder = int(sys.argv[1]), Path(sys.argv[2])
    server: Any = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.signs_both = "--both" in sys.argv
    server.provider = configured(f"http://localhost:{port}", folder)
    print("ready", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
