"""Input that nobody should send, and everybody does."""

import json

#: Stands in values, and must not come back in an error: what was typed may be a secret.
CANARY = "c4n4ry5ecretV4lue"

#: Bodies that are no JSON, or no object.
BROKEN = {
    "cut off": b'{"a": ', "not JSON": b"<a/>", "trailing comma": b'{"a": 1,}', "list": b"[]",
    "number": b"1", "text": b'"x"', "true": b"true", "not UTF-8": b'{"a": "\xff\xfe"}',
    "UTF-16": '{"a": 1}'.encode("utf-16"), "NUL": b"\x00", "two documents": b"{}{}",
    "deep lists": b"[" * 100_000, "deep objects": b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
    "single quotes": b"{'a': 1}", "comment": b"// x\n{}",
}  # fmt: skip

#: Values for any field.
VALUES = {
    "null": None, "number": 7, "negative": -1, "huge": 10**40, "fraction": 1.5, "true": True,
    "list": [], "nested list": [[[]]], "object": {}, "NUL": f"a\x00{CANARY}",
    "half a pair": f"{CANARY}\ud800", "other half": "\udc00", "long": "x" * 100_001,
    "lines": f"a\r\n{CANARY}\r\n", "empty": "", "blank": " \t\n",
    "SQL": f"'; DROP TABLE users; -- {CANARY}", "path": "../../../etc/passwd",
    "template": "{{ 7 * 7 }}${7*7}", "mark-up": f"<script>{CANARY}</script>",
    "direction": "\u202eabc", "joined": "\u200d" * 50, "many texts": ["x"] * 500,
    "many objects": [{}] * 300, "objects": [{"url": 7, "text": None}], "wide": {"k" * 300: "v"},
    "date": "2026-02-30T25:61:00Z", "past": "1900-01-01T00:00:00Z", "far": "9999-12-31T23:59:59Z",
    "id": "00000000-0000-0000-0000-000000000000", "address": "javascript:alert(1)",
    "inner": "http://169.254.169.254/latest/meta-data/",
}  # fmt: skip

#: Of those, what one database takes and another does not.
STORED = (
    "huge", "NUL", "half a pair", "other half", "lines", "SQL", "long", "direction", "far", "id",
    "wide", "date",
)  # fmt: skip

#: For parts of paths.
SEGMENTS = [
    "nonsense", "0", "-1", "9" * 60, "00000000-0000-0000-0000-000000000000",
    "01890000-0000-7000-8000-00000000000g", "%00", "%ED%A0%80", "%2e%2e%2f%2e%2e%2fetc",
    "%0d%0aX:1", "x" * 3000, "%F0%9F%99%82", "' OR 1=1", "{post_id}", "null", "urn:uuid:x",
]  # fmt: skip

KEYS = ["x" * 256, "a b", "\u00e9"]
HOSTS = (
    """
evil.example evil.example:80 127.0.0.1.evil.example localhost.evil.example a@127.0.0.1 [::] [::1
127.0.0.1:80:80 127.0.0.1/ 127.0.0.1\\ 127.0.0.1# 127.0.0.1?x . * _ 0 0.0.0.0 127.1 2130706433
127.0.0.2 [::ffff:127.0.0.1] 127.0.0.1,evil.example xn--nxa.example localhost. %6cocalhost
LOCALHOST.evil 127.0.0.1:99999x evil.example\t127.0.0.1 [::1].evil.example localhost%00
""".strip()
    .replace("\n", " ")
    .split(" ")
    + [""]
)


def encode(value):
    """JSON as the worst client sends it: halves of pairs as escapes, numbers as they are."""
    return json.dumps(value, ensure_ascii=True).encode()
