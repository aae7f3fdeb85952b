"""Whether a platform takes a post, judged by its table of limits and by its own `validate`."""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping, Sequence
from typing import Any

from musekit.api import InvalidError
from passivepost.sdk.capabilities import MediaRule
from passivepost.sdk.content import Content, Feature, Media, Part
from passivepost.sdk.errors import Rejected
from passivepost.sdk.platform import Platform

Fault = dict[str, Any]


def faults_of(
    platform: Platform, parts: Sequence[Mapping[str, Any]], options: Mapping[str, Any]
) -> list[Fault]:
    """Return what stands against publishing this on a platform; empty when nothing does.

    Each fault has ``field``, ``message`` and ``platform``; a text too long also ``count``,
    ``limit`` and ``unit``. The pages' live check and the API use this one function.
    """
    rules = platform.capabilities
    found: list[Fault] = []
    if len(parts) > 1 and (Feature.THREADS not in platform.features or rules.max_parts == 1):
        found.append(_fault(platform, "parts", "takes no threads; send one part"))
    elif len(parts) > rules.max_parts:
        found.append(
            _fault(platform, "parts", f"takes at most {rules.max_parts} parts", count=len(parts))
        )
    for index, part in enumerate(parts):
        found += _text_faults(platform, part, index)
        found += _media_faults(platform, part["media"], index)
    if not found:
        content = as_content(parts, options)
        found = [_fault(platform, "content", message) for message in platform.validate(content)]
    return found


def check(
    platforms: Sequence[Platform], parts: Sequence[Mapping[str, Any]], options: Mapping[str, Any]
) -> None:
    """Raise `InvalidError` with all faults on all platforms, if there are any."""
    faults = [fault for platform in platforms for fault in faults_of(platform, parts, options)]
    if faults:
        first = faults[0]
        raise InvalidError(
            f"{first['label']}: {first['message']}. Nothing was saved.",
            errors=[{k: v for k, v in fault.items() if k != "label"} for fault in faults],
        )


def as_content(parts: Sequence[Mapping[str, Any]], options: Mapping[str, Any]) -> Content:
    """Return stored parts as the SDK's content, without a way to load media."""
    return Content(
        parts=tuple(
            Part(
                text=part["text"],
                media=tuple(
                    Media(
                        url=each["url"],
                        mime=each.get("mime") or guess_mime(each["url"]),
                        size=each.get("size") or 0,
                        alt=each.get("alt") or "",
                        load=_not_here,
                    )
                    for each in part["media"]
                ),
            )
            for part in parts
        ),
        options=dict(options),
    )


def _text_faults(platform: Platform, part: Mapping[str, Any], index: int) -> list[Fault]:
    rules, text = platform.capabilities, part["text"]
    field = f"parts.{index}.text"
    if not text.strip():
        if rules.text_required and not part["media"]:
            return [_fault(platform, field, "needs a text")]
        return [] if part["media"] else [_fault(platform, field, "needs a text or a picture")]
    count, limit = rules.text.count(text), rules.text.limit
    if count > limit:
        return [
            _fault(
                platform, field,
                f"{count} of {limit} {rules.text.unit}; shorten it by {count - limit}",
                count=count, limit=limit, unit=rules.text.unit,
            )
        ]  # fmt: skip
    if rules.text.max_bytes is not None and len(text.encode()) > rules.text.max_bytes:
        size, most = len(text.encode()), rules.text.max_bytes
        return [
            _fault(
                platform, field, f"{size} of {most} bytes; shorten it",
                count=size, limit=most, unit="bytes",
            )
        ]  # fmt: skip
    return []


def _media_faults(
    platform: Platform, media: Sequence[Mapping[str, Any]], index: int
) -> list[Fault]:
    rules, field = platform.capabilities, f"parts.{index}.media"
    if not media:
        if rules.needs_media and index == 0:
            return [_fault(platform, field, "needs a picture or a video")]
        return []
    offered = [rule for rule in (rules.images, rules.video) if rule is not None]
    if not offered or Feature.MEDIA not in platform.features:
        return [_fault(platform, field, "takes no media")]
    most = max(rule.max_count for rule in offered)
    if len(media) > most:
        return [_fault(platform, field, f"takes at most {most}", count=len(media), limit=most)]
    found: list[Fault] = []
    for position, each in enumerate(media):
        mime = guess_mime(each["url"])
        rule = _rule(platform, mime)
        if mime and rule is None:
            known = ", ".join(sorted(mime for rule in offered for mime in rule.mimes))
            found.append(_fault(platform, f"{field}.{position}.url", f"takes only {known}"))
        limit = (
            max(each_rule.alt_limit for each_rule in offered) if rule is None else rule.alt_limit
        )
        alt = each.get("alt") or ""
        if limit and len(alt) > limit:
            found.append(
                _fault(
                    platform, f"{field}.{position}.alt", f"{len(alt)} of {limit} characters",
                    count=len(alt), limit=limit, unit="characters",
                )
            )  # fmt: skip
    return found


def _rule(platform: Platform, mime: str) -> MediaRule | None:
    for rule in (platform.capabilities.images, platform.capabilities.video):
        if rule is not None and mime in rule.mimes:
            return rule
    return None


def guess_mime(url: str) -> str:
    """Guess a media type from the address alone; empty when it says nothing."""
    guessed = mimetypes.guess_type(url.split("?", 1)[0].split("#", 1)[0])[0] or ""
    return guessed if guessed.startswith(("image/", "video/")) else ""


def _fault(platform: Platform, field: str, message: str, **more: Any) -> Fault:
    return {
        "field": field, "message": message, "platform": platform.name, "label": platform.label,
        **more,
    }  # fmt: skip


async def _not_here() -> bytes:
    raise Rejected("Media is loaded when a post is published, not while it is checked.")
