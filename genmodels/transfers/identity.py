"""Identity: in whose name the Hub is asked. A token stays in this process's memory, for the visitor who gave it."""

from __future__ import annotations

import dataclasses
import hashlib
import re
import secrets
import threading
import time
from typing import Any, Literal

from ..events import Trouble
from ..hub.client import SENTENCES as REFUSED
from ..hub.client import api, machine_token, reach, talking, within

TOKEN = re.compile(r"[\x21-\x7e]{8,4096}")
KEPT = 8 * 3600.0  # seconds that a pasted token is kept
FRESH = 600.0  # seconds that a name is taken for known
PATIENCE = 5.0  # seconds for an answer
MOST = 1000  # visitors remembered
UNKNOWN = REFUSED[401]
TICKET = "ticket-"  # how the stand-in of a token begins that a browser holds


SENTENCES = {"lost": "The studio was started anew and forgot your sign-in. Sign out, and in again."}


@dataclasses.dataclass(frozen=True)
class Person:
    """Who somebody is on the Hub; without a name, nobody."""

    name: str = ""
    how: Literal["", "pasted", "login", "oauth"] = ""  # a token given here, this machine's own, or signed in on a Space
    may_publish: bool = False
    template: str = ""  # why there is a sign-in but no name, for people
    facts: dict[str, Any] = dataclasses.field(default_factory=dict)


class Identity:
    """Pasted tokens by owner. `alone`: this machine has one owner, whose own sign-in counts."""

    def __init__(self, alone: bool) -> None:
        self.alone = alone
        self._pasted: dict[str, tuple[str, float]] = {}
        self._cloaks: dict[str, tuple[str, float]] = {}  # tokens of people who signed in on a Space, by ticket
        self._names: dict[str, tuple[Person, float]] = {}  # by a hash of the token
        self._lock = threading.Lock()

    def sign_in(self, owner: str, token: str) -> Person:
        """Ask the Hub who this is, and remember the token for this owner. Raises Trouble."""
        token = token.strip()
        if not TOKEN.fullmatch(token):
            raise Trouble("This is no access token. Make one on the Hub: Settings, Access Tokens.")
        try:
            person = self._asked(token, "pasted")
        except Trouble as trouble:
            if trouble.template != UNKNOWN:
                raise
            raise Trouble("The Hub does not know this access token. Copy it again from where you made it.") from trouble
        with self._lock:
            self._pasted = {**_young(self._pasted), owner: (token, time.monotonic())}
        return person

    def take_in(self, token: str) -> str:
        """Keep the token of somebody who signed in on a Space, and return a ticket for it: what a browser may hold."""
        ticket = TICKET + secrets.token_hex(16)
        with self._lock:
            self._cloaks = {**_young(self._cloaks), ticket: (token, time.monotonic())}
        return ticket

    def let_go(self, ticket: str) -> None:
        """Forget the token behind a ticket: a cookie that somebody copied is worth nothing after a sign-out."""
        with self._lock:
            self._cloaks.pop(ticket, None)

    def sign_out(self, owner: str) -> None:
        """Forget what this owner gave."""
        with self._lock:
            self._pasted.pop(owner, None)

    def who(self, owner: str, oauth: str | None = None) -> Person:
        """Who the owner is on the Hub; never raises, and waits a few seconds at most."""
        token, how = self._found(owner, oauth)
        if token is None:
            return Person(how="oauth", template=SENTENCES["lost"]) if oauth else Person()
        try:
            return self._asked(token, how)
        except Trouble as trouble:
            return Person(how=how, template=trouble.template, facts=trouble.facts)

    def token(self, owner: str, oauth: str | None = None) -> str | None:
        """The token of whoever asks, for one call; None for nobody. On a shared host never the host's own."""
        return self._found(owner, oauth)[0]

    def publisher(self, owner: str, oauth: str | None = None) -> tuple[Person, str]:
        """Who publishes, and their token. Raises Trouble where there is nobody, or somebody who may only read."""
        token, how = self._found(owner, oauth)
        if token is None:
            raise Trouble("Sign in first: what is published is published in your name.")
        person = self._asked(token, how)
        if not person.may_publish:
            raise Trouble("This access token may only read. Make one that may write, and sign in with it.")
        return person, token

    def _found(self, owner: str, oauth: str | None) -> tuple[str | None, Any]:
        if oauth and oauth.startswith(TICKET):
            with self._lock:
                return _young(self._cloaks).get(oauth, (None, 0.0))[0], "oauth"
        if oauth:
            return oauth, "oauth"
        with self._lock:
            token, since = self._pasted.get(owner, ("", 0.0))
        if token and time.monotonic() - since < KEPT:
            return token, "pasted"
        own = machine_token() if self.alone else None
        return (own, "login") if own else (None, "")

    def _asked(self, token: str, how: Any) -> Person:
        mark = hashlib.sha256(token.encode()).hexdigest()
        person, since = self._names.get(mark, (None, 0.0))
        if person is None or time.monotonic() - since > FRESH:
            reach()
            with talking():
                told = within(PATIENCE, lambda: api(token).whoami())
            role = ((told.get("auth") or {}).get("accessToken") or {}).get("role", "")
            person = Person(str(told["name"]), how, may_publish=role != "read")
            with self._lock:
                self._names = {**dict(list(self._names.items())[-MOST:]), mark: (person, time.monotonic())}
        return dataclasses.replace(person, how=how)


def _young(kept: dict[str, tuple[str, float]]) -> dict[str, tuple[str, float]]:
    """The newest of those that are not too old."""
    now = time.monotonic()
    return dict([(key, each) for key, each in kept.items() if now - each[1] < KEPT][-MOST:])
