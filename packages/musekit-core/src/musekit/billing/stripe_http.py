"""Stripe's SDK on the host's one guarded way out. Imports the SDK: import this inside functions."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import stripe

from musekit.kernel.host import Host
from musekit.kernel.outbound.errors import Interrupted, NotSent

#: Seconds for one call. Stripe's own clients wait 80 s; a person waits for some of ours.
TIMEOUT = 20.0
RETRIES = 2
#: Bytes of an answer: a page of a hundred subscriptions with their schedules is about a megabyte.
LARGEST = 16 << 20


class GuardedHTTP(stripe.HTTPClient):
    """An HTTP client of the SDK's shape that sends through the portal of a host.

    A call that was not sent, or whose answer was lost, may be repeated: the SDK sends all tries of
    one call under one Idempotency-Key.
    """

    name = "musekit"

    def __init__(self, host: Host) -> None:
        super().__init__()
        self._host = host

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
        *,
        _usage: list[str] | None = None,
    ) -> tuple[str, int, Mapping[str, str]]:
        """Send one request; return body, status and headers."""
        content = post_data.encode() if isinstance(post_data, str) else post_data
        portal = self._host.portal
        try:
            # Bound first: the portal has a `timeout` of its own, which says nothing of what was
            # sent; the client's ends as `NotSent` or `Interrupted`.
            send = partial(
                portal.client.request, method.upper(), url, headers=dict(headers or {}),
                content=content, timeout=TIMEOUT, limit=LARGEST,
            )  # fmt: skip
            answer = portal.call(send)
        except (NotSent, Interrupted) as error:
            raise _connection_error(str(error)) from error
        return answer.text, answer.status_code, answer.headers

    def close(self) -> None:
        """The portal's client outlives this one."""


def _connection_error(text: str) -> Exception:
    return stripe.APIConnectionError(text, should_retry=True)  # type: ignore[no-untyped-call]


def make_client(host: Host, key: str, url: str) -> stripe.StripeClient:
    """Return a client of Stripe's API for a host."""
    return stripe.StripeClient(
        key, base_addresses={"api": url}, http_client=GuardedHTTP(host),
        max_network_retries=RETRIES,
    )  # fmt: skip
