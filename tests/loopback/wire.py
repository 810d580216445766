"""Bytes on the wire: requests, answers, and the faults that a test can ask for."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import re
import socket
import struct
import urllib.parse
from collections.abc import Awaitable, Callable
from typing import ClassVar

from uvicorn.protocols.http.h11_impl import H11Protocol

CHUNK = 64 * 1024
Ends = tuple[tuple[str, int], tuple[str, int]]  # addresses of the client and of the server


@dataclasses.dataclass
class Fault:
    """What goes wrong with the next `times` requests whose "METHOD /path" the expression finds."""

    match: str
    times: int = 1
    status: int = 0  # answer with this
    headers: dict[str, str] = dataclasses.field(default_factory=dict)
    body: object = None  # of that answer: JSON
    delay: float = 0.0  # seconds before anything else
    pace: int = 0  # bytes per second, both ways
    cut_upload: int | None = None  # hang up after so many bytes of the request
    cut_download: int | None = None  # hang up after so many bytes of the answer
    reset: bool = False  # hang up by RST instead of FIN; alone: at once


@dataclasses.dataclass(frozen=True)
class Row:
    """One request as the log keeps it; never the token."""

    method: str
    path: str  # as sent, still quoted
    query: str
    host: str
    status: int  # 0: hung up
    authorised: str | None  # the name behind the token


@dataclasses.dataclass
class Call:
    """One request."""

    method: str
    path: str  # as sent, still quoted
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes = b""

    @classmethod
    def of(cls, scope: dict) -> Call:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        query = urllib.parse.parse_qs(scope["query_string"].decode(), keep_blank_values=True)
        return cls(scope["method"], scope["raw_path"].decode(), query, headers)

    def json(self) -> dict:
        return json.loads(self.body or b"{}")

    def form(self) -> dict[str, list[str]]:
        return urllib.parse.parse_qs(self.body.decode())

    def asked(self, name: str, otherwise: str = "") -> str:
        return self.query.get(name, [otherwise])[0]

    @property
    def bearer(self) -> str:
        how, _, token = self.headers.get("authorization", "").partition(" ")
        return token if how == "Bearer" else ""


@dataclasses.dataclass
class Answer:
    """One answer: anything but bytes goes out as JSON."""

    body: object = b""
    status: int = 200
    headers: dict[str, str] = dataclasses.field(default_factory=dict)

    def encoded(self) -> tuple[bytes, dict[str, str]]:
        if isinstance(self.body, bytes):
            return self.body, {"content-type": "application/octet-stream", **self.headers}
        return json.dumps(self.body).encode(), {"content-type": "application/json", **self.headers}


class Refusal(Exception):
    """An error as the Hub says it: status, its own code where it has one, and a sentence."""

    def __init__(self, status: int, sentence: str, code: str = "", **headers: str) -> None:
        super().__init__(sentence)
        told = {"X-Error-Message": sentence, **({"X-Error-Code": code} if code else {}), **headers}
        self.answer = Answer({"error": sentence}, status, told)


class Hangup(Exception):
    """The server ends the connection here."""


class Protocol(H11Protocol):
    """Remembers each connection's transport, so that a fault can end it."""

    transports: ClassVar[dict[Ends, asyncio.Transport]] = {}

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self.transports[self.client, self.server] = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self.transports.pop((self.client, self.server), None)
        super().connection_lost(exc)


def hang_up(scope: dict, reset: bool) -> None:
    """End a request's connection: by FIN, or by RST."""
    transport = Protocol.transports[scope["client"], scope["server"]]
    if reset:
        linger = struct.pack("ii", 1, 0)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        transport.abort()
    else:
        transport.close()


async def receive_body(receive: Callable[[], Awaitable[dict]], fault: Fault | None) -> bytes:
    """The body of a request, as slowly and as far as the fault lets it come: Hangup at its end."""
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Hangup
        body += message.get("body", b"")
        if fault and fault.cut_upload is not None and len(body) >= fault.cut_upload:
            raise Hangup
        if fault and fault.pace:
            await asyncio.sleep(len(message.get("body", b"")) / fault.pace)
        if not message.get("more_body"):
            return body


async def send_answer(send: Callable[[dict], Awaitable[None]], call: Call, answer: Answer, fault: Fault | None) -> None:
    """An answer, as slowly and as far as the fault lets it go: Hangup at its end."""
    body, headers = answer.encoded()
    headers = {"content-length": str(len(body)), **{name.lower(): value for name, value in headers.items()}}
    lines = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": lines})
    if call.method == "HEAD":
        await send({"type": "http.response.body"})
        return
    end = len(body) if not fault or fault.cut_download is None else min(fault.cut_download, len(body))
    for start in range(0, end, CHUNK):
        chunk = body[start : min(start + CHUNK, end)]
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
        if fault and fault.pace:
            await asyncio.sleep(len(chunk) / fault.pace)
    if end < len(body):
        await asyncio.sleep(0.05)  # what was sent arrives before the end does
        raise Hangup
    await send({"type": "http.response.body"})


def ranged(content: bytes, call: Call, headers: dict[str, str]) -> Answer:
    """A file, or the part of it that Range asks for."""
    headers = {"Accept-Ranges": "bytes", **headers}
    asked = re.fullmatch(r"bytes=(\d*)-(\d*)", call.headers.get("range", ""))
    if not asked or not any(asked.groups()):
        return Answer(content, 200, headers)
    first, last = asked.groups()
    start = int(first) if first else max(0, len(content) - int(last))
    stop = min(int(last) + 1, len(content)) if first and last else len(content)
    if start >= stop:
        return Answer(b"", 416, {**headers, "Content-Range": f"bytes */{len(content)}"})
    return Answer(content[start:stop], 206, {**headers, "Content-Range": f"bytes {start}-{stop - 1}/{len(content)}"})
