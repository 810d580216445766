"""Downloads: what a repository holds by name and size, refused before a byte is fetched, then fetched with progress."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import hashlib
import pathlib
from collections.abc import Callable, Collection, Generator
from typing import Any, TypeVar

from ..events import Finished, Problem, Progress, Trouble
from ..models.guest_config import UNSAFE
from .cache import forget
from .client import SENTENCES, Address, api, is_commit, patiently, reach, talking

PATIENCE = 10.0  # seconds for one answer that is no file
STEP = 1 << 18  # bytes: so often a download says how far it is, and so much of a cut one is fetched again
MOST_FILES = 20_000
Here = TypeVar("Here")


@dataclasses.dataclass(frozen=True)
class Listing:
    """What the Hub says that a repository holds at a commit."""

    repo: str
    commit: str
    files: dict[str, int]  # name -> bytes, -1 where it does not say
    hashes: dict[str, str]  # name -> SHA-256, of the large ones
    private: bool = False

    def size(self, names: Collection[str]) -> int:
        """Bytes of these files together."""
        return sum(self.files[name] for name in names)


def listed(address: Address, token: str | None) -> Listing:
    """The names and sizes in a repository at its revision: one request. Raises Trouble, also for names with tricks."""
    reach()
    with talking(address.repo):
        ask = api(token).model_info
        facts = {"revision": address.revision or None, "files_metadata": True, "timeout": PATIENCE}
        info = patiently(lambda: ask(address.repo, **facts))
    sizes = {each.rfilename: -1 if each.size is None else each.size for each in info.siblings or ()}
    if not all(map(_honest, sizes)) or len(sizes) > MOST_FILES or not is_commit(info.sha or ""):
        raise Trouble("{repo} holds files with names that no model has, so it was left alone.", repo=address.repo)
    hashes = {each.rfilename: each.lfs.sha256 for each in info.siblings if each.lfs}
    return Listing(address.repo, info.sha, sizes, hashes, bool(info.private))


def _honest(name: str) -> bool:
    """Whether a file's name is that of a file in a folder, and no way out of it."""
    parts = name.split("/")
    return name.isprintable() and not set(name) & set('\\:*?"<>|') and not any(p in ("", ".", "..") for p in parts)


AWAY = (SENTENCES["silent"], SENTENCES["offline"], SENTENCES[500])  # what is in the cache still serves


def found(
    address: Address, token: str | None, here: Callable[[], Here | None]
) -> Generator[Problem, None, tuple[Listing | None, Here | None]]:
    """What the Hub lists; or else what is here already, where that is the commit asked for or nobody answers."""
    if is_commit(address.revision) and (known := here()):
        return None, known
    try:
        return listed(address, token), None
    except Trouble as trouble:
        known = here() if trouble.template in AWAY else None
        if known is None:
            raise
    template = "The Hub does not answer, so {repo} is as it was when it was last fetched."
    yield Problem(name="away", template=template, facts={"repo": address.repo})
    return None, known


