"""Spaces: the list, and going from one to another."""

from tests.isolation.row import NOT_THERE, Row
from tests.isolation.things.spaces import named, spare_space

ROWS = {
    "GET /api/spaces": Row(),
    "POST /api/spaces/switch": Row(json=named, stranger=NOT_THERE, members=True),
    "GET /api/spaces/personal": Row(),
    "PATCH /api/spaces/personal": Row(json={"name": "Mine"}),
    "GET /account/space": Row(),
    "POST /account/space/settings": Row(form={"name": "Mine", "timezone": "UTC"}),
    "POST /account/space": Row(form=named, stranger=NOT_THERE, members=True),
}
FOREIGN = {
    ("POST /api/spaces/switch", "space_id"): spare_space,
    ("POST /account/space", "space_id"): spare_space,
}
