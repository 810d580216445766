"""Bench: what the measurements share: the hardware in words, an app of their own, a visitor who clicks over HTTP."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import pathlib
import platform
import secrets
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from importlib import metadata
from typing import Any

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
PATIENCE = 120.0  # seconds that an app may take until it answers


def hardware() -> str:
    """What this was measured on, and how busy the machine was."""
    from genmodels import device

    processor = platform.processor() or platform.machine()
    with contextlib.suppress(OSError, StopIteration), open("/proc/cpuinfo", encoding="utf-8") as file:
        processor = next(line.partition(":")[2].strip() for line in file if line.startswith("model name"))
    busy = f", load average {os.getloadavg()[0]:.1f} at the end" if hasattr(os, "getloadavg") else ""
    return (
        f"Measured on {device.cores()} cores of {processor}, {platform.system()}, Python {platform.python_version()}, "
        f"torch {metadata.version('torch')}, gradio {metadata.version('gradio')}{busy}."
    )


def middle(values: Sequence[float]) -> float:
    """The median."""
    return statistics.median(values)


def late(values: Sequence[float]) -> float:
    """What 95 of 100 values stay below."""
    return sorted(values)[min(len(values) - 1, int(0.95 * len(values)))]


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextlib.contextmanager
def serving(command: Sequence[str], home: pathlib.Path) -> Iterator[tuple[int, float, float]]:
    """Run a Gradio app from the repository's root until the block ends.

    Yields its port, the moment it was started and the moment it first answered with HTTP 200 (both as time.time()).
    """
    port = free_port()
    more = {"GENMODELS_HOME": str(home), "GRADIO_SERVER_PORT": str(port), "GRADIO_ANALYTICS_ENABLED": "False"}
    with open(home / "app.log", "ab") as log:
        started = time.time()
        app = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **more}, stdout=log, stderr=log)
        try:
            while not _answers(port):
                if app.poll() is not None or time.time() - started > PATIENCE:
                    raise SystemExit("The app did not start:\n" + (home / "app.log").read_text(errors="replace"))
                time.sleep(0.01)
            yield port, started, time.time()
        finally:
            app.terminate()
            app.wait(timeout=20)


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


class Visitor:
    """A page without a browser: reads how the page is wired, and sends what a click there sends."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._session = secrets.token_hex(6)
        config = json.loads(self._ask("GET", "/config"))
        self._parts = {part["id"]: part for part in config["components"]}
        self._wires = config["dependencies"]

    def click(self, name: str, event: str = "click", **values: Any) -> list[Any]:
        """Raise an event of the component with this elem_id (or of this type); what comes back for its outputs.

        `values` go to inputs by their elem_id or storage_key, dashes as underscores; the others send what they show at
        first. What a page remembers on the server (gr.State) stays there.
        """
        wire = next((wire for wire in self._wires if self._fits(wire, name, event, set(values))), None)
        if wire is None:
            raise SystemExit(f"The page has no {name} that hears {event} and takes {', '.join(values)}.")
        given = [self._value(part, values) for part in wire["inputs"]]
        body = {"data": given, "fn_index": wire["id"], "session_hash": self._session}
        return json.loads(self._ask("POST", "/gradio_api/run/predict", body))["data"]

    def call(self, name: str, *given: Any) -> Any:
        """Ask the HTTP API (ui/api.py)."""
        return json.loads(self._ask("POST", f"/gradio_api/run/{name}", {"data": given}))["data"][0]

    def _fits(self, wire: dict[str, Any], name: str, event: str, given: set[str]) -> bool:
        heard = any(kind == event and name in self._names(part) for part, kind in wire["targets"])
        return heard and given <= {known for part in wire["inputs"] for known in self._names(part)}

    def _names(self, part: int | None) -> list[str]:
        found = self._parts.get(part, {"props": {}, "type": ""})
        names = (found["props"].get("elem_id"), found["props"].get("storage_key"), found["type"])
        return [name.replace("-", "_") for name in names if name]

    def _value(self, part: int, values: dict[str, Any]) -> Any:
        named = next((name for name in self._names(part) if name in values), None)
        return values[named] if named else self._parts[part]["props"].get("value")

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> bytes:
        text = None if body is None else json.dumps(body)
        self._connection.request(method, path, text, {"Content-Type": "application/json"})
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise SystemExit(f"{path} answered {answer.status}: {content[:500].decode(errors='replace')}")
        return content
