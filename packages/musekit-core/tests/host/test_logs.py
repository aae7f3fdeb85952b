"""Logs: one line per event, with ids, and no canary comes through."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from musekit.kernel import logs


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    out = io.StringIO()
    logs.configure("json", "INFO", out)
    yield out
    root.handlers[:], root.level = before, level
    root.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


C = "c4n4ry5ecretV4lue"
CANARIES = [
    f"mk_live_{C}_abcdef", f"sk_live_{C}", f"sk-{C}{C}", f"whsec_{C}", f"xai-{C}", f"ghp_{C}{C}",
    f"eyJhbGciOiJIUzI1NiJ9.{C}.{C}", f"v1.k1.AAAAAAAAAAAAAAAA.{C}",
]  # fmt: skip


@pytest.mark.parametrize("secret", CANARIES)
def test_known_tokens_are_hidden_wherever_they_turn_up(stream: io.StringIO, secret: str) -> None:
    log = logging.getLogger("somebody.elses.library")
    log.warning("failed with %s", secret)
    log.warning("in a list", extra={"values": [secret], "nested": {"deep": (secret,)}})
    structlog.get_logger("ours").error("structured", value=secret)
    try:
        raise RuntimeError(f"while sending {secret}")
    except RuntimeError:
        log.exception("an error")
    assert C not in stream.getvalue()
    assert len(lines(stream)) == 4


@pytest.mark.parametrize(
    "text",
    [
        f"POST /oauth/token?code={C}&state={C}",
        f'{{"access_token": "{C}", "refresh_token":"{C}"}}',
        f"client_secret={C}&grant_type=x", f"Authorization: Bearer {C}",
        f"authorization: basic {C}==",
        f"postgresql://app:{C}@db/x", f"redis://:{C}@host/0".replace("://:", "://u:"),
        f"password='{C}'", f"code_verifier={C}", f"api_key: {C}",
    ],
)  # fmt: skip
def test_pairs_and_addresses_lose_their_secret(stream: io.StringIO, text: str) -> None:
    logging.getLogger("x").error("call: %s", text)
    assert C not in stream.getvalue()


@pytest.mark.parametrize(
    "key",
    ["password", "access_token", "refreshToken", "client_secret", "Authorization", "cookie",
     "set-cookie", "api_key", "apiKey", "credentials", "SOCIAL_ENCRYPTION_KEY", "csrf_token",
     "code_verifier", "private_key"],
)  # fmt: skip
def test_values_under_secret_names_are_hidden(stream: io.StringIO, key: str) -> None:
    structlog.get_logger().warning("event", **{key: C, "body": {key: C}})
    logging.getLogger("x").warning("event", extra={key.replace("-", "_"): C})
    assert C not in stream.getvalue()


def test_ids_and_plain_words_stay(stream: io.StringIO) -> None:
    structlog.contextvars.bind_contextvars(request_id="abc12345")
    server = logging.getLogger("uvicorn.error")
    server.setLevel(logging.NOTSET)  # a server that another test ran may have set it
    server.info("Started %s", "server", extra={"space": "s-1"})
    structlog.get_logger("worker").info("ran", job="social-post", lease_token=4, token_id="t-1")
    first, second = lines(stream)
    assert (first["event"], first["request_id"], first["space"]) == (
        "Started server",
        "abc12345",
        "s-1",
    )
    assert first["logger"] == "uvicorn.error"
    assert (second["job"], second["lease_token"], second["token_id"]) == ("social-post", 4, "t-1")


@pytest.mark.parametrize("breaks", ["\n", "\r\n", "\r", "\u2028", "\x0b"])
def test_input_cannot_start_a_line(stream: io.StringIO, breaks: str) -> None:
    logging.getLogger("x").warning(
        "name: %s", f"a{breaks}FORGED line", extra={"who": f"b{breaks}c"}
    )
    assert len(stream.getvalue().split("\n")) == 2
    assert len(lines(stream)) == 1


def test_the_console_form_keeps_messages_on_one_line() -> None:
    out = io.StringIO()
    root = logging.getLogger()
    before = root.handlers[:]
    logs.configure("console", "INFO", out)
    logging.getLogger("x").warning("name: %s", "a\nFORGED")
    root.handlers[:] = before
    structlog.reset_defaults()
    assert out.getvalue().count("\n") == 1
