"""What the pictures and videos of a post really are: fetched, recognised, held against the limits.

A person gives addresses; an address says little, and its server's word may be wrong. So each file
is fetched once before a post is prepared, and recognised by its first bytes.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from musekit.api import Refused, TooLarge
from passivepost.publishing.outcomes import MediaMissing
from passivepost.publishing.pictures import size_of
from passivepost.publishing.work import Claim
from passivepost.sdk.errors import Rejected, Retryable
from passivepost.sdk.http import AsyncClient, Interrupted, NotSent
from passivepost.sdk.platform import Platform

#: First bytes (offset, bytes) → type. Of the formats that networks take; WHATWG MIME Sniffing §6.
_SIGNS = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (4, b"ftypqt", "video/quicktime"),
    (4, b"ftyp", "video/mp4"),
    (0, b"\x1a\x45\xdf\xa3", "video/webm"),
)
#: Bytes of a file that is loaded without having been looked at.
LIMIT = 10_000_000
FETCH_SECONDS = 60.0
#: Bytes of one post's files kept at a time; what is beyond is fetched again when it is uploaded.
KEEP = 20_000_000


@dataclass(slots=True)
class File:
    """What is known of a file; `data` only while the post is prepared."""

    mime: str
    size: int
    width: int = 0  #: pixels; 0 when not known
    height: int = 0
    data: bytes | None = None


def recognise(data: bytes, declared: str = "") -> str:
    """Return the type of a file by its first bytes, else as its server declared it."""
    for offset, sign, mime in _SIGNS:
        if data[offset : offset + len(sign)] == sign:
            return mime
    return declared.partition(";")[0].strip().lower()


async def look(claim: Claim, http: AsyncClient, most: int) -> None:
    """Fetch the post's files and note what they are; keep up to `KEEP` bytes until `forget`.

    Args:
        most: bytes of a file, at most, whatever the platform takes.

    Raises:
        Rejected: the platform does not take such a file.
        MediaMissing: a file is gone, or is not the one that was chosen.
        Retryable: its server is away at the moment.
    """
    rules = (claim.platform.capabilities.images, claim.platform.capabilities.video)
    largest = min(most, max((rule.max_bytes for rule in rules if rule), default=most))
    kept = 0
    for facts in _all(claim):
        url = facts["url"]
        if url in claim.files:
            continue
        data, declared = await fetch(http, url, facts.get("digest") or "", largest)
        file = File(recognise(data, declared), len(data), *size_of(data), data)
        _fits(claim.platform, file, url)
        kept += file.size
        if kept > KEEP:
            file.data = None
        claim.files[url] = file


def forget(claim: Claim) -> None:
    """Let go of the bytes; what is known of the files stays."""
    for file in claim.files.values():
        file.data = None


async def fetch(http: AsyncClient, url: str, digest: str, most: int) -> tuple[bytes, str]:
    """Return a file of at most `most` bytes and the type its server declares. Raises as `look`."""
    try:
        # As it lies there: a packed answer would be unpacked beyond the limit, or not be the file.
        answer = await http.get(
            url, headers={"Accept-Encoding": "identity"}, limit=most, timeout=FETCH_SECONDS
        )
    except TooLarge as error:
        raise Rejected(
            f"A picture or video is larger than {most:,} bytes: {url}. Make it smaller, then"
            " schedule the post again."
        ) from error
    except Refused as error:
        raise Rejected(f"A picture or video cannot be fetched from {url}: {error}") from error
    except (NotSent, Interrupted) as error:
        raise Retryable(f"A picture or video could not be fetched: {error}") from error
    if answer.status_code == 429 or answer.status_code >= 500:
        raise Retryable(f"A picture or video could not be fetched: status {answer.status_code}.")
    if answer.status_code != 200:
        raise MediaMissing(f"A picture or video is gone: status {answer.status_code}, {url}")
    body = answer.content
    if digest:
        found = await asyncio.to_thread(lambda: hashlib.sha256(body).hexdigest())
        if found != digest:
            raise MediaMissing(f"A picture or video has changed since it was chosen: {url}")
    return body, answer.headers.get("content-type") or ""


def _all(claim: Claim) -> Iterator[Mapping[str, Any]]:
    if not claim.parts:
        yield from ({"url": url} for url in claim.media_urls)
    live = len(claim.progress.get("ids") or ())  # these parts need their files no more
    for part in claim.parts[live:]:
        yield from part.get("media") or ()


def _fits(platform: Platform, file: File, url: str) -> None:
    """Refuse what the platform would refuse, before anything is sent there."""
    rules = (platform.capabilities.images, platform.capabilities.video)
    rule = next((each for each in rules if each and file.mime in each.mimes), None)
    if rule is None:
        known = ", ".join(sorted(mime for each in rules if each for mime in each.mimes))
        raise Rejected(
            f"{platform.label} takes only {known or 'text'}; {url} is {file.mime or 'neither'}."
        )
    if file.size > rule.max_bytes:
        raise Rejected(
            f"{platform.label} takes files of at most {rule.max_bytes:,} bytes; {url} has"
            f" {file.size:,}. Make it smaller, then schedule the post again."
        )
