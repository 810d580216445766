"""What data sets of strangers hold, found out by a process of its own: what they claim ends at its limit on memory."""

from __future__ import annotations

import base64
import dataclasses
import json
import subprocess
import sys
import threading
from typing import Any

from ..device import be_nice, child_environment, limited
from ..events import Trouble
from ..hub.client import SENTENCES, Address
from ..hub.datasets import DatasetAbout, about, glimpse

MEMORY = 1_500_000_000  # bytes that reading strange tables may take: a large page is held four times
PATIENCE, GLIMPSE = 60.0, 12.0  # seconds for what it holds, and for its first pictures
AT_ONCE = threading.BoundedSemaphore(2)


def told_about(address: Address, token: str | None) -> DatasetAbout:
    """What a data set holds. Raises Trouble."""
    return DatasetAbout.told(_asked("about", address, token, PATIENCE))


def sheet(address: Address, token: str | None) -> bytes:
    """Some of its pictures as a WebP, b"" where they cannot be had for little. Raises Trouble."""
    return base64.b64decode(_asked("glimpse", address, token, GLIMPSE))


def _asked(what: str, address: Address, token: str | None, seconds: float) -> Any:
    order = json.dumps({"what": what, "address": dataclasses.asdict(address), "token": token})
    command, environment = [sys.executable, "-m", __name__], child_environment()
    try:
        with AT_ONCE:
            done = subprocess.run(
                command, input=order.encode(), capture_output=True, timeout=seconds, env=environment, check=False
            )
        told = json.loads(done.stdout.splitlines()[-1])
    except subprocess.TimeoutExpired:
        raise Trouble(SENTENCES["silent"]) from None  # without the order, which has the token
    except (IndexError, ValueError) as error:
        template = "A table of {repo} is damaged, or of a form that is not read here. Choose another data set."
        raise Trouble(template, repo=address.repo) from error
    if "trouble" in told:
        raise Trouble(told["trouble"], **told["facts"])
    return told["answer"]


def _answer(order: dict[str, Any]) -> dict[str, Any]:
    address, token = Address(**order["address"]), order["token"]
    try:
        with limited(MEMORY):
            if order["what"] == "about":
                return {"answer": dataclasses.asdict(about(address, token))}
            return {"answer": base64.b64encode(glimpse(address, token)).decode()}
    except Trouble as error:
        return {"trouble": error.template, "facts": error.facts}


if __name__ == "__main__":
    be_nice()
    print(json.dumps(_answer(json.load(sys.stdin))))
