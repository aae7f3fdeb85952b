"""What was told already, so that nothing is told twice."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from musekit.api import Tenant, UtcDateTime
from passivepost.models import Base


class ToldNews(Base, Tenant):
    """One row per thing told: written in the unit of work that queues the mail and the webhooks."""

    __tablename__ = "told_news"
    __table_args__ = (Index(None, "space_id"), Index(None, "told_at"))

    what: Mapped[str] = mapped_column(Text, primary_key=True)  #: such as ``post.failed``
    subject: Mapped[UUID] = mapped_column(primary_key=True)  #: the post, or the account
    #: The publish key: a post that is scheduled anew may fail anew. Of an account, its id again.
    edition: Mapped[UUID] = mapped_column(primary_key=True)
    space_id: Mapped[UUID] = mapped_column()
    told_at: Mapped[datetime] = mapped_column(UtcDateTime)
