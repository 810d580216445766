"""The Hub as it is talked to: whose name a call is made in, what it throws as one sentence, and addresses."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import os
import re
import socket
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Literal, TypeVar

from .. import __version__
from ..events import Trouble

if TYPE_CHECKING:
    from huggingface_hub import HfApi

os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # before the client is imported: nothing is told to anyone
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")

Answer = TypeVar("Answer")
TRIES, LONGEST_WAIT = 3, 20.0  # of what the client does not try again by itself; seconds
SECRET = re.compile(r"\bhf_[\w.-]{6,}|\bBearer\s+\S+")  # of a sign-in on a Space, too, which has dots
NAME = r"[A-Za-z0-9](?:[\w.-]{0,94}[A-Za-z0-9_])?"
REVISION = r"\w[\w./-]{0,199}"  # never the beginning of a path
ADDRESS = re.compile(rf"({NAME}/{NAME})(?:@({REVISION}))?", re.ASCII)
PAGES = ("tree", "blob", "resolve", "commit", "commits")  # pages of a repository whose address names a revision
SENTENCES = {
    "silent": "The Hugging Face Hub does not answer. All that is on this machine works without it; try again later.",
    "offline": "The studio was started without the Hub (HF_HUB_OFFLINE). Start it without that to reach the Hub.",
    "cut": "The connection to the Hub was cut. Nothing was lost: press again.",
    "gated": "{repo} has conditions. Open its page on the Hub, accept them there, and sign in here as the same person.",
    "revision": "{repo} has no version of this name.",
    "file": "A file that {repo} needs is not on the Hub.",
    400: "The Hub does not take this: {words}",
    401: "The Hub does not know this sign-in any more. Sign in again, then press once more.",
    403: "The Hub does not allow this with your sign-in: {words}",
    404: "There is no {repo} on the Hub, or it is private and you are not signed in as somebody who may see it.",
    409: "Somebody changed {repo} at the same moment. Nothing was lost: press again.",
    412: "Somebody changed {repo} at the same moment. Nothing was lost: press again.",
    413: "The Hub finds this too large.",
    429: "The Hub has had many requests from here. Wait {n} seconds, then press again.",
    500: "The Hub has trouble of its own just now. Nothing was lost: press again in a minute.",
}


@dataclasses.dataclass(frozen=True)
class Address:
    """A repository on the Hub, at a revision: a branch, a tag or a commit ("" is the newest)."""

    repo: str  # "user/name"
    revision: str = ""
    kind: Literal["model", "dataset"] = "model"

    def __post_init__(self) -> None:
        """A revision becomes part of a path in the client's cache, wherever it was given. Raises Trouble."""
        if self.revision and (not re.fullmatch(REVISION, self.revision, re.ASCII) or ".." in self.revision):
            raise Trouble(SENTENCES["revision"], repo=self.repo)

    @classmethod
    def parse(cls, text: str, kind: Literal["model", "dataset"] = "model") -> Address:
        """From "user/name", "user/name@revision", or the address of any of its pages in a browser. Raises Trouble."""
        given = text.strip().removeprefix("hub:").strip("/")
        if "://" in given or given.split("/")[0] in _hosts():
            given, kind = _from_page(given, kind)
        found = ADDRESS.fullmatch(given)
        if found is None or ".." in given or "--" in found[1]:
            raise Trouble("An address on the Hub has the form name/model. Copy it from the page of the model.")
        return cls(found[1], found[2] or "", kind)

    @property
    def page(self) -> str:
        """Where a person looks at it."""
        place = "datasets/" if self.kind == "dataset" else ""
        return f"{endpoint()}/{place}{self.repo}" + (f"/tree/{self.revision}" if self.revision else "")


def is_commit(revision: str) -> bool:
    """Whether a revision is a whole commit hash, which never changes."""
    return re.fullmatch("[0-9a-f]{40}", revision) is not None


def _hosts() -> set[str]:
    return {"huggingface.co", "www.huggingface.co", "hf.co", urllib.parse.urlsplit(endpoint()).netloc}


def _from_page(given: str, kind: Literal["model", "dataset"]) -> tuple[str, Literal["model", "dataset"]]:
    """A pasted address as "user/name@revision"."""
    try:
        parts = urllib.parse.urlsplit(given if "://" in given else f"https://{given}")
    except ValueError:
        parts = None
    if parts is None or parts.netloc not in _hosts():
        raise Trouble("This is no address of the Hugging Face Hub. Copy it from the page of the model.")
    words = [urllib.parse.unquote(word) for word in parts.path.strip("/").split("/")]
    if words[0] == "spaces":
        raise Trouble("This is the address of a Space. Give that of a model or of a data set.")
    kind = "dataset" if words[0] == "datasets" else "model" if words[0] == "models" else kind
    words = words[1:] if words[0] in ("datasets", "models") else words
    if len(words) > 3 and words[2] in PAGES:
        return f"{words[0]}/{words[1]}@{words[3]}", kind
    return "/".join(words[:2]), kind


