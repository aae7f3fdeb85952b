"""Routes of the host itself and of its shell."""

from tests.isolation.row import Row

ROWS = {
    "GET /healthz": Row(),
    "GET /readyz": Row(),
    "GET /openapi.json": Row(),
    "GET /-/static/{package}/{path:path}": Row(
        things={"package": "musekit", "path": "app.js"}
    ),
    "GET /_design": Row(),
    "GET /": Row(),
    "GET /dashboard": Row(),
}  # fmt: skip
