"""Requests made to keep a server busy: each is sent as bytes, and costs the sender little."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Iterator
from dataclasses import dataclass

MOST = 131_000  #: just below what a body may have
FORM, JSON = "application/x-www-form-urlencoded", "application/json"
MULTIPART = "multipart/form-data; boundary=x"


@dataclass(frozen=True)
class Attack:
    """One request; `Cookie` and other headers of who sends it are added."""

    name: str
    path: str
    method: str = "POST"
    body: bytes = b""
    kind: str = JSON
    headers: tuple[tuple[str, str], ...] = ()
    times: int = 1  #: sent at once, on one connection

    def raw(self, host: str, more: dict[str, str]) -> bytes:
        """Return it as it goes over the wire."""
        lines = [f"{self.method} {self.path} HTTP/1.1", f"Host: {host}"]
        lines += [f"{name}: {value}" for name, value in (*more.items(), *self.headers)]
        if self.method not in ("GET", "HEAD"):
            lines.append(f"Content-Type: {self.kind}")
            if not any(name == "Transfer-Encoding" for name, _ in self.headers):
                lines.append(f"Content-Length: {len(self.body)}")
        head = "\r\n".join([*lines, "Connection: close" if self.times == 1 else "X: y", "", ""])
        return (head.encode("latin-1") + self.body) * self.times


def _filled(unit: bytes, start: bytes = b"", end: bytes = b"") -> bytes:
    return start + unit * ((MOST - len(start) - len(end)) // len(unit)) + end


def _parts(part: bytes, count: int) -> bytes:
    return b"".join(b"--x\r\n" + part + b"\r\n" for _ in range(count))[: MOST - 9] + b"--x--\r\n"


_FIELD = b'Content-Disposition: form-data; name="a"\r\n'
_POST = '{"platform": "sandbox", "content": "'


def _json_bodies() -> Iterator[tuple[str, bytes]]:
    yield "lists inside each other", b"[" * MOST
    yield "objects inside each other", _filled(b'{"a":')
    yield "half a million numbers", _filled(b"1,", b'{"a":[', b"1]}")
    yield "many long numbers", _filled(b"9" * 4000 + b",", b'{"a":[', b"1]}")
    yield "a number of a million digits", _filled(b"9", b'{"a":', b"}")
    yield "many fractions", _filled(b"1e-307,", b'{"a":[', b"1]}")
    yield "a fraction of a million digits", _filled(b"9", b'{"a":0.', b"}")
    yield "escapes", _filled(b"\\u0041", b'{"a":"', b'"}')
    yield "halves of pairs", _filled(b"\\ud800", b'{"a":"', b'"}')
    names = b",".join(b'"n%d":1' % n for n in range(20_000))
    yield "very many names", b"{" + names[: MOST - 2].rpartition(b",")[0] + b"}"
    yield "one name, again and again", _filled(b'"a":1,', b"{", b'"a":1}')
    yield "empty lists", _filled(b"[],", b'{"a":[', b"[]]}")
    yield "blanks", _filled(b" ", b"{", b"}")


def _posts() -> Iterator[tuple[str, bytes]]:
    for name, text in {
        "a text of one letter": "x", "a text of addresses": "https://a.b/ ",
        "a text of tags": "#a", "a text of joiners": "\\u200d", "a text of accents": "\\u0301",
        "a text of flags": "\\ud83c\\udde6", "a text of dots": "a.", "a text of at signs": "@",
        "a text of line ends": "\\n",
    }.items():  # fmt: skip
        yield name, _filled(text.encode(), _POST.encode(), b'"}')


def _forms() -> Iterator[tuple[str, bytes, str]]:
    yield "a million ampersands", _filled(b"&"), FORM
    yield "a quarter of a million fields", _filled(b"a=b&"), FORM
    yield "escaped letters", b"email=" + _filled(b"%41")[:-9], FORM
    yield "one long name", _filled(b"a"), FORM
    yield "semicolons and equals signs", _filled(b"=;"), FORM
    yield "a token of a million letters", b"csrf_token=" + _filled(b"A")[:-20], FORM
    yield "empty parts", _parts(_FIELD + b"\r\n", 20_000), MULTIPART
    yield "parts without a name", _parts(b"\r\n", 100_000), MULTIPART
    yield "files", _parts(_FIELD[:-2] + b'; filename="b"\r\n\r\nx', 15_000), MULTIPART
    yield "headers of a part", b"--x\r\n" + _filled(b"A: b\r\n")[:-9], MULTIPART
    yield "a header of a part", b"--x\r\n" + _FIELD[:-2] + b"; a=" + b"b" * (MOST - 99), MULTIPART
    yield "a preamble of line ends", _filled(b"\r\n")[:-9] + b"--x--", MULTIPART
    yield "nearly boundaries", b"--x\r\n" + _FIELD + b"\r\n" + _filled(b"\r\n--")[:-99], MULTIPART
    yield "dashes", b"--x\r\n" + _FIELD + b"\r\n" + _filled(b"-")[:-99], MULTIPART
    yield "a long boundary", b"", f"multipart/form-data; boundary={'x' * 20_000}"
    yield "parameters of the kind", b"", "multipart/form-data" + "; a=b" * 4000
    yield "quotes in the kind", b"", 'application/json; a="' + '\\"' * 8000


def _headers() -> Iterator[tuple[str, str, str, str]]:
    yield "many cookies", "/sign-in", "Cookie", "a=b; " * 9000
    yield "a quoted cookie", "/sign-in", "Cookie", 'a="' + "\\073" * 9000
    yield "many languages", "/sign-in", "Accept-Language", "en;q=0.1," * 5000
    yield "many kinds", "/sign-in", "Accept", "text/html;q=0.1, */*;q=0.2," * 1500
    yield "many codings", "/sign-in", "Accept-Encoding", "gzip;q=0.1," * 4000
    yield "a long token", "/api/auth/me", "Authorization", "Bearer mk_live_" + "a" * 50_000
    yield "many hops", "/sign-in", "X-Forwarded-For", "10.0.0.1, " * 4500
    yield "many ranges", "/-/static/musekit/app.js", "Range", "bytes=" + "0-,1-," * 7000
    yield "many tags", "/-/static/musekit/app.js", "If-None-Match", '"a",' * 10_000
    yield "a long origin", "/sign-in", "Origin", "https://" + "a." * 20_000
    yield "a long agent", "/sign-in", "User-Agent", "Mozilla/5.0 (" * 4000


def _addresses() -> Iterator[tuple[str, str]]:
    yield "many parameters", "/sign-in?" + "a=b&" * 12_000
    yield "escaped parameters", "/api/social/posts?cursor=" + "%41" * 15_000
    yield "steps up", "/" + "%2e%2e%2f" * 5000
    yield "many folders", "/a" * 20_000
    yield "slashes", "/" * 40_000
    yield "a search of wild cards", "/admin/users?search=" + "%25_" * 10_000


def attacks() -> list[Attack]:
    """Return all of them."""
    found = [Attack(name, "/api/auth/sign-in", body=body) for name, body in _json_bodies()]
    found += [Attack(name, "/api/social/posts", body=body) for name, body in _posts()]
    found += [Attack(name, "/sign-in", body=body, kind=kind) for name, body, kind in _forms()]
    found += [
        Attack(name, path, "GET", headers=((header, value),))
        for name, path, header, value in _headers()
    ]
    found += [Attack(name, path, "GET") for name, path in _addresses()]
    long, mail = "a" * 120_000, ("a." * 30_000) + "@" + ("b." * 30_000)
    found += [
        Attack("a long password", "/api/auth/sign-up", body=_account("a@example.com", long)),
        Attack("a long address", "/api/auth/sign-up", body=_account(mail, "x")),
        Attack("an address of at signs", "/api/auth/forgot",
               body=_filled(b"@", b'{"email": "', b'"}')),
        Attack("many signatures of Stripe", "/api/billing/stripe/webhook", body=b"{}" * 400_000,
               headers=(("Stripe-Signature", "t=1," + "v1=ab," * 7000),)),
        Attack("many signatures of Resend", "/api/email/resend/webhook", body=b"{}" * 400_000,
               headers=(("svix-id", "a"), ("svix-timestamp", "1"),
                        ("svix-signature", "v1,ab= " * 6000))),
        Attack("an answer of SAML, deep", "/sign-in/saml/00000000-0000-7000-8000-000000000000/acs",
               body=b"SAMLResponse=" + base64.b64encode(b"<a>" * 200_000), kind=FORM),
        Attack("a packed body", "/api/auth/sign-in", body=gzip.compress(b" " * 300 * MOST, 1),
               headers=(("Content-Encoding", "gzip"),)),
        Attack("a body in tiny pieces", "/api/auth/sign-in",
               body=b"1\r\n \r\n" * 60_000 + b"0\r\n\r\n",
               headers=(("Transfer-Encoding", "chunked"),)),
        Attack("extensions of pieces", "/api/auth/sign-in",
               body=(b"1;" + b"a" * 3000 + b"\r\n \r\n") * 200 + b"0\r\n\r\n",
               headers=(("Transfer-Encoding", "chunked"),)),
        Attack("many requests at once", "/api/auth/me", "GET", times=300),
        Attack("many requests for nothing", "/nothing", "GET", times=300),
    ]  # fmt: skip
    return found


def _account(email: str, password: str) -> bytes:
    return f'{{"email": "{email}", "password": "{password}"}}'.encode()