def endpoint() -> str:
    """Which Hub: HF_ENDPOINT, or the one that everybody uses."""
    return (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")


def api(token: str | None) -> HfApi:
    """The client, in the name of whoever owns the token; None is nobody, and never the machine's own sign-in."""
    from huggingface_hub import HfApi

    return HfApi(endpoint(), token=token or False, library_name="genmodels", library_version=__version__)


def machine_token() -> str | None:
    """The sign-in of this machine (HF_TOKEN, or `hf auth login`): for the command line and for a laptop's owner."""
    from huggingface_hub import get_token

    return get_token()


def reach(seconds: float = 1.5) -> None:
    """Find out at once whether anybody is there; the client itself is silent for half a minute. Raises Trouble."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        raise Trouble(SENTENCES["offline"])
    where = urllib.parse.urlsplit(endpoint())
    if urllib.request.getproxies().get(where.scheme) and not urllib.request.proxy_bypass(where.hostname or ""):
        return
    try:
        port = where.port or (443 if where.scheme == "https" else 80)
        there = (where.hostname or "", port)  # several addresses, and a name server, each take their time
        within(seconds, lambda: socket.create_connection(there, timeout=seconds).close())
    except OSError as error:
        raise Trouble(SENTENCES["silent"]) from error


def within(seconds: float, call: Callable[[], Answer]) -> Answer:
    """The answer of a call, or Trouble when it takes longer; what nobody waits for any more ends by itself."""
    answer = aside(call)
    if not concurrent.futures.wait([answer], seconds).done:
        raise Trouble(SENTENCES["silent"])
    return answer.result()


def aside(call: Callable[[], Answer], name: str | None = None) -> concurrent.futures.Future[Answer]:
    """A call in a thread of its own, which no end of this process waits for; its errors are its result's."""
    answer: concurrent.futures.Future[Answer] = concurrent.futures.Future()

    def carry_out() -> None:
        try:
            answer.set_result(call())
        except BaseException as error:  # told to whoever asked, in their own thread
            answer.set_exception(error)

    threading.Thread(target=carry_out, daemon=True, name=name).start()
    return answer


def patiently(call: Callable[[], Answer]) -> Answer:
    """Try again what the client tries once only: a connection reset, 429 and the server's own trouble."""
    import httpx2
    from huggingface_hub.errors import HfHubHTTPError

    for left in reversed(range(TRIES)):
        try:
            return call()
        except HfHubHTTPError as error:
            status, wait = error.response.status_code, _wait(error)
            if not left or (status != 429 and status < 500) or wait > LONGEST_WAIT:
                raise
            time.sleep(wait)
        except (httpx2.ReadError, httpx2.RemoteProtocolError, httpx2.WriteError):
            if not left:
                raise
            time.sleep(0.5)
    raise AssertionError("unreachable")


def _wait(error: Exception) -> float:
    """Seconds that the Hub asks for, or one."""
    said = error.response.headers.get("Retry-After", "1")
    return float(said) if said.isdecimal() else 1.0


@contextlib.contextmanager
def talking(repo: str = "") -> Iterator[None]:
    """Whatever the Hub or the network throws in here becomes one Trouble; no token is ever part of it."""
    import httpx2
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OfflineModeIsEnabled

    repo = repo or "this"
    try:
        yield
    except HfHubHTTPError as error:
        raise _said(error, repo) from error
    except OfflineModeIsEnabled as error:
        raise Trouble(SENTENCES["offline"]) from error
    except HFValidationError as error:
        raise Trouble("An address on the Hub has the form name/model. Copy it from the page of the model.") from error
    except (httpx2.ConnectError, httpx2.TimeoutException, LocalEntryNotFoundError) as error:
        told = error.__cause__  # a refused look at a file is wrapped as if the file were only not here
        raise _said(told, repo) if isinstance(told, HfHubHTTPError) else Trouble(SENTENCES["silent"]) from error
    except httpx2.HTTPError as error:
        raise Trouble(SENTENCES["cut"]) from error
    except ConnectionError as error:  # of the xet transfer: the status is in its text only
        status = re.search(r"\b(401|403|404|413|429|5\d\d)\b", str(error))
        raise _sentence(int(status[1]), repo, "", 60) if status else Trouble(SENTENCES["cut"]) from error


def _said(error: Exception, repo: str) -> Trouble:
    from huggingface_hub import errors

    status, words = error.response.status_code, " ".join(str(error.server_message or "").split())
    if isinstance(error, errors.GatedRepoError):
        return Trouble(SENTENCES["gated"], repo=repo)
    if isinstance(error, errors.RevisionNotFoundError):
        return Trouble(SENTENCES["revision"], repo=repo)
    if isinstance(error, errors.EntryNotFoundError):
        return Trouble(SENTENCES["file"], repo=repo)
    missing = isinstance(error, errors.RepositoryNotFoundError)
    return _sentence(404 if missing else status, repo, words, round(_wait(error)))


def _sentence(status: int, repo: str, words: str, wait: int) -> Trouble:
    template = SENTENCES.get(500 if status >= 500 else status, SENTENCES[400])
    words = SECRET.sub("...", words)[:200] or f"{status}"
    return Trouble(template, repo=repo, words=words, n=max(1, wait))
