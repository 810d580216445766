"""Cache: what was fetched is found again without a request; what is on its way has a room that goes with it."""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
import tempfile
import time
from collections.abc import Collection, Iterator

from .. import files, home
from .client import Address, is_commit

MOST_CACHED, STILL_READ = 4 << 30, 600  # bytes that visitors' cache may grow to; seconds that somebody may yet read


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
        files.write_whole(note, commit, durable=False)


@contextlib.contextmanager
def room(into: pathlib.Path) -> Iterator[pathlib.Path]:
    """A folder that is called `into` when it is done; nothing is left of one that was not."""
    fresh = pathlib.Path(tempfile.mkdtemp(prefix=".incoming-", dir=into.parent))
    try:
        yield fresh
        fresh.chmod(0o755)
        os.rename(fresh, into)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
