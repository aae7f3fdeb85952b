"""Posts, drafts and the queue of PassivePost: JSON and pages."""

from tests.isolation.row import NOT_THERE, Row
from tests.isolation.things.posts import composed, content, draft, planned, unconfirmed

_SOCIAL = "/dashboard/social"
_ONE = f"{_SOCIAL}/posts/{{post_id:uuid}}"
_POST = {"post_id": draft}
_PLANNED = {"post_id": planned}
_DOUBT = {"post_id": unconfirmed}

ROWS = {
    "GET /api/social/posts": Row(),
    "POST /api/social/posts": Row(json=content),
    "GET /api/social/posts/{post_id}": Row(things=_POST, stranger=NOT_THERE),
    "PUT /api/social/posts/{post_id}": Row(
        things=_POST, json={"content": "changed"}, stranger=NOT_THERE
    ),
    "DELETE /api/social/posts/{post_id}": Row(things=_PLANNED, stranger=NOT_THERE),
    "POST /api/social/posts/{post_id}/resolve": Row(
        things=_DOUBT, json={"decision": "drop"}, stranger=NOT_THERE
    ),
    f"GET {_SOCIAL}/overview": Row(),
    f"GET {_SOCIAL}/compose": Row(
        query=lambda world, it: {"from": str(draft(world, it))}, stranger=NOT_THERE
    ),
    f"POST {_SOCIAL}/compose/check": Row(form=composed),
    f"POST {_SOCIAL}/compose": Row(form=composed),
    f"GET {_ONE}/edit": Row(things=_POST, stranger=NOT_THERE),
    f"POST {_ONE}/edit": Row(things=_POST, form=composed, stranger=NOT_THERE),
    f"GET {_SOCIAL}/queue": Row(),
    f"GET {_SOCIAL}/queue/live": Row(),
    f"GET {_SOCIAL}/posts": Row(),
    f"GET {_ONE}": Row(things=_POST, stranger=NOT_THERE),
    f"GET {_ONE}/live": Row(things=_POST, stranger=NOT_THERE),
    f"POST {_ONE}/now": Row(things=_PLANNED, stranger=NOT_THERE),
    f"POST {_ONE}/pull-back": Row(things=_PLANNED, stranger=NOT_THERE),
    f"POST {_ONE}/reschedule": Row(
        things=_PLANNED, form={"at": "2031-01-02T09:00"}, stranger=NOT_THERE
    ),
    f"POST {_ONE}/resolve": Row(things=_DOUBT, form={"decision": "drop"}, stranger=NOT_THERE),
    f"POST {_ONE}/delete": Row(things=_PLANNED, stranger=NOT_THERE),
}
FOREIGN = {(f"GET {_SOCIAL}/compose", "from"): draft}
