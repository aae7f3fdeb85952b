"""What a provider may say: what is not exactly right lets nobody in (D13)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi import FastAPI
from tests.support import evil_oidc
from tests.support.evil_oidc import CLIENT_ID, CLIENT_SECRET, CurveKey, Evil, Key, Lies, part

from musekit.auth.federation import discovery, id_token
from musekit.errors import UnavailableError
from musekit.kernel.app import create_app
from musekit.kernel.host import Host
from musekit.kernel.settings import CoreSettings

from .federated import Browser, host_with, links

Claims = dict[str, Any]
ATTACKER = Key("first")  # the same name as the provider's own
WEAK = Key("first", bits=1024)


class At(int):
    """A time in seconds from the moment the token is made."""


def timed(claims: Claims) -> Claims:
    now = time.time()
    return {name: now + v if isinstance(v, At) else v for name, v in claims.items()}


@pytest.fixture(params=["sqlite"])
def backend(request: pytest.FixtureRequest) -> str:
    """Tokens are judged before the database is asked."""
    return str(request.param)


@pytest.fixture(scope="module")
def evils() -> Iterator[tuple[Evil, Evil]]:
    with evil_oidc.running() as one, evil_oidc.running() as two:
        yield one, two


@pytest.fixture
def evil(evils: tuple[Evil, Evil]) -> Iterator[Evil]:
    one, _ = evils
    key = one.key
    yield one
    one.lies, one.key = Lies(), key


@pytest.fixture
def host(
    settings: CoreSettings, evils: tuple[Evil, Evil], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Host]:
    with host_with(settings, monkeypatch, *evils) as built:
        yield built


@pytest.fixture
def app(host: Host) -> FastAPI:
    return create_app(host)


def said(**changed: Any) -> Lies:
    """Claims with some replaced; `...` takes one away."""

    def claims(honest: Claims) -> Claims:
        made = timed({**honest, **changed})
        return {name: value for name, value in made.items() if value is not ...}

    return Lies(claims=claims)


def headed(**changed: Any) -> Lies:
    def header(honest: Claims) -> Claims:
        made = timed({**honest, **changed})
        return {name: value for name, value in made.items() if value is not ...}

    return Lies(header=header)


def unsigned(algorithm: object) -> Lies:
    return Lies(
        token=lambda header, claims: f"{part({**header, 'alg': algorithm})}.{part(claims)}."
    )


def by(key: Key, **header: Any) -> Lies:
    def token(honest: Claims, claims: Claims) -> str:
        body = f"{part({**honest, **header})}.{part(claims)}"
        return f"{body}.{evil_oidc.encoded(key.sign(body.encode()))}"

    return Lies(token=token)


def symmetric(secret: Callable[[Evil], bytes]) -> Callable[[Evil], Lies]:
    """HS256 with something that is no secret, or is ours as well."""

    def lies(evil: Evil) -> Lies:
        def token(header: Claims, claims: Claims) -> str:
            body = f"{part({**header, 'alg': 'HS256'})}.{part(claims)}"
            seal = hmac.digest(secret(evil), body.encode(), "sha256")
            return f"{body}.{evil_oidc.encoded(seal)}"

        return Lies(token=token)

    return lies


def bent(change: Callable[[str], object]) -> Callable[[Evil], Lies]:
    """An honest token, changed afterwards."""
    return lambda evil: Lies(token=lambda header, claims: change(evil.sealed(header, claims)))


def _other_payload(token: str) -> str:
    head, body, seal = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    return f"{head}.{part({**claims, 'sub': 'victim'})}.{seal}"


def both(first: Lies, **more: Any) -> Lies:
    for name, value in more.items():
        setattr(first, name, value)
    return first


Lie = Lies | Callable[[Evil], Lies]
LIES: dict[str, Lie] = {
    # No signature, or one that proves nothing.
    "alg none": unsigned("none"), "alg None": unsigned("None"), "alg NONE": unsigned("NONE"),
    "alg nOnE": unsigned("nOnE"), "alg empty": unsigned(""), "alg null": unsigned(None),
    "alg a list": unsigned(["RS256"]), "alg a number": unsigned(256),
    "alg missing": headed(alg=...), "alg unknown": headed(alg="XX256"),
    "RS256 written otherwise": headed(alg="rs256"), "RS1": headed(alg="RS1"),
    "another algorithm of the same key": headed(alg="PS256"),
    "HS256 with the public key": symmetric(lambda evil: evil.key.pem()),
    "HS256 with the public key as JWK": symmetric(lambda evil: json.dumps(evil.key.jwk()).encode()),
    "HS256 with our secret": symmetric(lambda evil: CLIENT_SECRET.encode()),
    "HS256 with nothing": symmetric(lambda evil: b"\0"),
    "another's key of the same name": by(ATTACKER),
    "another's key in the header": by(ATTACKER, jwk=ATTACKER.jwk()),
    "another's key in the header, unnamed": by(ATTACKER, jwk=ATTACKER.jwk(), kid=...),
    "another's keys by address": by(ATTACKER, jku="http://127.0.0.1:9/keys"),
    "another's certificate by address": by(ATTACKER, x5u="http://127.0.0.1:9/pem"),
    "another's certificate": by(ATTACKER, x5c=["MIIB"]),
    "another's curve": by(CurveKey("first"), alg="ES256"),
    "unknown key": headed(kid="second"), "key named by path": headed(kid="../first"),
    "key named by a list": headed(kid=["first"]), "key named by null byte": headed(kid="first\0"),
    "two keys and none is named": both(
        headed(kid=...), keys=lambda keys: [*keys, ATTACKER.jwk(kid="other")]
    ),
    "critical header": headed(crit=["exp"], exp=At(300)),
    "critical header that nobody knows": headed(crit=["x"], x=1),
    "critical header that is empty": headed(crit=[]),
    "payload not encoded": headed(b64=False, crit=["b64"]),
    "a short key": lambda evil: both(by(WEAK), keys=lambda keys: [WEAK.jwk()]),
    "a key for encryption": both(headed(), keys=lambda keys: [{**keys[0], "use": "enc"}]),
    "a key of another algorithm": both(headed(), keys=lambda keys: [{**keys[0], "alg": "RS512"}]),
    "a symmetric key among the keys": lambda evil: both(
        symmetric(lambda evil: b"known")(evil),
        keys=lambda keys: [{"kty": "oct", "kid": "first", "k": evil_oidc.encoded(b"known")}],
    ),
    "no keys": both(headed(), keys=lambda keys: []),
    "keys that are none": both(headed(), keys=lambda keys: "keys"),
    "keys that are broken": both(headed(), keys=lambda keys: [{"kty": "RSA", "kid": "first"}]),
    # Bent.
    "no token": bent(lambda token: ""), "no text": bent(lambda token: 7),
    "a list": bent(lambda token: [token]), "null": bent(lambda token: None),
    "another payload": bent(_other_payload),
    "without its signature": bent(lambda token: token.rpartition(".")[0]),
    "with an empty signature": bent(lambda token: token.rpartition(".")[0] + "."),
    "cut": bent(lambda token: token[:-20]), "twice": bent(lambda token: f"{token}.{token}"),
    "another header": bent(lambda token: part({"alg": "RS256"}) + "." + token.partition(".")[2]),
    "a header that is a list": bent(lambda token: part([]) + "." + token.partition(".")[2]),
    "very long": bent(lambda token: token + "A" * 100_000),
    # For others, of others.
    "other issuer": said(iss="https://accounts.google.com"), "no issuer": said(iss=...),
    "issuer with a slash": lambda evil: said(iss=evil.url + "/"),
    "issuer in capitals": lambda evil: said(iss=evil.url.upper()),
    "issuers": lambda evil: said(iss=[evil.url]),
    "for another": said(aud="another"), "for nobody": said(aud=...), "for none": said(aud=[]),
    "for a part of us": said(aud=CLIENT_ID[:4]), "for us in an object": said(aud={CLIENT_ID: 1}),
    "for several": said(aud=[CLIENT_ID, "another"]),
    "for several, handed to another": said(aud=[CLIENT_ID, "another"], azp="another"),
    "handed to another": said(azp="another"), "handed to nobody": said(azp=None),
    # Of another time.
    "expired": said(exp=At(-120)), "never expires": said(exp=...),
    "expires as text": said(exp="9" * 12),
    "expires as truth": said(exp=True), "expires never": said(exp=float("inf")),
    "expires at NaN": said(exp=float("nan")), "expires null": said(exp=None),
    "of the future": said(iat=At(3600)), "of no time": said(iat=...),
    "not yet": said(nbf=At(3600)),
    # Of another flow.
    "no nonce": said(nonce=...), "empty nonce": said(nonce=""), "other nonce": said(nonce="A" * 43),
    "nonces": said(nonce=["A"]), "other access token": said(at_hash="A" * 22),
    # About nobody.
    "no subject": said(sub=...), "empty subject": said(sub=""), "a number": said(sub=7),
    "subjects": said(sub=["somebody"]), "very long subject": said(sub="a" * 256),
    "subject with a line break": said(sub="some\nbody"), "subject with a null": said(sub="some\0"),
    "subject of other letters": said(sub="ѕomebody"),
    # Beside the token.
    "no ID token": Lies(answer=lambda tokens: {k: v for k, v in tokens.items() if k != "id_token"}),
    "tokens in a list": Lies(answer=lambda tokens: [tokens]),
    "userinfo of somebody else": both(
        said(email=...), userinfo=lambda told: {**told, "sub": "victim"}
    ),
    "userinfo of nobody": both(said(email=...), userinfo=lambda told: {"email": "x@example.org"}),
    "userinfo in a list": both(said(email=...), userinfo=lambda told: [told]),
    "no address": both(said(email=...), userinfo=lambda told: {"sub": told["sub"]}),
    "an address that is none": said(email="nobody"), "two addresses": said(email="a@b.c, d@e.f"),
    "an address in a list": said(email=["a@example.org"]),
    "an address with a header": said(email="a@example.org\nBcc: b@example.org"),
    "discovery of another issuer": Lies(discovery=lambda said: {**said, "issuer": "https://x.example"}),
    "discovery with a slash": Lies(discovery=lambda said: {**said, "issuer": said["issuer"] + "/"}),
    "discovery without issuer": Lies(discovery=lambda said: {**said, "issuer": None}),
    "discovery without keys": Lies(discovery=lambda said: {**said, "jwks_uri": None}),
    "keys from a file": Lies(discovery=lambda said: {**said, "jwks_uri": "file:///etc/passwd"}),
    "keys from inside": Lies(discovery=lambda said: {**said, "jwks_uri": "http://127.0.0.1:1/keys"}),
    "tokens from inside": Lies(
        discovery=lambda said: {**said, "token_endpoint": "http://169.254.169.254/latest"}
    ),
    "discovery in a list": Lies(discovery=lambda said: [said]),
}  # fmt: skip


def come(app: FastAPI, evil: Evil, sub: str = "somebody") -> str:
    """Try to come in; return who is in then."""
    browser = Browser.new(app, evil)
    going = str(browser.client.get("/sign-in/with/one").headers["location"])
    if going.startswith("/"):
        assert going == "/sign-in"  # the provider makes no sense: nobody is sent there
        return browser.email
    answer = browser.client.get(
        evil_oidc.way_back("one", evil.agree(going, sub, f"{sub}@example.org"))
    )
    assert answer.status_code == 303, answer.text
    return browser.email


def test_lies_let_nobody_in(app: FastAPI, host: Host, evil: Evil) -> None:
    accepted = []
    for number, (name, lie) in enumerate(LIES.items()):
        forget(host)
        evil.lies = lie if isinstance(lie, Lies) else lie(evil)
        if come(app, evil, f"liar-{number}"):
            accepted.append(name)
    print(f"{len(LIES)} lies, {len(accepted)} accepted")
    assert accepted == []
    assert links(host) == set()
    assert len(LIES) >= 60
    evil.lies = Lies()
    forget(host)
    assert come(app, evil) == "somebody@example.org"


HONEST: dict[str, Lie] = {
    "plain": Lies(),
    "for us in a list": said(aud=[CLIENT_ID]),
    "for several, handed to us": said(aud=[CLIENT_ID, "another"], azp=CLIENT_ID),
    "one key and none is named": headed(kid=...),
    "a header that nobody has registered": headed(x="y"),
    "without type": headed(typ=...),
    "keys of other kinds beside": both(
        headed(), keys=lambda keys: [{"kty": "AKP", "kid": "new"}, *keys, CurveKey("c").jwk()]
    ),
    "half of the access token's hash": Lies(answer=lambda tokens: tokens),
    "address by userinfo": said(email=..., email_verified=...),
    "clocks apart by half a minute": said(iat=At(30), exp=At(300)),
}  # fmt: skip


@pytest.mark.parametrize("name", HONEST)
def test_what_is_right_is_let_in(app: FastAPI, host: Host, evil: Evil, name: str) -> None:
    lie = HONEST[name]
    evil.lies = lie if isinstance(lie, Lies) else lie(evil)
    assert come(app, evil) == "somebody@example.org"


def test_a_curve(app: FastAPI, evil: Evil) -> None:
    key = CurveKey("curve")
    evil.key, evil.lies = key, headed(alg="ES256", kid="curve")
    assert come(app, evil) == "somebody@example.org"


def test_keys_are_changed_now_and_then(
    app: FastAPI, host: Host, evil: Evil, monkeypatch: Any
) -> None:
    assert come(app, evil) == "somebody@example.org"
    asked = evil.asked_keys
    evil.key = Key("second")
    assert come(app, evil) == "somebody@example.org"  # nobody waits for a change of keys
    assert evil.asked_keys == asked + 1
    evil.key = Key("third")
    assert come(app, evil) == ""  # it was asked a moment ago, and is not asked for every token
    assert evil.asked_keys == asked + 1
    monkeypatch.setattr(discovery, "AGAIN_SECONDS", -1.0)
    assert come(app, evil) == "somebody@example.org"
    assert evil.asked_keys == asked + 2


def test_the_request_asks_for_the_strong_kind(app: FastAPI, host: Host, evil: Evil) -> None:
    """PKCE by S256, whatever a provider says that it knows; and the verifier stays here."""
    browser = Browser.new(app, evil)
    first, second = (parse_qs(urlsplit(browser.begin()).query) for _ in range(2))
    for asked in (first, second):
        assert asked["code_challenge_method"] == ["S256"]
        assert asked["response_type"] == ["code"]
        assert asked["redirect_uri"] == [f"{host.settings.public_url}/sign-in/return/one"]
        assert all(len(asked[name][0]) >= 43 for name in ("state", "nonce", "code_challenge"))
    for name in ("state", "nonce", "code_challenge"):
        assert first[name] != second[name]
    browser.come("somebody")
    (form,) = evil.exchanged[-1:]
    assert len(form["code_verifier"]) >= 43
    assert form["redirect_uri"] == f"{host.settings.public_url}/sign-in/return/one"


@pytest.mark.parametrize(
    "addresses",
    [
        {"token_endpoint": "http://login.example/token"}, {"jwks_uri": "http://login.example/keys"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": "http://login.example/auth"}, {"userinfo_endpoint": "//x"},
        {"token_endpoint": ""}, {"jwks_uri": ["https://login.example/keys"]},
        {"issuer": "http://login.example"},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_guarded_stays_so(addresses: dict[str, Any]) -> None:
    """A provider by https names nothing by http."""
    honest = {
        "issuer": "https://login.example", "authorization_endpoint": "https://login.example/auth",
        "token_endpoint": "https://login.example/token", "jwks_uri": "https://login.example/keys",
    }  # fmt: skip
    found = discovery.Discovery("x", "https://login.example")
    assert found._checked(honest).token_endpoint == "https://login.example/token"
    with pytest.raises(UnavailableError):
        found._checked({**honest, **addresses})


def test_the_hash_of_the_access_token() -> None:
    key = Key("k")
    half = hashlib.sha256(b"access").digest()[:16]
    now = time.time()  # other tests may have taken minutes since this file was read
    claims = {
        "iss": "i", "aud": "c", "nonce": "n", "sub": "s", "iat": now, "exp": now + 60,
        "at_hash": evil_oidc.encoded(half),
    }  # fmt: skip
    body = f"{part({'alg': 'RS256'})}.{part(claims)}"
    token = f"{body}.{evil_oidc.encoded(key.sign(body.encode()))}"
    given: dict[str, Any] = {"issuer": "i", "client_id": "c", "nonce": "n"}
    assert id_token.verify(token, [key.jwk()], access_token="access", **given)["sub"] == "s"
    for other in ("", "other"):
        with pytest.raises(id_token.BadTokenError):
            id_token.verify(token, [key.jwk()], access_token=other, **given)


def forget(host: Host) -> None:
    """Make the provider forget what it has read of the other side."""
    way: Any = host.registry.identity_providers["one"]
    way._discovery = discovery.Discovery(way.label, way.issuer)
