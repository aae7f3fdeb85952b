"""A process of threads that all want fresh tokens at once, for test_refresh.py.

Started as ``refresher.py JSON``. Each line on its input is a round: ``{account id: stale token}``;
it answers with one line: ``{account id: [tokens its threads got]}``.
"""

from __future__ import annotations

import json
import random
import sys
import threading
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

from musekit.kernel.build import build_host
from musekit.kernel.settings import CoreSettings
from passivepost.accounts.refresh import refresh
from passivepost.api import Retryable
from passivepost.publishing import crash

PLUGINS = ["musekit", "passivepost", "passivepost_platform_sandbox"]


def main() -> None:
    given = json.loads(sys.argv[1])
    host = build_host(CoreSettings(**given["core"]), plugins=PLUGINS)
    threads = given["threads"]
    crash.enable("test")
    gate = threading.Barrier(threads)

    def worker(stale: dict[str, str]) -> dict[str, str]:
        gate.wait()
        order = random.sample(sorted(stale), len(stale))
        return {account: _fresh(account, stale[account]) for account in order}

    def _fresh(account: str, stale: str) -> str:
        while True:
            try:
                return refresh(host, UUID(account), stale=stale).credentials.access_token
            except Retryable:  # somebody else's refresh takes long
                continue

    with ThreadPoolExecutor(threads) as pool:
        print("ready", flush=True)
        for line in sys.stdin:
            got: dict[str, set[str]] = defaultdict(set)
            for found in pool.map(worker, [json.loads(line)] * threads):
                for account, token in found.items():
                    got[account].add(token)
            print(json.dumps({each: sorted(tokens) for each, tokens in got.items()}), flush=True)
    host.close()


main()
