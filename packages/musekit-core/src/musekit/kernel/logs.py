"""Logs: one line per event, JSON or for the console, with who and which request; no secrets.

Everything goes through the standard library's logging, so libraries' lines (uvicorn, huey,
SQLAlchemy) get the same form, the same ids and the same redaction.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from datetime import UTC, datetime
from typing import Any, TextIO

import structlog

#: The logger of one line per request, and what such a line says.
REQUESTS = "musekit.request"
_REQUEST = ("method", "route", "status", "milliseconds", "actor", "space", "request_id")
#: Keys whose values are never shown.
_SECRET_KEY = re.compile(
    r"(?i)(secret|password|passwd|token|authorization|cookie|api_?key|credential|private|"
    r"encryption|verifier|bearer|session_?key|csrf|otp)"
)
#: Keys that look like it and are not.
_HARMLESS = frozenset({"token_id", "token_version", "token_name", "lease_token", "total_tokens"})
#: What secrets look like wherever they turn up, in messages and stack traces too.
_SECRET_TEXT = re.compile(
    r"""(?ix)
    \b(?:mk_live_|sk_live_|sk_test_|rk_live_|whsec_|sk-|xai-|xox[abp]-|gh[pousr]_|github_pat_|re_)
        [A-Za-z0-9_\-]{8,}
  | \beyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{4,}(?:\.[A-Za-z0-9_\-]*)?      # JWT
  | \bv1\.[A-Za-z0-9_\-]+\.[A-Za-z0-9_\-]{12,}\.[A-Za-z0-9_\-]{8,}         # our ciphertext
  | (?<=bearer\s)[^\s"',]{6,} | (?<=basic\s)[A-Za-z0-9+/=]{8,}
  | (?<=://)[^/\s:@"']+:[^/\s@"']+(?=@)                                    # user:password@host
    """
)
_SECRET_PAIR = re.compile(
    r"""(?i)((?:access_token|refresh_token|client_secret|code_verifier|id_token|api_key|apikey|"""
    r"""password|secret|token|code|state|accessJwt|refreshJwt|authorization)["']?\s*[=:]\s*["']?)"""
    r"""(?!\[)[^\s"'&,;)}]{6,}"""
)
HIDDEN = "[hidden]"


def hide_tokens(text: str) -> str:
    """Return a text without what looks like a token by itself; for messages that people read."""
    return _SECRET_TEXT.sub(HIDDEN, text)


def hide(text: str) -> str:
    """Return a text without what looks like a secret, by itself or by the name before it."""
    return _SECRET_PAIR.sub(rf"\1{HIDDEN}", hide_tokens(text))


def is_secret_name(name: str) -> bool:
    """Say whether a name is one that secrets go by."""
    return bool(_SECRET_KEY.search(name)) and name not in _HARMLESS


def redact(value: Any, key: str = "") -> Any:
    """Return a value of a log event without secrets, however deep they lie."""
    if key and is_secret_name(key) and value not in (None, "", True):
        return value if isinstance(value, int | float) else HIDDEN
    if isinstance(value, str):
        return hide(value)
    if isinstance(value, Mapping):
        return {name: redact(each, str(name)) for name, each in value.items()}
    if isinstance(value, list | tuple | set):
        return [redact(each) for each in value]
    if isinstance(value, int | float | None):
        return value
    return hide(str(value))


def _redact_event(
    logger: Any, method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    for key in list(event):
        if not key.startswith("_"):
            event[key] = redact(event[key], key)
    return event


def _one_line(
    logger: Any, method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Keep what came from outside from starting a line of its own."""
    message = event.get("event")
    if isinstance(message, str) and ("\n" in message or "\r" in message):
        event["event"] = message.replace("\r", "\\r").replace("\n", "\\n")
    return event


class _JsonFormatter(structlog.stdlib.ProcessorFormatter):
    """Writes JSON. The line of a request, which each request pays for, goes the short way.

    It holds the route's pattern and ids of ours; what came from outside is the request's id alone.
    """

    def format(self, record: logging.LogRecord) -> str:
        if record.name != REQUESTS or record.exc_info:
            return super().format(record)
        said = record.__dict__
        line = {name: said.get(name) for name in _REQUEST}
        line["request_id"] = hide(str(line["request_id"]))
        line["event"], line["level"] = record.getMessage(), record.levelname.lower()
        line["logger"] = record.name
        at = datetime.fromtimestamp(record.created, UTC)
        line["timestamp"] = at.isoformat().replace("+00:00", "Z")
        return json.dumps(line, default=str)


def configure(form: str = "json", level: str = "INFO", stream: TextIO | None = None) -> None:
    """Send all logging of this process to one stream in one form.

    Args:
        form: ``json`` or ``console``.
        level: least level shown, such as ``INFO``.
        stream: where to; None: standard error.
    """
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    console = form == "console"
    stream = stream or sys.stderr
    renderer: Any = (
        structlog.dev.ConsoleRenderer(colors=stream.isatty())
        if console
        else structlog.processors.JSONRenderer(default=str)
    )
    last = [structlog.stdlib.ProcessorFormatter.remove_processors_meta, _redact_event]
    formatter = (structlog.stdlib.ProcessorFormatter if console else _JsonFormatter)(
        foreign_pre_chain=shared, processors=[*last, _one_line, renderer]
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in ("httpx", "httpx2", "httpcore", "httpcore2"):
        logging.getLogger(name).setLevel(logging.WARNING)  # addresses and headers hold secrets
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "huey", "sqlalchemy", "alembic"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    logging.getLogger("uvicorn.access").disabled = True  # our own line has the id and no query
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared[:3],
            *shared[4:],
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
