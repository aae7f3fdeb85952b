"""PassivePost's declarative base, and its columns on the core's ``social_posts``."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Text
from sqlalchemy.orm import Mapped, mapped_column

from musekit.api import Tenant, plugin_base

Base = plugin_base()


class PostOrigin(Base, Tenant):
    """The extension columns of ``social_posts``: where the idea of a post came from.

    Mapped here, on PassivePost's own MetaData, so that the core's class gains nothing.
    """

    __tablename__ = "social_posts"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    trend_source: Mapped[str | None] = mapped_column(Text)
    niche_triggered: Mapped[str | None] = mapped_column(Text)
