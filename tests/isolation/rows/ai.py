"""Language models, in a deployment where none is set up: the offline drafter answers.

Everybody who asks is in a personal space, where no organization can choose its own.
"""

from tests.isolation.row import NOT_THERE, Row

_ASKED = {"messages": [{"role": "user", "content": "Write about spring."}]}
_CONFIG = {"config_id": "01890000-0000-7000-8000-000000000000"}

ROWS = {
    "GET /api/ai": Row(),
    "GET /api/ai/calls": Row(),
    "GET /api/ai/services": Row(owner=NOT_THERE),
    "POST /api/ai/services": Row(json={"provider": "openai", "key": "sk-1"}, owner=NOT_THERE),
    "DELETE /api/ai/services/{config_id}": Row(things=_CONFIG, owner=NOT_THERE),
    "POST /api/ai/services/{config_id}/test": Row(things=_CONFIG, owner=NOT_THERE),
    "POST /api/ai/complete": Row(json=_ASKED),
    "POST /api/ai/stream": Row(json=_ASKED),
    "GET /organization/ai": Row(),
    "POST /organization/ai": Row(form={"provider": "openai", "key": "sk-1"}, owner=NOT_THERE),
    "POST /organization/ai/{config_id}/remove": Row(things=_CONFIG, owner=NOT_THERE),
    "POST /organization/ai/{config_id}/test": Row(things=_CONFIG, owner=NOT_THERE),
    "GET /admin/ai": Row(),
    "GET /admin/ai/calls": Row(),
    "GET /admin/ai/services": Row(),
    # One that were set up would be asked by the rows above.
    "POST /admin/ai/services": Row(form={"provider": "nobody"}, operator=frozenset({422})),
    "POST /admin/ai/{config_id}/remove": Row(things=_CONFIG),
    "POST /admin/ai/{config_id}/test": Row(things=_CONFIG),
}
