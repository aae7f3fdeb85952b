"""What a space writes about, as far as its posts tell: what its trends are looked for by."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from musekit.api import SocialPost

#: How far back posts are read, and how many of them at most, over all spaces asked for.
SINCE, MOST = timedelta(days=90), 5000
_TAG = re.compile(r"(?<![\w#&/])#([^\W\d_]\w{1,60})")


def topics(session: Session, spaces: Collection[UUID]) -> dict[UUID, str]:
    """Return each space's most used hashtag, without its sign; a space that uses none is left out.

    Args:
        session: of the system, for it looks across spaces.
    """
    counted: dict[UUID, Counter[str]] = {}
    rows = session.execute(
        select(SocialPost.space_id, SocialPost.content)
        .where(
            SocialPost.space_id.in_(spaces),
            SocialPost.created_at > datetime.now(UTC) - SINCE,
            SocialPost.content.contains("#"),
        )
        .order_by(SocialPost.created_at.desc())
        .limit(MOST)
    )
    for space_id, content in rows:
        words = {word.lower() for word in _TAG.findall(content)}
        counted.setdefault(space_id, Counter()).update(sorted(words))
    return {space: words.most_common(1)[0][0] for space, words in counted.items() if words}
