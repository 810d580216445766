"""The process behind a transfer: `python -m genmodels.transfers FOLDER`, the token on its standard input."""

from __future__ import annotations

import pathlib
import sys
from collections.abc import Generator, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from .. import files, home
from ..device import limited
from ..events import Event, Failed, Finished, Trouble
from ..hub.client import Address
from ..library import Library
from ..runs import jobs
from ..sets import Sets

if TYPE_CHECKING:
    from ..guests import GuestCard
    from ..library import Shelved

HERE = "here"  # what is pulled, until it is on the shelf
MOST_OWNED = 4 << 30  # bytes of models and guests that one of several visitors may have here
Coming = Generator[Event, None, str]  # its last word is the key of what came


def work(folder: pathlib.Path) -> None:
    """Carry out order.json."""
    token = sys.stdin.read().strip() or None
    mistake = Failed(template="It stopped because of a mistake in the program. Nothing was lost.")
    jobs.work(folder, lambda folder: jobs.safely(_told(folder, token), mistake))


def _told(folder: pathlib.Path, token: str | None) -> Iterator[Event]:
    order = files.read_json(folder / "order.json", {})
    if order["signed"] and token is None:
        raise Trouble("The sign-in did not arrive. Press again.")
    kinds = {"push": _push, "pull": _pull, "pictures": _pictures}
    nothing = Finished(template="Done.")
    result, end = yield from jobs.but_the_end(kinds[order["kind"]](folder, order, token), nothing)
    if (folder / HERE).exists():  # the same model was on the shelf already
        files.discard(folder / HERE)
    yield end.model_copy(update={"result": result or end.result})


def _push(folder: pathlib.Path, order: dict[str, Any], token: str | None) -> Coming:
    from ..hub.push import Publishing, push

    chosen = Publishing(**order["publishing"])
    yield from push(pathlib.Path(order["folder"]), chosen, token)
    return order["key"]


def _pull(folder: pathlib.Path, order: dict[str, Any], token: str | None) -> Coming:
    """A model or a guest onto the shelf of whoever asked, or another version into the place of one."""
    from ..guests.shelf import Shelf, shelve
    from ..hub.guest import pull_guest
    from ..hub.pull import kind, pull

    address, owner, alone = Address(**order["address"]), order["owner"], order["alone"]
    into, shelf = folder / HERE, Shelf(home() / "guests")
    library = Library(pathlib.Path(order["shipped"]), home() / "models")
    if not alone and not order["replace"]:
        _check_room([*(each for each in library.models(owner) if not each.ours), *shelf.all(owner)])
    if kind(address, token, private_machine=alone, beside=folder) != "checkpoint":
        origin = yield from pull_guest(address, token, into, private_machine=alone)
        known = {(guest.repo, guest.commit): guest.key for guest in shelf.all(owner)}
        return known.get((origin.repo, origin.commit)) or shelve(home() / "guests", into, owner)
    origin = yield from pull(address, token, into, private_machine=alone)
    if order["replace"]:
        library.replace(owner, order["replace"], into)
        return order["replace"]
    known = {(each.origin.repo, each.origin.commit): each.key for each in library.models(owner) if each.origin}
    return known.get((origin.repo, origin.commit)) or library.adopt(owner, into, address.repo.split("/")[-1])


def _check_room(owned: Sequence[Shelved | GuestCard]) -> None:
    """Trouble where somebody has as much here already as one of several visitors may."""
    if sum(each.bytes for each in owned) > MOST_OWNED:
        raise Trouble("There is room for {n} MB of models. Delete one that you need no more.", n=MOST_OWNED >> 20)


def _pictures(folder: pathlib.Path, order: dict[str, Any], token: str | None) -> Coming:
    """Pictures of a data set, which then are looked through as any others are."""
    from ..hub.datasets import Choice, fetch
    from .asking import MEMORY

    into = folder / "given"
    with limited(MEMORY):
        yield from fetch(Address(**order["address"]), Choice(**order["choice"]), token, into)
    return Sets(home() / "sets").take_hub(order["owner"], into, order["name"], order["settings"])


if __name__ == "__main__":
    jobs.main(work)
