"""Pictures and videos on their way to LinkedIn. What no post names is shown to nobody."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from passivepost.api import Media, Progress, Publish, Rejected, Retryable
from passivepost_platform_linkedin.client import LinkedInApi

#: Seconds for which an uploaded file is used again; LinkedIn does not say how long it keeps them.
FRESH = 20 * 3600
#: Seconds between two looks at a video.
POLL = 2.0


async def upload_all(
    api: LinkedInApi, call: Publish, owner: str, *, image_wait: float, video_wait: float
) -> Progress:
    """Upload the files of a post; return the progress with their URNs.

    Args:
        owner: URN of the post's author, who must be the same.
        image_wait: seconds to wait after pictures. A member's token cannot ask whether they are
            ready (Images API, read 2026-08).
        video_wait: seconds to wait for LinkedIn to process a video.

    Raises:
        Rejected: LinkedIn cannot use a video.
        Retryable: LinkedIn was still busy with it after `video_wait`; it is noted, so that the next
            attempt waits for it instead of uploading it again.
    """
    media, progress = call.content.parts[0].media, dict(call.progress)
    if time.time() - float(progress.get("media_at", 0)) > FRESH:
        progress.pop("processing", None)
    elif len(progress.get("media", ())) == len(media):
        return call.progress
    if media[0].mime.startswith("video/"):
        begun = progress.get("processing")
        if begun is None:
            begun = await upload_video(api, owner, media[0])
            noted = {**progress, "processing": begun, "media_at": time.time()}
            await call.checkpoint(noted)
        await _until_ready(api, begun, video_wait)
        urns = [begun]
    else:
        urns = [await upload_image(api, owner, each) for each in media]
        await asyncio.sleep(image_wait)
    progress.pop("processing", None)
    return {**progress, "media": urns, "media_at": time.time()}


async def upload_image(api: LinkedInApi, owner: str, media: Media) -> str:
    """Upload a picture and return its URN."""
    data = await media.load()
    url, urn = await api.start_image(owner)
    await api.put(url, data)
    return urn


async def upload_video(api: LinkedInApi, owner: str, media: Media) -> str:
    """Upload a video in the pieces LinkedIn asks for; return its URN, which is not ready yet."""
    data = await media.load()
    begun = await api.start_video(owner, len(data))
    etags = []
    for piece in begun["uploadInstructions"]:
        first, last = int(piece["firstByte"]), int(piece["lastByte"])
        etags.append(await api.put(str(piece["uploadUrl"]), data[first : last + 1]))
    urn = str(begun["video"])
    await api.finish_video(urn, str(begun.get("uploadToken") or ""), etags)
    return urn


async def _until_ready(api: LinkedInApi, urn: str, longest_wait: float) -> None:
    end = time.monotonic() + longest_wait
    while (state := await api.video(urn)).get("status") != "AVAILABLE":
        if state.get("status") == "PROCESSING_FAILED":
            raise Rejected(f"LinkedIn could not use the video: {_reason(state)}")
        if time.monotonic() + POLL > end:
            raise Retryable("LinkedIn is still processing the video.", retry_after=30)
        await asyncio.sleep(POLL)


def _reason(state: Any) -> str:
    return str(state.get("processingFailureReason") or "no reason given")[:500]
