"""Run a rotation in a process of its own, a line after each batch: to be killed by a test."""

import sys
import time

from musekit.kernel.crypto.keyring import KeyRing
from musekit.kernel.crypto.rotation import rotate
from musekit.kernel.database.session import Database
from musekit.kernel.settings import CoreSettings


def main() -> None:
    settings = CoreSettings()
    database = Database(settings)

    def tell(progress) -> None:
        print(progress.done, progress.total, flush=True)
        time.sleep(float(sys.argv[1]))

    rotate(database, KeyRing.from_settings(settings), progress=tell)
    database.close()


if __name__ == "__main__":
    main()
