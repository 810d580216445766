"""Pull: a checkpoint from the Hub becomes a folder here, whole or not at all; nothing in it is trusted."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import pathlib
import shutil
from collections.abc import Collection, Generator, Iterator

from ..checkpoint import Checkpoint
from ..events import Event, Progress, Trouble
from ..models.guest_config import LARGEST_CONFIG, WEIGHTS, kind_of
from .cache import cache, cached, forget, remember, room, shared_cache
from .client import Address
from .download import Listing, arrived, downloaded, drained, fits, found, refuse_pickle
from .origin import Origin
from .strict import LIMITS, NEEDED, check, check_config, check_header

FETCHED = tuple(name for name in LIMITS if name != "model.onnx")
LOADED = ("config.json", "model.safetensors")  # all that sampling needs
CONFIG_SHARE = 0.05  # of the progress bar


def pull(
    address: Address, token: str | None, into: pathlib.Path, *, revision: str = "", private_machine: bool = False
) -> Generator[Event, None, Origin]:
    """Fetch a checkpoint into the folder `into`, which must not exist; ends in Finished and returns where it is from.

    Names, sizes and settings are looked at before the weights are fetched, and everything again before the folder
    appears. `private_machine` says that one person owns this machine, whose client's cache may be used. Raises Trouble.
    """
    address = dataclasses.replace(address, revision=revision or address.revision)
    into.parent.mkdir(parents=True, exist_ok=True)
    with cache(token, private_machine, into.parent) as where, room(into) as fresh, _named(address.repo):
        folder, origin = yield from _snapshot(address, token, where, FETCHED, NEEDED)
        for name in FETCHED:
            if (folder / name).exists():
                shutil.copyfile(folder / name, fresh / name)
        try:
            check(fresh)
        except Trouble:
            for name in FETCHED:  # pressed again, it is fetched again
                forget(folder / name)
            raise
        origin.write(fresh)
    yield arrived(address.repo, into)
    return origin


def fetched(repo: str | Address, revision: str = "", token: str | None = None) -> pathlib.Path:
    """The folder in the client's cache with a checkpoint's settings and weights, fetched where they are not there.

    A commit that is there costs no request; a branch is asked after, and is as it was where nobody answers.
    """
    address = repo if isinstance(repo, Address) else Address.parse(repo)
    address = dataclasses.replace(address, revision=revision or address.revision)
    with _named(address.repo):
        folder, _ = drained(_snapshot(address, token, shared_cache(), LOADED, LOADED))
        check_config(Checkpoint.open(folder), (folder / "model.safetensors").stat().st_size)
        check_header(folder / "model.safetensors", address.repo)
    return folder


def kind(
    address: Address, token: str | None, *, private_machine: bool = False, beside: pathlib.Path | None = None
) -> str:
    """What a repository holds: a "checkpoint", or a guest: "pipeline" or "autoencoder". Raises Trouble.

    What is fetched for that with a token goes through a folder in `beside`, which goes away.
    """
    if address.kind == "dataset":
        raise Trouble("{repo} is a data set. Choose it in Train, where the pictures are chosen.", repo=address.repo)
    with cache(token, private_machine, beside) as where, _named(address.repo):
        listing, known = drained(found(address, token, lambda: _kind_here(address, where)))
        if listing is None:
            return known
        refuse_pickle(address.repo, listing.files)
        if (index := _index(listing.files)) is None:
            _needed(listing, NEEDED)
            return "checkpoint"
        fits(listing, {index: LARGEST_CONFIG})
        folder = drained(downloaded(listing, [index], token, where))
        return kind_of(_parsed(folder / index), address.repo)


def _kind_here(address: Address, where: pathlib.Path) -> str | None:
    """The same from what is in the cache; None where that says nothing."""
    if cached(address, NEEDED, where):
        return "checkpoint"
    for index in ("model_index.json", "config.json"):
        folder = cached(address, [index], where)
        said = _parsed(folder / index) if folder else None
        if isinstance(said, dict) and "_class_name" in said:  # not one of ours, of which only a part is here
            return kind_of(said, address.repo)
    return None


def _index(names: Collection[str]) -> str | None:
    """The file that says what a diffusers model is; None where this is none."""
    if "model_index.json" in names:
        return "model_index.json"
    return "config.json" if "config.json" in names and any(name in names for name in WEIGHTS) else None


def _parsed(file: pathlib.Path) -> object:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None


def _needed(listing: Listing, needed: Collection[str]) -> None:
    if missing := [name for name in needed if name not in listing.files]:
        raise Trouble(
            "{repo} holds no model that the studio knows: {file} is missing. "
            "It takes in models made with GenModels Studio, and small diffusers models.",
            repo=listing.repo,
            file=missing[0],
        )


def _snapshot(
    address: Address, token: str | None, where: pathlib.Path, wanted: Collection[str], needed: Collection[str]
) -> Generator[Event, None, tuple[pathlib.Path, Origin]]:
    """The folder in a cache with the wanted files, all of them within limits, and which commit that is."""
    listing, known = yield from found(address, token, lambda: cached(address, needed, where))
    if listing is None:
        return known, Origin(address.repo, known.name, address.revision, private=token is not None)
    refuse_pickle(address.repo, listing.files)
    _needed(listing, needed)
    names = fits(listing, {name: LIMITS[name] for name in wanted})
    yield Progress(fraction=0.0)
    folder = yield from _first(listing, token, where)
    rest = [name for name in names if name != "config.json"]
    folder = yield from downloaded(listing, rest, token, where, (CONFIG_SHARE, 1))
    remember(address, listing.commit, where)
    return folder, Origin(address.repo, listing.commit, address.revision, listing.private)


def _first(listing: Listing, token: str | None, where: pathlib.Path) -> Generator[Event, None, pathlib.Path]:
    """Fetch the settings, and refuse what cannot be built or cannot have weights of this size before these come."""
    folder = yield from downloaded(listing, ["config.json"], token, where, (0, CONFIG_SHARE))
    try:
        check_config(Checkpoint.open(folder), listing.files["model.safetensors"])
    except Trouble:
        forget(folder / "config.json")
        raise
    return folder


@contextlib.contextmanager
def _named(repo: str) -> Iterator[None]:
    """Refusals name the repository, not a folder that nobody knows nor what a file calls itself."""
    try:
        yield
    except Trouble as trouble:
        if "name" in trouble.facts:
            raise Trouble(trouble.template, **{**trouble.facts, "name": repo}) from trouble
        raise
