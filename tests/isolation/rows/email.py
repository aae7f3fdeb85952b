"""Mail that people do not want."""

from tests.isolation.row import NOT_THERE, Row

#: A link that we have not signed. Who has one that is may follow it: it is in their mail.
_FORGED = {"things": {"token": "x" * 40}, "owner": NOT_THERE, "stranger": NOT_THERE,
           "visitor": NOT_THERE}  # fmt: skip

ROWS = {
    "GET /unsubscribe/{token}": Row(**_FORGED),
    "POST /unsubscribe/{token}": Row(form={}, **_FORGED),
    "GET /account/notifications": Row(),
    "POST /account/notifications": Row(form={"shown": "usage"}),
    "POST /account/notifications/mailbox": Row(form={}),
    "GET /api/email/preferences": Row(),
    "PATCH /api/email/preferences": Row(json={"kinds": {"usage": False}}),
    # No secret is set for it.
    "POST /api/email/resend/webhook": Row(owner=NOT_THERE, stranger=NOT_THERE, visitor=NOT_THERE),
}
