"""Deliver what is due in a process of its own: to be killed by a test."""

from musekit.kernel.build import build_host
from musekit.kernel.settings import CoreSettings
from musekit.webhooks.delivery import deliver


def main() -> None:
    host = build_host(CoreSettings(), plugins=["musekit"])
    deliver(host, seconds=60)
    host.close()


if __name__ == "__main__":
    main()
