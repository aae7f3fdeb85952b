"""The key ring: what opens, what does not, which keys are refused (D10, D11)."""

import base64
import os
import random
import secrets
import stat
import threading
from types import SimpleNamespace
from uuid import uuid4

import pytest
from pydantic import SecretStr

from musekit.errors import ConfigurationError
from musekit.kernel.crypto import keyfile
from musekit.kernel.crypto.keyring import DecryptionError, KeyRing
from musekit.kernel.crypto.keys import Key, new_key, parse, write_down

ROW, SPACE = uuid4(), uuid4()
PLACE = {"table": "social_accounts", "column": "access_token_encrypted", "row": ROW, "space": SPACE}


@pytest.fixture
def ring() -> KeyRing:
    return KeyRing([new_key()])


@pytest.mark.parametrize("plain", ["", "token", "ü😀\x00" * 50, "x" * 100_000])
def test_what_is_encrypted_opens_in_its_place(ring, plain) -> None:
    token = ring.encrypt(plain, **PLACE)
    assert token.startswith(f"v1.{ring.newest}.")
    assert ring.decrypt(token, **PLACE) == plain
    assert token != ring.encrypt(plain, **PLACE)
    assert not plain or plain not in token


def test_a_thousand_swaps_between_places_do_not_open(ring) -> None:
    places = [
        {"table": table, "column": column, "row": row, "space": space}
        for table in ("social_accounts", "other")
        for column in ("access_token_encrypted", "refresh_token_encrypted")
        for row in [uuid4() for _ in range(3)]
        for space in [uuid4() for _ in range(3)]
    ]
    tokens = [ring.encrypt("secret", **place) for place in places]
    tried = 0
    for i, token in enumerate(tokens):
        for j, place in enumerate(places):
            if i == j:
                assert ring.decrypt(token, **place) == "secret"
                continue
            with pytest.raises(DecryptionError) as caught:
                ring.decrypt(token, **place)
            assert caught.value.reason == "damaged"
            tried += 1
    assert tried >= 1000


def test_each_changed_byte_is_noticed(ring) -> None:
    token = ring.encrypt("secret token", **PLACE)
    for at, letter in enumerate(token):
        for other in {"A", "B", "_", ".", "=", "é", chr(ord(letter) ^ 1)} - {letter}:
            with pytest.raises(DecryptionError):
                ring.decrypt(token[:at] + other + token[at + 1 :], **PLACE)
    parts = token.split(".")
    sealed = base64.urlsafe_b64decode(parts[3] + "=" * (-len(parts[3]) % 4))
    for at in range(len(sealed)):
        bad = sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]
        parts[3] = base64.urlsafe_b64encode(bad).decode().rstrip("=")
        with pytest.raises(DecryptionError):
            ring.decrypt(".".join(parts), **PLACE)


def test_each_cut_is_noticed(ring) -> None:
    token = ring.encrypt("secret token", **PLACE)
    for length in range(len(token)):
        with pytest.raises(DecryptionError):
            ring.decrypt(token[:length], **PLACE)
    for longer in (token + "A", token + ".", token + "=", " " + token, token + "\n"):
        with pytest.raises(DecryptionError):
            ring.decrypt(longer, **PLACE)


def test_a_missing_key_is_named_and_the_text_is_not(ring) -> None:
    old = ring.encrypt("very secret", **PLACE)
    other = KeyRing([Key("k9", secrets.token_bytes(32))])
    with pytest.raises(DecryptionError) as caught:
        other.decrypt(old, **PLACE)
    assert caught.value.reason == "unknown_key"
    assert f"“{ring.newest}”" in str(caught.value)
    assert "SOCIAL_ENCRYPTION_KEY" in str(caught.value)
    assert "very secret" not in str(caught.value)
    assert old not in str(caught.value)


def test_older_keys_still_open_and_the_newest_encrypts() -> None:
    first = new_key()
    second = new_key([first.id])
    old = KeyRing([first]).encrypt("x", **PLACE)
    both = KeyRing([second, first])
    assert both.decrypt(old, **PLACE) == "x"
    assert not both.is_current(old)
    assert both.is_current(both.encrypt("x", **PLACE))
    assert both.ids == (second.id, first.id)
    assert [each.partition("-")[0] for each in both.ids] == ["k2", "k1"]


def test_a_key_of_the_same_name_but_other_bytes_does_not_open(ring) -> None:
    token = ring.encrypt("x", **PLACE)
    with pytest.raises(DecryptionError):
        KeyRing([Key(ring.newest, secrets.token_bytes(32))]).decrypt(token, **PLACE)


