"""Pictures and videos on their way to X: upload in segments, wait, describe."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from passivepost.api import Media, Progress, Publish, Rejected, Retryable
from passivepost_platform_twitter.client import SEGMENT, XApi

#: Seconds for which an uploaded file is used again: X drops it after 24 hours.
FRESH = 20 * 3600


async def upload_all(api: XApi, call: Publish, longest_wait: float) -> Progress:
    """Upload the files of all parts that are not live yet; return the progress with their ids.

    Videos that X is still processing are noted at once, so that the next attempt waits for them
    instead of uploading them again. Raises as `upload`.
    """
    parts, progress = call.content.parts, dict(call.progress)
    uploaded: list[list[str]] = list(progress.get("media", []))
    live = len(progress.get("ids", []))  # these are not sent again
    if time.time() - float(progress.get("media_at", 0)) > FRESH:
        progress.pop("processing", None)
    elif [len(ids) for ids in uploaded[live:]] == [len(part.media) for part in parts[live:]]:
        return progress
    begun: dict[str, str] = progress.setdefault("processing", {})

    async def one(part: int, n: int) -> str:
        async def note(media_id: str) -> None:
            begun[f"{part}.{n}"] = media_id
            await call.checkpoint({**progress, "media_at": time.time()})

        media = parts[part].media[n]
        return await upload(api, media, longest_wait, begun=begun.get(f"{part}.{n}"), note=note)

    progress["media"] = [
        [await one(part, n) for n in range(len(parts[part].media))] if part >= live else []
        for part in range(len(parts))
    ]
    del progress["processing"]
    progress["media_at"] = time.time()
    return progress


async def upload(
    api: XApi,
    media: Media,
    longest_wait: float,
    *,
    begun: str | None = None,
    note: Callable[[str], Awaitable[None]] | None = None,
) -> str:
    """Upload one file and return its media id, ready to be posted.

    Args:
        longest_wait: seconds to wait for X to process a video.
        begun: media id of an earlier upload of this file that X was still processing.
        note: told the media id when X begins to process the file, so that it can be `begun`.

    Raises:
        Rejected: X cannot use the file.
        Retryable: X was still busy with it after `longest_wait`.
    """
    if begun is not None:
        media_id, state = begun, await api.upload_status(begun)
    else:
        data = await media.load()
        media_id = await api.start_upload(media.mime, len(data), _category(media.mime))
        for index in range((len(data) + SEGMENT - 1) // SEGMENT):
            await api.append(media_id, index, data[index * SEGMENT : (index + 1) * SEGMENT])
        state = await api.finish_upload(media_id)
        if state and note is not None:
            await note(media_id)
    await _until_ready(api, media_id, state, longest_wait)
    if media.alt:
        await api.describe_media(media_id, media.alt)
    return media_id


async def _until_ready(
    api: XApi, media_id: str, state: Mapping[str, Any], longest_wait: float
) -> None:
    end = time.monotonic() + longest_wait
    while state and state.get("state") != "succeeded":
        if state.get("state") == "failed":
            error = state.get("error") or {}
            raise Rejected(f"X could not use the file: {error.get('message', 'no reason given')}")
        pause = float(state.get("check_after_secs") or 1)
        if time.monotonic() + pause > end:
            raise Retryable("X is still processing the video.", retry_after=30)
        await asyncio.sleep(pause)
        state = await api.upload_status(media_id)


def _category(mime: str) -> str:
    if mime == "image/gif":
        return "tweet_gif"
    return "tweet_video" if mime.startswith("video/") else "tweet_image"
