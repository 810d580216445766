"""One file on the Hub, read a piece at a time by range requests; nothing but what is asked for is downloaded."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import threading

from ..events import Trouble
from .client import endpoint, patiently, talking

PATIENCE = 20.0  # seconds without a byte


SLACK = 1 << 22  # bytes that a limit may be passed by, so that a small one gives something at all


class Full(Exception):
    """What is asked for would pass the limit on bytes, so it was not downloaded."""


@dataclasses.dataclass
class Traffic:
    """How many bytes came in all, how many may, and whether nobody wants more."""

    bytes: int = 0
    most: int = 1 << 40
    full: bool = False
    stopped: bool = False
    lock: threading.Lock = dataclasses.field(default_factory=threading.Lock, repr=False)

    def count(self, more: int) -> None:
        """Some bytes came; those who still ask for more when it was stopped get CancelledError."""
        with self.lock:
            self.bytes += more
        if self.stopped:
            raise concurrent.futures.CancelledError


class RemoteFile:
    """A file of a data set at a commit, `size` bytes; `read` raises Trouble."""

    def __init__(self, repo: str, commit: str, path: str, size: int, token: str | None, traffic: Traffic) -> None:
        from huggingface_hub import hf_hub_url
        from huggingface_hub.utils import build_hf_headers

        self.repo, self.size, self.traffic = repo, size, traffic
        self._url = hf_hub_url(repo, path, repo_type="dataset", revision=commit, endpoint=endpoint())
        self._headers = {**build_hf_headers(token=token or False), "Accept-Encoding": "identity"}

    def read(self, start: int, end: int) -> bytes:
        """The bytes from `start` to before `end`; a connection that breaks goes on where it broke."""
        if not 0 <= start < end <= self.size:
            raise self._short()
        if self.traffic.bytes + end - start > self.traffic.most + SLACK:
            self.traffic.full = True
            raise Full
        got = bytearray()
        with talking(self.repo):
            patiently(lambda: self._ask(start, end, got))
        if len(got) < end - start:
            raise self._short()
        return bytes(got[: end - start])

    def _short(self) -> Trouble:
        template = "{repo} is not what it says: a file ends before its own parts. Choose another data set."
        return Trouble(template, repo=self.repo)

    def _ask(self, start: int, end: int, got: bytearray) -> None:
        """One request for what is still missing. What comes beyond the range is not waited for."""
        from huggingface_hub import get_session
        from huggingface_hub.utils import hf_raise_for_status

        begin = start + len(got)
        headers = {**self._headers, "Range": f"bytes={begin}-{end - 1}"}
        with get_session().stream("GET", self._url, headers=headers, timeout=PATIENCE) as answer:
            if answer.status_code == 416:
                raise self._short()
            if answer.status_code >= 400:
                answer.read()
            hf_raise_for_status(answer)
            before = 0 if answer.status_code == 206 else begin  # an answer that knows no ranges begins at the beginning
            for part in answer.iter_raw():
                self.traffic.count(len(part))
                got += part[before:]
                before = max(0, before - len(part))
                if len(got) >= end - start:
                    break
