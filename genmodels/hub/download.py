"""Downloads: what a repository holds by name and size, refused before a byte is fetched, then fetched with progress."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import hashlib
import pathlib
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Collection, Generator, Iterator
from typing import Any

from .. import home
from ..events import Progress, Trouble
from ..models.guest_config import UNSAFE
from .client import SENTENCES, Address, api, patiently, reach, talking

PATIENCE = 10.0  # seconds for one answer that is no file
STEP = 1 << 18  # bytes: so often a download says how far it is, and so much of a cut one is fetched again
MOST_FILES = 20_000
MOST_CACHED, STILL_READ = 4 << 30, 600  # bytes that visitors' cache may grow to; seconds that somebody may yet read
COMMIT = 40  # hexadecimal digits of a whole commit


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
    files = {each.rfilename: -1 if each.size is None else each.size for each in info.siblings or ()}
    if not all(map(_honest, files)) or len(files) > MOST_FILES or not is_commit(info.sha or ""):
        raise Trouble("{repo} holds files with names that no model has, so it was left alone.", repo=address.repo)
    hashes = {each.rfilename: each.lfs.sha256 for each in info.siblings if each.lfs}
    return Listing(address.repo, info.sha, files, hashes, bool(info.private))


def _honest(name: str) -> bool:
    """Whether a file's name is that of a file in a folder, and no way out of it."""
    parts = name.split("/")
    return name.isprintable() and not set(name) & set('\\:*?"<>|') and not any(p in ("", ".", "..") for p in parts)


def is_commit(revision: str) -> bool:
    """Whether a revision is a whole commit hash, which never changes."""
    return len(revision) == COMMIT and all(letter in "0123456789abcdef" for letter in revision)


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


@contextlib.contextmanager
def cache(token: str | None, private_machine: bool, beside: pathlib.Path | None = None) -> Iterator[pathlib.Path]:
    """The folder that downloads go through and are found in again.

    On a machine of one owner it is the client's own cache. Where there are several visitors, it is one that only ever
    holds what anybody may see; what somebody's sign-in opened goes through a folder that goes away, made in `beside`
    so that it goes with that where the process is killed.
    """
    if private_machine:
        yield shared_cache()
    elif token is None:
        _make_room(home() / "hub")
        yield home() / "hub"
    else:
        with tempfile.TemporaryDirectory(prefix=".incoming-", dir=beside, ignore_cleanup_errors=True) as folder:
            yield pathlib.Path(folder)


def _make_room(where: pathlib.Path) -> None:
    """Keep the visitors' cache within bounds: what nobody has read for the longest goes."""
    from huggingface_hub import CacheNotFound, scan_cache_dir

    with contextlib.suppress(CacheNotFound, OSError):
        found = scan_cache_dir(where)
        over, since = found.size_on_disk - MOST_CACHED, time.time() - STILL_READ
        for repo in sorted(found.repos, key=lambda repo: repo.last_accessed):
            if over > 0 and repo.last_accessed < since:
                shutil.rmtree(repo.repo_path, ignore_errors=True)
                over -= repo.size_on_disk


def shared_cache() -> pathlib.Path:
    """Where the client keeps what it fetched, for all programs of this user."""
    from huggingface_hub import constants

    return pathlib.Path(constants.HF_HUB_CACHE)


def cached(address: Address, names: Collection[str], where: pathlib.Path) -> pathlib.Path | None:
    """The folder in a cache that holds all these files at the revision, without a request; None where one lacks."""
    from huggingface_hub import try_to_load_from_cache

    revision = address.revision or "main"
    found = [try_to_load_from_cache(address.repo, name, where, revision) for name in names]
    whole = found and all(isinstance(each, str) for each in found)
    return pathlib.Path(found[0]).parent if whole else None


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


def forget(file: pathlib.Path) -> None:
    """Take a file out of a cache, where its name is a link to its content."""
    if file.is_symlink():
        file.resolve().unlink(missing_ok=True)
    file.unlink(missing_ok=True)


def remember(address: Address, commit: str, where: pathlib.Path) -> None:
    """Note in a cache which commit a branch or tag is, as the client does: found again when the Hub is away."""
    from huggingface_hub.file_download import repo_folder_name

    note = where / repo_folder_name(repo_id=address.repo, repo_type="model") / "refs" / (address.revision or "main")
    if not is_commit(address.revision):
        note.parent.mkdir(parents=True, exist_ok=True)
        fresh = note.with_name(f".{note.name}.{secrets.token_hex(4)}")
        fresh.write_text(commit, encoding="utf-8")
        fresh.replace(note)


def _result(job: concurrent.futures.Future) -> str:
    try:
        return job.result()
    except OSError as error:
        if error.errno is None and "Consistency check" in str(error):  # fewer bytes came than were announced
            raise Trouble(SENTENCES["cut"]) from error
        raise
