"""Pictures and videos on their way to X: upload in segments, wait, describe."""

from __future__ import annotations

import asyncio
import time

from passivepost.api import Media, Rejected, Retryable
from passivepost_platform_twitter.client import SEGMENT, XApi


async def upload(api: XApi, media: Media, longest_wait: float) -> str:
    """Upload one file and return its media id, ready to be posted.

    Args:
        longest_wait: seconds to wait for X to process a video.

    Raises:
        Rejected: X cannot use the file.
        Retryable: X was still busy with it after `longest_wait`.
    """
    data = await media.load()
    media_id = await api.start_upload(media.mime, len(data), _category(media.mime))
    for index in range((len(data) + SEGMENT - 1) // SEGMENT):
        await api.append(media_id, index, data[index * SEGMENT : (index + 1) * SEGMENT])
    await _until_ready(api, media_id, longest_wait)
    if media.alt:
        await api.describe_media(media_id, media.alt)
    return media_id


async def _until_ready(api: XApi, media_id: str, longest_wait: float) -> None:
    end = time.monotonic() + longest_wait
    state = await api.finish_upload(media_id)
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
