"""The network of `tests/examples/passivepost-platform-example`, whose people always say yes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlencode

from passivepost.testing import Answer, Double, Request


@contextmanager
def network() -> Iterator[Double]:
    """Run it: consent, tokens, and posts, which it keeps."""
    with Double() as double:
        double.issue_tokens("/oauth/token")
        double.route("GET", "/me")(lambda _: Answer(200, {"id": "1", "name": "tester"}))

        @double.route("GET", "/oauth/authorize")
        def allow(request: Request) -> Answer:
            back = urlencode({"code": "yes", "state": request.query["state"]})
            return Answer(303, None, {"Location": f"{request.query['redirect_uri']}?{back}"})

        @double.route("POST", "/posts", publishes=True)
        def post(request: Request) -> Answer:
            return Answer(201, {"id": double.accept(request.json()["text"]).id})

        yield double
