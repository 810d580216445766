"""Pulling a guest: a diffusers model from the Hub becomes a folder here, whole or not at all, after every check."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import pathlib
import shutil
from collections.abc import Generator

from ..events import Event, Progress, Trouble
from ..models.guest_config import LARGEST_CONFIG, LARGEST_WEIGHTS, Guest, described, opened
from .cache import cache, cached, forget, remember, room
from .client import Address
from .download import arrived, downloaded, fits, found, refuse_pickle
from .origin import Origin
from .strict import HEADER, check_header

SMALL = (  # all that may be fetched beside the weights, in both layouts that diffusers has written
    "model_index.json",
    "config.json",
    "scheduler_config.json",
    "unet/config.json",
    "scheduler/scheduler_config.json",
    "README.md",
)
ABOUT = "guest.json"  # facts for people, in a private file beside the public ones
SMALL_SHARE = 0.05  # of the progress bar


def pull_guest(
    address: Address, token: str | None, into: pathlib.Path, *, revision: str = "", private_machine: bool = False
) -> Generator[Event, None, Origin]:
    """Fetch a diffusers model into the folder `into`, which must not exist; ends in Finished, returns where it is from.

    Names and sizes are looked at first, then the configurations, then the size of the weights beside what these need;
    then the weights come, are read strictly, and the guest works once. What lies in the cache at the commit asked for
    costs no request. Raises Trouble with the reason, and leaves nothing behind.
    """
    address = dataclasses.replace(address, revision=revision or address.revision)
    into.parent.mkdir(parents=True, exist_ok=True)
    with cache(token, private_machine, into.parent) as where, room(into) as fresh:
        folder, guest, origin = yield from _snapshot(address, token, where)
        for name in (*guest.files, *(["README.md"] if (folder / "README.md").exists() else [])):
            (fresh / name).parent.mkdir(exist_ok=True)
            shutil.copyfile(folder / name, fresh / name)
        try:
            check(fresh, guest)
        except Trouble:  # what is refused does not stay in the cache
            forget(folder / guest.weights)
            raise
        origin.write(fresh)
        (fresh / ABOUT).write_text(json.dumps({"licence": licence(fresh / "README.md")}), encoding="utf-8")
    yield arrived(address.repo, into)
    return origin


def _snapshot(
    address: Address, token: str | None, where: pathlib.Path
) -> Generator[Event, None, tuple[pathlib.Path, Guest, Origin]]:
    """The folder in a cache that holds a guest, what it is, and where it is from."""
    listing, known = yield from found(address, token, lambda: _here(address, token, where))
    if listing is None:
        return known
    refuse_pickle(address.repo, listing.files)
    small = fits(listing, dict.fromkeys(SMALL, LARGEST_CONFIG))
    yield Progress(fraction=0.0)
    folder = yield from downloaded(listing, small, token, where, (0, SMALL_SHARE))
    guest = described(listing.files, lambda name: (folder / name).read_bytes(), address.repo)
    fits(listing, {guest.weights: LARGEST_WEIGHTS})
    check_size(guest, listing.files[guest.weights])
    folder = yield from downloaded(listing, [guest.weights], token, where, (SMALL_SHARE, 1))
    remember(address, listing.commit, where)
    return folder, guest, Origin(address.repo, listing.commit, address.revision, listing.private)


def _here(address: Address, token: str | None, where: pathlib.Path) -> tuple[pathlib.Path, Guest, Origin] | None:
    """The same from the cache alone, without a request; None where it does not hold the whole."""
    for index in ("model_index.json", "config.json"):
        if folder := cached(address, [index], where):
            with contextlib.suppress(Trouble):
                guest = opened(folder, address.repo)
                return folder, guest, Origin(address.repo, folder.name, address.revision, token is not None)
    return None


def check_size(guest: Guest, size: int) -> None:
    """Refuse what cannot be its weights by their size in bytes alone, before they are fetched (imports diffusers)."""
    from ..models.guest import built

    numbers = sum(tensor.numel() for tensor in built(guest).state_dict().values())
    if not any(width * numbers < size <= width * numbers + HEADER for width in (4, 2)):  # bytes a number
        raise Trouble("The weights of {name} are not those that its settings ask for.", name=guest.name)


def check(folder: pathlib.Path, guest: Guest) -> None:
    """Read everything as it will be read, and let it work once: that, too, has to go well. Raises Trouble."""
    from ..models.guest import load, tried

    check_header(folder / guest.weights, guest.name)
    tried(load(folder, name=guest.name))


def licence(card: pathlib.Path) -> str:
    """The licence that a card names in its first lines, "" where it names none."""
    import yaml
    from huggingface_hub.repocard import metadata_load

    try:
        said = (metadata_load(card) or {}).get("license", "")
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        return ""
    return " ".join(str(each) for each in said)[:100] if isinstance(said, list) else str(said or "")[:100]
