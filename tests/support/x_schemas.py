"""What X accepts, as JSON schemas: the official document when it is at hand, else our subset.

The official OpenAPI document is found below ``MUSEKIT_SPECS_DIR`` (``x/x-api-v2-openapi.json``).
"""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

_ID = {"type": "string", "pattern": "^[0-9]{1,19}$"}


def _object(required: list[str], **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "required": required,
        "additionalProperties": False,
        "properties": properties,
    }


# What we send, and no more; X refuses unknown fields (additionalProperties: false, 2026-08).
SUBSET: dict[str, dict[str, Any]] = {
    "CreatePostsRequest": _object(
        [],
        text={"type": "string"},
        media=_object(
            ["media_ids"],
            media_ids={"type": "array", "minItems": 1, "maxItems": 4, "items": _ID},
        ),
        reply=_object(["in_reply_to_tweet_id"], in_reply_to_tweet_id=_ID),
    ),
    "InitializeMediaUploadRequest": _object(
        [],
        media_type={
            "enum": [
                "image/jpeg",
                "image/png",
                "image/webp",
                "image/gif",
                "video/mp4",
                "video/quicktime",
            ]
        },
        total_bytes={"type": "integer", "minimum": 0},
        media_category={"enum": ["tweet_image", "tweet_gif", "tweet_video"]},
    ),
    "CreateMediaMetadataRequest": _object(
        ["id"],
        id=_ID,
        metadata=_object([], alt_text=_object([], text={"type": "string", "maxLength": 1000})),
    ),
}


@cache
def official() -> dict[str, Any] | None:
    """Return the official document, or None when it is not at hand."""
    folder = os.environ.get("MUSEKIT_SPECS_DIR")
    path = Path(folder or ".", "x", "x-api-v2-openapi.json")
    return json.loads(path.read_text()) if folder and path.exists() else None


@cache
def _validator(name: str) -> Draft202012Validator:
    document = official()
    if document is None:
        return Draft202012Validator(SUBSET[name])
    return Draft202012Validator(
        {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    )


def faults(name: str, body: Any) -> list[str]:
    """Return what is wrong with a request body, empty when X would take it."""
    return [
        f"{'/'.join(map(str, error.absolute_path)) or 'body'}: {error.message}"
        for error in _validator(name).iter_errors(body)
    ]


def unknown_parameters(path: str, method: str, names: set[str]) -> set[str]:
    """Return query parameters the official document does not know (none when not at hand).

    ``tweet.fields`` is the wire name of X's prose; the document of 2026-08-07 says ``post.fields``.
    """
    document = official()
    if document is None:
        return set()
    known = {"tweet.fields"}
    for parameter in document["paths"][path][method].get("parameters", []):
        if "$ref" in parameter:
            parameter = document["components"]["parameters"][parameter["$ref"].rsplit("/", 1)[1]]
        known.add(parameter["name"])
    return names - known
