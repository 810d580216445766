"""The process behind a run: `python -m genmodels.runs FOLDER`, or `--probe ORDER RESULT` for a promise."""

from __future__ import annotations

import os
import pathlib
import sys
import threading
import time

from .. import device, files
from ..events import Trouble


def main(arguments: list[str]) -> int:
    """Be nice to whoever uses this machine, then do the work; what cannot be done is said in the log's last line."""
    device.be_nice()
    try:
        if arguments[0] == "--probe":
            from .promises import measure

            measure(pathlib.Path(arguments[1]), pathlib.Path(arguments[2]))
        else:
            from .worker import work

            run = pathlib.Path(arguments[0])
            threading.Thread(target=_leave_when_deleted, args=(run,), daemon=True).start()
            work(run)
    except Trouble as trouble:
        print(trouble, file=sys.stderr)
        return 2
    return 0


def _leave_when_deleted(run: pathlib.Path) -> None:
    """A run that is being deleted needs no last save: end at once, whatever is going on."""
    while files.read_word(run / "ask") != "quit" and (run / "plan.json").exists():
        time.sleep(0.3)
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