def drained(work: Generator[Any, None, Here]) -> Here:
    """What comes of work when nobody listens."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value


def arrived(repo: str, into: pathlib.Path) -> Finished:
    """What to say when it is here."""
    size = sum(file.stat().st_size for file in into.rglob("*") if file.is_file())
    facts = {"repo": repo, "n": round(size / 1e6, 1)}
    return Finished(template="{repo} is here: {n} MB, checked.", facts=facts, result=str(into))


def fits(listing: Listing, limits: dict[str, int]) -> list[str]:
    """The files there whose names have a limit, in the order of the limits. Raises Trouble for one that is larger."""
    names = [name for name in limits if name in listing.files]
    for name in names:
        if not 0 <= listing.files[name] <= limits[name]:
            raise Trouble(
                "{repo} was not fetched: its {file} takes {n} MB, and at most {most} MB are taken in.",
                repo=listing.repo,
                file=name,
                n=max(1, listing.files[name] >> 20),
                most=max(1, limits[name] >> 20),
            )
    return names


def refuse_pickle(repo: str, names: Collection[str]) -> None:
    """Trouble where the only weights are of a kind that can hide programs."""
    pickled = sorted(name for name in names if name.lower().endswith(UNSAFE))
    if pickled and not any(name.endswith(".safetensors") for name in names):
        raise Trouble(
            "The weights of {name} are in a format that can hide programs ({file}), so they stay closed. "
            "Ask for safetensors.",
            name=repo,
            file=pickled[0],
        )


class Meter:
    """Counts the bytes of downloads; a file that turns out larger than was said, or a stop, ends them."""

    def __init__(self) -> None:
        self.before, self.now, self.stopped = 0, 0, False

    def bar(self, most: int) -> type:
        """A class that the client takes for a progress bar, for one file of `most` bytes."""
        from tqdm.std import tqdm

        meter = self

        class Bar(tqdm):
            def __init__(self, *given: Any, **told: Any) -> None:
                self.counted = 0
                super().__init__(total=told.get("total"), disable=True)
                self._check(told.get("total") or 0)

            def update(self, n: float | None = 1) -> None:
                self.counted += int(n or 0)
                self._check(self.counted)
                meter.now = max(meter.now, self.counted)

            def _check(self, size: int) -> None:
                if meter.stopped:
                    raise concurrent.futures.CancelledError
                if size > most:
                    raise Trouble("The Hub sent more than it had announced, so the download was stopped.")

        return Bar


def downloaded(
    listing: Listing, names: Collection[str], token: str | None, where: pathlib.Path, span: tuple[float, float] = (0, 1)
) -> Generator[Progress, None, pathlib.Path]:
    """Fetch files one after the other into a cache; returns the folder that has them. Raises Trouble.

    `span` is the part of a progress bar that this is; what is in the cache is not fetched again.
    """
    from huggingface_hub import constants
    from huggingface_hub.utils import logging

    constants.DOWNLOAD_CHUNK_SIZE = min(STEP, constants.DOWNLOAD_CHUNK_SIZE)
    said = logging.get_verbosity()
    logging.set_verbosity_error()  # it would warn of every cut, with the signed address of the file
    meter, whole, folder = Meter(), max(1, listing.size(names)), where
    pool = concurrent.futures.ThreadPoolExecutor(1, "download")
    try:
        for name in names:
            with talking(listing.repo):
                job = pool.submit(patiently, _fetch(listing, name, token, where, meter))
                while not concurrent.futures.wait([job], timeout=0.2).done:
                    yield _progress(span, (meter.before + meter.now) / whole)
                file = pathlib.Path(_result(job))
            _compare(file, listing, name)
            folder = file.parents[name.count("/")]
            meter.before, meter.now = meter.before + listing.files[name], 0
            yield _progress(span, meter.before / whole)
    finally:
        meter.stopped = True
        logging.set_verbosity(said)
        pool.shutdown(wait=False, cancel_futures=True)
    return folder


def _progress(span: tuple[float, float], part: float) -> Progress:
    """A part of its span of the bar."""
    return Progress(fraction=span[0] + (span[1] - span[0]) * min(1.0, part))


def _fetch(listing: Listing, name: str, token: str | None, where: pathlib.Path, meter: Meter) -> Callable[[], str]:
    """A call that fetches one file and returns its path; called again, it begins to count again."""

    def fetch() -> str:
        meter.now = 0
        bar = meter.bar(listing.files[name])
        return api(token).hf_hub_download(
            listing.repo, name, revision=listing.commit, cache_dir=where, tqdm_class=bar, etag_timeout=PATIENCE
        )

    return fetch


def _compare(file: pathlib.Path, listing: Listing, name: str) -> None:
    """What came must be what the listing named; the client itself compares no more than the length."""
    digest, said = hashlib.sha256(), listing.hashes.get(name)
    with open(file, "rb") as stream:
        while said and (block := stream.read(1 << 20)):
            digest.update(block)
    if file.stat().st_size != listing.files[name] or (said and digest.hexdigest() != said):
        forget(file)
        raise Trouble("{file} of {repo} was damaged on its way. Press again.", file=name, repo=listing.repo)


def _result(job: concurrent.futures.Future) -> str:
    try:
        return job.result()
    except OSError as error:
        if error.errno is None and "Consistency check" in str(error):  # fewer bytes came than were announced
            raise Trouble(SENTENCES["cut"]) from error
        raise
