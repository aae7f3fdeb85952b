"""How posts are claimed: by whom, which networks, and what becomes of late ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from passivepost.sdk.platform import Platform

LatePolicy = Literal["ask", "publish", "skip"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How posts are claimed: seconds, and who may be published to."""

    owner: str
    platforms: Mapping[str, Platform]  #: that can be published to, by name
    margin: float  #: of the lease beyond the platform's longest call
    late: float  #: after which a post is not sent unasked
    policy: LatePolicy  #: what becomes of those
    per_space: int  #: posts in flight

    def lease(self, platform: str) -> float:
        """Return for how many seconds a post to this platform is claimed."""
        return self.platforms[platform].delivery.longest_call + self.margin