def test_a_key_of_another_deployment_is_one_that_is_missing(ring) -> None:
    """Not damage: nobody is asked to connect again because a worker was given the wrong key."""
    with pytest.raises(DecryptionError) as caught:
        KeyRing([new_key()]).decrypt(ring.encrypt("x", **PLACE), **PLACE)
    assert caught.value.reason == "unknown_key"


def test_nonces_do_not_repeat(ring) -> None:
    nonces = {ring.encrypt("", **PLACE).split(".")[2] for _ in range(50_000)}
    assert len(nonces) == 50_000


def test_subkeys_differ_by_purpose_and_key() -> None:
    first, second = new_key(), new_key(["k1"])
    ring = KeyRing([second, first])
    assert len(ring.subkey("csrf")) == 32
    assert ring.subkey("csrf") != ring.subkey("state")
    assert ring.subkeys("csrf") == (ring.subkey("csrf"), KeyRing([first]).subkey("csrf"))
    assert ring.subkey("csrf") not in (first.secret, second.secret)


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


RANDOM = random.Random(7)  # fixed: the cases have the same names in every process
GOOD = b64(RANDOM.randbytes(32))


@pytest.mark.parametrize(
    "text",
    [
        "", " , ", "changethis", "k1:", GOOD, f"k 1:{GOOD}", f"k.1:{GOOD}", f":{GOOD}",
        f"{'k' * 33}:{GOOD}", "k1:not base64!", f"k1:{b64(RANDOM.randbytes(31))}",
        f"k1:{b64(RANDOM.randbytes(33))}", f"k1:{b64(bytes(32))}", f"k1:{b64(bytes(range(32)))}",
        f"k1:{b64(b'changethis'.ljust(32, b'!'))}",
        f"k1:{b64(b'correct horse battery staple, 32')}",
        f"k1:{b64(RANDOM.randbytes(16) * 2)}", f"k1:{b64(bytes([1, 2] * 16))}",
        f"k1:{GOOD},k1:{b64(RANDOM.randbytes(32))}", f"k1:{GOOD},k2:{GOOD}",
        f"k1:{GOOD},k2:{b64(bytes(32))}",
    ],
)  # fmt: skip
def test_unusable_keys_are_refused_with_advice_and_not_repeated(text) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse(text)
    assert "SOCIAL_ENCRYPTION_KEY" in str(caught.value)
    assert GOOD not in str(caught.value)
    assert "changethis" not in str(caught.value)


def test_random_keys_are_taken() -> None:
    for _ in range(20_000):
        key = new_key()
        assert parse(write_down(key)) == (key,)
    raw = base64.urlsafe_b64encode(key.secret).decode().rstrip("=")
    assert parse(f"a:{raw}\n# a comment\n, b:{GOOD}")[0] == Key("a", key.secret)
    assert key.secret.hex() not in repr(key) + str(key) + repr(KeyRing([key]))


def test_the_key_file_is_made_once_and_for_its_owner_only(tmp_path) -> None:
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(keyfile.ensure(tmp_path))) for _ in range(16)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(set(found)) == 1
    path = keyfile.path_of(tmp_path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert os.listdir(path.parent) == ["keys"]
    path.chmod(0o644)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        keyfile.read(tmp_path)


def test_keys_of_the_file_are_added_and_dropped(tmp_path) -> None:
    (first,) = keyfile.ensure(tmp_path)
    second, still = keyfile.add(tmp_path)
    assert still == first
    assert KeyRing.generate(tmp_path).ids == (second.id, first.id)
    assert keyfile.keep_newest(tmp_path) == (second,)
    assert keyfile.read(tmp_path) == (second,)


def settings(tmp_path, *, key="", postgres=False, mode="production"):
    secret = SecretStr(key) if key else None
    return SimpleNamespace(
        social_encryption_key=secret, is_postgres=postgres, mode=mode, data_dir=tmp_path
    )


def test_where_the_ring_comes_from(tmp_path) -> None:
    own = KeyRing.from_settings(settings(tmp_path))
    assert own.ids == KeyRing.generate(tmp_path).ids
    assert keyfile.path_of(tmp_path).exists()
    given = KeyRing.from_settings(settings(tmp_path, key=f"prod:{GOOD}", postgres=True))
    assert given.ids == ("prod",)
    with pytest.raises(ConfigurationError, match="base64"):
        KeyRing.from_settings(settings(tmp_path, postgres=True))
