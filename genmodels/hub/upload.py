"""Upload: one commit with its files by the client's own ways (xet, or LFS), counted in bytes while it runs."""

from __future__ import annotations

import concurrent.futures
import contextlib
import io
import json
import time
from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from ..events import Progress, Trouble
from .client import SECRET, SENTENCES, api, aside, patiently, talking

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

Answer = TypeVar("Answer")
STALLED = 120.0  # seconds in which nothing moves
LOOK = 0.2  # seconds between two looks at how far it is
BRANCH = "main"


class Meter:
    """Counts bytes on their way, and ends what nobody waits for any more. Safe from several threads."""

    def __init__(self, most: int = 0) -> None:
        self.most, self.stopped, self.moved = most, False, time.monotonic()
        self._sent: dict[str, int] = {}

    @property
    def bytes(self) -> int:
        """How many are on the Hub, or on their way."""
        return min(self.most, sum(list(self._sent.values())))

    def at(self, name: str, count: int) -> None:
        """So much of this file was sent; a file that begins again is counted again."""
        self.check()
        self._sent[name], self.moved = count, time.monotonic()

    def check(self) -> None:
        """Raise CancelledError where nobody waits any more."""
        if self.stopped:
            raise concurrent.futures.CancelledError

    def forget(self, name: str) -> None:
        """Count nothing for this name any more."""
        self._sent.pop(name, None)


class _Read(io.BytesIO):
    """A file in memory that tells how far it was read."""

    def __init__(self, content: bytes, name: str, meter: Meter) -> None:
        super().__init__(content)
        self._name, self._meter = name, meter

    def read(self, size: int | None = -1) -> bytes:
        block = super().read(size)
        self._meter.at(self._name, self.tell())
        return block


def waited(
    call: Callable[[], Answer],
    meter: Meter | None = None,
    span: tuple[float, float] = (0.0, 0.0),
    local: bool = False,
) -> Generator[Progress, None, Answer]:
    """The answer of a call that talks to the Hub, with Progress while it lasts. Raises what it raises.

    `span` is the part of a progress bar that the bytes of the meter fill. Trouble where nothing moves for `STALLED`
    seconds, or with `local` work never; whoever closes this generator ends the transfer.
    """
    meter = meter or Meter()
    meter.moved, answer = time.monotonic(), aside(call, "upload")
    try:
        while not concurrent.futures.wait([answer], LOOK).done:
            yield progress(meter, span)
            if not local and time.monotonic() - meter.moved > STALLED:
                raise Trouble(SENTENCES["silent"])
    finally:
        if not answer.done():
            meter.stopped = True
            _abort()
    return answer.result()


def progress(meter: Meter, span: tuple[float, float]) -> Progress:
    """How far it is, in bytes and on the whole bar."""
    share = meter.bytes / meter.most if meter.most else 0.0
    parts = {"bytes": float(meter.bytes), "of": float(meter.most)} if meter.most else {}
    return Progress(fraction=span[0] + share * (span[1] - span[0]), parts=parts)


def commit(
    repo: str, parent: str, files: dict[str, bytes], gone: list[str], words: tuple[str, str], token: str, meter: Meter
) -> str:
    """Upload what is not there yet and make one commit on the parent, or none where nothing differs: its hash.

    `words` are the commit's title and text. Raises Trouble, with `SENTENCES[412]` where the parent is not the newest.
    """
    with spoken(repo), _listening(meter):
        try:
            found = _create(repo, parent, files, gone, words, token, meter, lfs=False)
        except ConnectionError as error:
            if "404" not in str(error) or "xet" not in str(error):
                raise
            found = _create(repo, parent, files, gone, words, token, meter, lfs=True)  # a Hub that has no xet
    for name, content in files.items():
        meter.at(name, len(content))
    return found


def _create(repo: str, parent: str, files: dict, gone: list, words: tuple, token: str, meter: Meter, lfs: bool) -> str:
    from huggingface_hub import CommitOperationDelete
    from huggingface_hub.utils import logging

    logging.set_verbosity_error()  # that nothing differs is said by us
    operations: list[CommitOperationAdd | CommitOperationDelete] = [
        _addition(name, content, meter, lfs) for name, content in files.items()
    ]
    operations += [CommitOperationDelete(name, is_folder=False) for name in gone]
    done = patiently(
        lambda: api(token).create_commit(
            repo,
            operations,
            commit_message=words[0],
            commit_description=words[1],
            revision=BRANCH,
            parent_commit=parent,
            num_threads=2,
        )
    )
    return done.oid


def _addition(name: str, content: bytes, meter: Meter, lfs: bool) -> CommitOperationAdd:
    """A file of the commit that counts what is sent of it. `lfs`: not by xet, which takes no open files."""
    from huggingface_hub import CommitOperationAdd

    class Counted(CommitOperationAdd):
        @contextlib.contextmanager
        def as_file(self, with_tqdm: bool = False) -> Iterator[Any]:
            meter.check()  # also asked for the commit's own text, so that what was given up is not committed later
            yield _Read(content, name, meter) if with_tqdm else io.BytesIO(content)

    return Counted(name, io.BytesIO(content) if lfs else content)


@contextlib.contextmanager
def spoken(repo: str) -> Iterator[None]:
    """`talking`, also for what the client wraps into errors of its own while it uploads."""
    with talking(repo):
        try:
            yield
        except RuntimeError as error:
            if isinstance(error.__cause__, Exception):
                raise error.__cause__ from None
            raise
        except OSError as error:
            if type(error).__name__ == "XetAuthenticationError":
                raise Trouble(SENTENCES[401]) from error
            if type(error).__name__ == "XetObjectNotFoundError" or isinstance(error, TimeoutError):
                raise Trouble(SENTENCES["cut"]) from error
            raise
        except json.JSONDecodeError as error:
            raise Trouble(SENTENCES[500]) from error
        except ValueError as error:
            if type(error) is not ValueError:  # an address that is none, for example: `talking` knows
                raise
            words = SECRET.sub("...", " ".join(str(error).split()))[:200]
            raise Trouble(SENTENCES[400], words=words) from error


@contextlib.contextmanager
def _listening(meter: Meter) -> Iterator[None]:
    """Have the client's xet transfer tell its bytes to the meter: it knows only bars of its own, by these names."""
    from huggingface_hub import utils
    from huggingface_hub.utils import _xet_progress_reporting as reporting

    class Reporter:
        def __init__(self, *given: Any, **options: Any) -> None:
            pass

        def update_progress(self, group: Any, items: Any = None) -> None:
            with contextlib.suppress(concurrent.futures.CancelledError):  # nobody catches it on that side
                meter.at("", int(group.total_bytes_completed))

        def close(self) -> None:
            meter.forget("")

    kept = utils.are_progress_bars_disabled, reporting.XetUploadProgressReporter
    utils.are_progress_bars_disabled, reporting.XetUploadProgressReporter = (lambda name=None: False), Reporter
    try:
        yield
    finally:
        utils.are_progress_bars_disabled, reporting.XetUploadProgressReporter = kept


def _abort() -> None:
    """End a transfer by xet, if there is one."""
    from huggingface_hub.utils._runtime import is_xet_available

    if is_xet_available():
        from huggingface_hub.utils._xet import abort_xet_session

        abort_xet_session()
