"""What LinkedIn accepts: requests as JSON schemas, and how it reads little text.

Our own subset: what we send and no more, after the Posts, Images and Videos API (li-lms-2026-05).
"""

from __future__ import annotations

import re
from typing import Any

from jsonschema import Draft202012Validator

AUTHOR = {"type": "string", "pattern": r"^urn:li:person:[\w-]+$"}
RESERVED = r"\|{}@[]()<>#*_~"
_HASHTAG = re.compile(r"\{hashtag\|\\[#＃]\|((?:[^\\|{}@\[\]()<>#*_~]|\\.)+)\}")


def _object(required: list[str], **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "required": required,
        "additionalProperties": False,
        "properties": properties,
    }


def _urn(kind: str) -> dict[str, Any]:
    return {"type": "string", "pattern": rf"^urn:li:({kind}):[\w-]+$"}


_ALT = {"type": "string", "minLength": 1, "maxLength": 4086}
_MANY = {"type": "array", "minItems": 2, "maxItems": 20}
_IMAGE = _object(["id"], id=_urn("image"), altText=_ALT)
_VIDEO = _object(["id"], id=_urn("video"))
_ARTICLE = _object(
    ["source", "title"],
    source={"type": "string", "pattern": r"^https?://\S+$"},
    title={"type": "string", "minLength": 1},
    description={"type": "string"},
)
_CONTENT = {
    "oneOf": [
        _object(["media"], media={"oneOf": [_IMAGE, _VIDEO]}),
        _object(["multiImage"], multiImage=_object(["images"], images={**_MANY, "items": _IMAGE})),
        _object(["article"], article=_ARTICLE),
    ]
}
SCHEMAS = {
    "post": _object(
        ["author", "commentary", "visibility", "distribution", "lifecycleState"],
        author=AUTHOR,
        commentary={"type": "string"},
        visibility={"enum": ["PUBLIC", "CONNECTIONS", "LOGGED_IN"]},
        distribution=_object(
            ["feedDistribution"],
            feedDistribution={"const": "MAIN_FEED"},
            targetEntities={"type": "array", "maxItems": 0},
            thirdPartyDistributionChannels={"type": "array", "maxItems": 0},
        ),
        lifecycleState={"const": "PUBLISHED"},
        isReshareDisabledByAuthor={"type": "boolean"},
        content=_CONTENT,
    ),
    "image": _object(
        ["initializeUploadRequest"], initializeUploadRequest=_object(["owner"], owner=AUTHOR)
    ),
    "video": _object(
        ["initializeUploadRequest"],
        initializeUploadRequest=_object(
            ["owner", "fileSizeBytes", "uploadCaptions", "uploadThumbnail"],
            owner=AUTHOR,
            fileSizeBytes={"type": "integer", "minimum": 1},
            uploadCaptions={"const": False},
            uploadThumbnail={"const": False},
        ),
    ),
    "finish": _object(
        ["finalizeUploadRequest"],
        finalizeUploadRequest=_object(
            ["video", "uploadToken", "uploadedPartIds"],
            video=_urn("video"),
            uploadToken={"type": "string"},
            uploadedPartIds={"type": "array", "minItems": 1, "items": {"type": "string"}},
        ),
    ),
}


def faults(name: str, body: Any) -> list[str]:
    """Return what is wrong with a request body, empty when LinkedIn would take it."""
    return [
        f"{'/'.join(map(str, error.absolute_path)) or 'body'}: {error.message}"
        for error in Draft202012Validator(SCHEMAS[name]).iter_errors(body)
    ]


def shown(commentary: str) -> tuple[str, list[str]]:
    """Return the text that people see, and its hashtags.

    As LinkedIn does, a reserved character without its backslash silently ends the text there.
    """
    seen: list[str] = []
    tags: list[str] = []
    at = 0
    while at < len(commentary):
        here = commentary[at]
        if found := _HASHTAG.match(commentary, at):
            tags.append(re.sub(r"\\(.)", r"\1", found[1]))
            seen.append(f"#{tags[-1]}")
            at = found.end()
        elif here == "\\" and commentary[at + 1 : at + 2] in set(RESERVED):
            seen.append(commentary[at + 1])
            at += 2
        elif here in RESERVED:
            break
        else:
            seen.append(here)
            at += 1
    return "".join(seen), tags
