"""`python app.py` in a process of its own, beside a Hub for tests: on a laptop, or as a Space where people sign in."""

from __future__ import annotations

import base64
import contextlib
import json
import pathlib
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from typing import TYPE_CHECKING

from conftest import child_environment
from loopback import Hub

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROOT = pathlib.Path(__file__).resolve().parents[1]


@contextlib.contextmanager
def app(hub: Hub, folder: pathlib.Path, **environment: str) -> Iterator[tuple[str, subprocess.Popen]]:
    """The app at work: its address and its process. All that it keeps lies below `folder`."""
    for name in ("home", "tmp"):
        (folder / name).mkdir(exist_ok=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    known = {"GENMODELS_HOME": str(folder / "home"), "TMPDIR": str(folder / "tmp"), "OMP_NUM_THREADS": "1"}
    known |= child_environment(hub, folder / "huggingface") | {"GRADIO_SERVER_PORT": str(port)}
    with open(folder / "app.log", "wb") as log:
        process = subprocess.Popen(
            [sys.executable, "app.py"], cwd=ROOT, env=known | environment, stdout=log, stderr=log
        )
    try:
        for _ in range(240):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{port}", timeout=2)
                break
            assert process.poll() is None, (folder / "app.log").read_text()
            time.sleep(0.25)
        yield f"http://127.0.0.1:{port}", process
    finally:
        process.terminate()
        process.wait(timeout=20)


def held(page: Page) -> str:
    """All that a browser holds of a page, hidden cookies included, as text; base64 in it (a session is) opened too."""
    fields = "[...document.querySelectorAll('input, textarea')].map((each) => each.value)"
    script = f"JSON.stringify([document.cookie, {{...localStorage}}, {{...sessionStorage}}, {fields}])"
    text = page.content() + page.evaluate(script) + json.dumps(page.context.storage_state(indexed_db=True))
    words = [word[: len(word) // 4 * 4] for word in re.findall(r"[A-Za-z0-9+/_-]{16,}", text)]
    return text + "".join(base64.b64decode(word, altchars=b"-_").decode("utf-8", "replace") for word in words)
