"""The Hub itself: a server in a thread, and what a test does with it."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import re
import secrets
import socket
import threading
import time

import uvicorn

from . import listing, oauth, reading, routes, writing
from .repos import Repo, Store
from .wire import Answer, Call, Fault, Hangup, Protocol, Refusal, Row, hang_up, receive_body, send_answer
from .xet import Xet

ROOMS = (listing, reading, writing, oauth)  # once they are imported, their handlers are in the table of routes


@dataclasses.dataclass(frozen=True)
class Person:
    """Somebody with a token, and what the token may do: "read", "write" or "contribute-repos"."""

    name: str
    role: str

    @property
    def id(self) -> str:
        return self.name.encode().hex().ljust(24, "0")[:24]

    @property
    def fullname(self) -> str:
        return self.name.title()


class Hub:
    """A Hub on this machine: `with Hub() as hub:` runs it at `hub.url`."""

    def __init__(self, *, xet: bool = True, port: int = 0) -> None:
        self.store = Store()
        self.page = 0  # most rows of a list in one answer; 0: as many as the Hub gives
        self.log: list[Row] = []
        self.people: dict[str, Person] = {}  # by token
        self.xet = Xet() if xet else None
        self.codes: dict[str, tuple[str, str, str, str]] = {}  # of people on their way back to an app
        self._faults: list[Fault] = []
        self._lock = threading.RLock()
        self._port = port
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    # -- running --

    def __enter__(self) -> Hub:
        if self._server is None:
            self.up()
        return self

    def __exit__(self, *trouble: object) -> None:
        self.down()
        if self.xet:
            self.xet.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def cdn(self) -> str:
        """Where large files come from: the same server under another origin."""
        return f"http://localhost:{self._port}"

    def up(self) -> None:
        """Start, or start again at the same address."""
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", self._port))
        self._port = listening.getsockname()[1]
        config = uvicorn.Config(
            self._app, interface="asgi3", http=Protocol, ws="none", lifespan="off", log_config=None, log_level="error"
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([listening],), daemon=True, name="loopback hub")
        self._thread.start()
        while not self._server.started:
            assert self._thread.is_alive(), "the loopback Hub did not start"
            time.sleep(0.005)

    def down(self) -> None:
        """Stop; what was stored stays."""
        if self._server and self._thread:
            self._server.should_exit = self._server.force_exit = True
            self._thread.join(timeout=10)
            self._server = None

    async def _app(self, scope: dict, receive: object, send: object) -> None:
        call = Call.of(scope)
        fault = self._take(call)
        person = self.people.get(call.bearer)
        query = scope["query_string"].decode() if call.path.startswith("/api/") else ""
        row = Row(call.method, call.path, query, call.headers.get("host", ""), 0, person.name if person else None)
        try:
            if fault and fault.delay:
                await asyncio.sleep(fault.delay)
            if fault and fault.reset and fault.cut_upload is None and fault.cut_download is None:
                raise Hangup
            call.body = await receive_body(receive, fault)
            answer = self._answer(call, fault)
            row = dataclasses.replace(row, status=answer.status)
            self.log.append(row)  # before it is answered: who has the answer finds its row
            await send_answer(send, call, answer, fault)
        except Hangup:
            with contextlib.suppress(ValueError):
                self.log.remove(row)
            self.log.append(dataclasses.replace(row, status=0))
            with contextlib.suppress(KeyError):
                hang_up(scope, bool(fault and fault.reset))

    def _answer(self, call: Call, fault: Fault | None) -> Answer:
        if fault and fault.status:
            sentence = fault.headers.get("X-Error-Message", "This is a fault that the test asked for.")
            return Answer({"error": sentence} if fault.body is None else fault.body, fault.status, fault.headers)
        with self._lock:
            return routes.answer(self, call)

    def _take(self, call: Call) -> Fault | None:
        """The fault of this request, one time fewer for the next."""
        with self._lock:
            for fault in self._faults:
                if fault.times > 0 and re.search(fault.match, f"{call.method} {call.path}"):
                    fault.times -= 1
                    return fault
        return None

    # -- what a test does --

    def token(self, user: str, role: str = "write") -> str:
        """A new token of a user: "read", "write", or "contribute-repos" (only what it makes itself)."""
        token = "hf_" + secrets.token_hex(17)
        self.people[token] = Person(user, role)
        return token

    def person(self, token: str) -> Person | None:
        """Who a token belongs to; nobody without one."""
        if not token:
            return None
        if token not in self.people:
            raise Refusal(401, "Invalid credentials in Authorization header")
        return self.people[token]

    def put(
        self,
        repo: str,
        files: dict[str, bytes | None],
        *,
        kind: str = "model",
        private: bool = False,
        gated: bool | str = False,
        tags: tuple[str, ...] = (),
        message: str = "",
        author: str = "",
        downloads: int = 0,
        branch: str = "main",
    ) -> str:
        """Commit files, by nobody's token, making the repository (and the branch) where it is missing: the commit."""
        with self._lock:
            held = self.store.repos.get((kind, repo))
            if held is None:
                facts = {"private": private, "gated": gated, "tags_given": tuple(tags), "downloads": downloads}
                held = self.store.create(kind, repo, **facts)
            changes = {path: None if data is None else self.store.file(path, data) for path, data in files.items()}
            return held.advance(branch, changes, message or "Upload files", "", author or held.owner).id

    def space_environment(self, scopes: str = "openid profile contribute-repos") -> dict[str, str]:
        """What the environment of a Space says of signing in; here, people sign in by this Hub."""
        return oauth.space_environment(self.url, scopes)

    def grant(self, repo: str, user: str, kind: str = "model") -> None:
        """Let somebody read a gated repository."""
        self.repo(repo, kind).readers.add(user)

    def repo(self, repo: str, kind: str = "model") -> Repo:
        return self.store.repos[kind, repo]

    def exists(self, repo: str, kind: str = "model") -> bool:
        return (kind, repo) in self.store.repos

    def content(self, sha256: str) -> bytes:
        """The bytes of a stored file, whichever way they came."""
        if sha256 not in self.store.blobs and self.xet:
            file = next(file for file in self.store.all_files() if file.sha256 == sha256)
            self.store.blobs[sha256] = self.xet.content(file.xet, file.size)
        return self.store.blobs[sha256]

    def files(self, repo: str, revision: str = "main", kind: str = "model") -> dict[str, bytes]:
        """The files of a revision, but .gitattributes, which the Hub makes."""
        commit = self.repo(repo, kind).commit(revision)
        assert commit, f"{repo} has no {revision}"
        return {path: self.content(f.sha256) for path, f in commit.files.items() if path != ".gitattributes"}

    def tags(self, repo: str, kind: str = "model") -> dict[str, str]:
        """Tags and the commits they name."""
        return {name: commit.id for name, commit in self.repo(repo, kind).tags.items()}

    def commits(self, repo: str, revision: str = "main", kind: str = "model") -> list[str]:
        """Titles of the commits, newest first."""
        return [commit.title for commit in self.repo(repo, kind).commit(revision).line()]

    def fault(self, fault: Fault) -> None:
        """Let something go wrong from now on."""
        self._faults.append(fault)

    def clear(self) -> None:
        """Forget the faults and the log."""
        self._faults.clear()
        self.log.clear()
