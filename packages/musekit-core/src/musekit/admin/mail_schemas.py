"""What the operator's JSON routes take and give about mail."""

from __future__ import annotations

from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import BaseModel, Field

from musekit.admin.letters import Letter
from musekit.declarations import EmailTemplate
from musekit.kernel.web.schemas import Input, Output


class AdminMail(Output):
    """A mail, and what became of it."""

    id: UUID
    to_email: str
    subject: str
    template: str
    category: str
    state: str = Field(description="queued, sending, sent, failed or suppressed")
    attempts: int
    uncertain: bool = Field(description="it may have arrived twice, as the same message")
    last_error: str | None
    provider: str | None
    created_at: datetime
    next_attempt_at: datetime
    sent_at: datetime | None


class AdminMailList(BaseModel):
    """Mails, the newest first."""

    items: list[AdminMail]
    next_cursor: str | None


class AdminMailDetail(AdminMail):
    """One mail, with its text where it stays here."""

    message_id: str
    provider_ref: str | None
    text: str | None = Field(
        description="null: it goes out, and may hold links that are its reader's"
    )


class Queued(BaseModel):
    """What is sent again."""

    mails: int


class SuppressionOut(BaseModel):
    """A mailbox that gets no mail of a category."""

    address: str
    category: str = Field(description="`*`: of none")
    reason: str = Field(description="bounce, complaint, unsubscribed or operator")
    detail: str
    created_at: datetime


class SuppressionList(BaseModel):
    """Mailboxes that get no mail, the newest first."""

    items: list[SuppressionOut]
    next_cursor: str | None


class Mailbox(Input):
    """A mailbox that is to get no mail at all any more."""

    address: str = Field(max_length=320)


class TemplateOut(BaseModel):
    """A mail that a plugin sends."""

    template: str
    label: str
    category: str
    plugin: str

    @classmethod
    def of(cls, template: EmailTemplate, plugin: str) -> Self:
        """Return a template as data."""
        return cls(
            template=template.key, label=template.label, category=template.category, plugin=plugin
        )


class TemplateList(BaseModel):
    """The mails that plugins send; it is one page."""

    items: list[TemplateOut]
    next_cursor: None = None


class TemplateDetail(TemplateOut):
    """One of them, as its sample makes it."""

    subject: str | None = Field(description="null: it cannot be written from its sample")
    text: str | None
    html: str | None
    fault: str = Field(description="why it cannot be written")

    @classmethod
    def written(cls, letter: Letter) -> Self:
        """Return a template with its sample as data."""
        written = letter.written
        return cls(
            **TemplateOut.of(letter.template, letter.plugin).model_dump(), fault=letter.fault,
            subject=written.subject if written else None, text=written.text if written else None,
            html=written.html if written else None,
        )  # fmt: skip


class Tried(BaseModel):
    """What became of a mail that was sent for a try."""

    mail_id: UUID | None = Field(description="null: one's own address gets no mail of this kind")
