"""Fetch a model from the Hugging Face Hub; update it, roll it back, or list its versions."""

from __future__ import annotations

import argparse
import pathlib
import shutil
import tempfile
import time
from typing import TYPE_CHECKING

from .. import home
from ..events import Trouble
from ..library import OWN, Library
from ..terminal import followed

if TYPE_CHECKING:
    from ..hub.client import Address

LOGIN = "Signed in is whoever `hf auth login` or the variable HF_TOKEN says; public models need neither."


def arguments(command: argparse.ArgumentParser) -> None:
    """What can be chosen on the command line."""
    command.epilog = LOGIN
    command.add_argument("address", help="user/name, user/name@revision, or the address of its page in a browser")
    command.add_argument("--revision", default="", help="a tag, branch or commit (default: the newest)")
    command.add_argument("--revisions", action="store_true", help="list its versions, and fetch nothing")
    where = command.add_mutually_exclusive_group()
    where.add_argument("--into", type=pathlib.Path, metavar="FOLDER", help="put it here instead of on the shelf")
    where.add_argument("--replace", metavar="NAME", default="", help="put it in the place of a model here")


def act(chosen: argparse.Namespace) -> None:
    """Fetch it, with a progress bar, and say how to make pictures with it."""
    from ..hub import pull
    from ..hub.client import Address, machine_token

    address, token = Address.parse(chosen.address), machine_token()
    if chosen.revisions:
        _list(address.repo, token)
        return
    if chosen.into and chosen.into.exists():
        raise Trouble("{folder} is there already. Choose a name that is not.", folder=str(chosen.into))
    address = Address(address.repo, chosen.revision or address.revision, address.kind)
    if (kind := pull.kind(address, token, private_machine=True)) != "checkpoint":
        _guest(address, token, chosen, kind)
        return
    if chosen.replace:
        _shelf().find("", OWN + chosen.replace.removeprefix(OWN))
    title = f"Fetching {address.repo}"
    with tempfile.TemporaryDirectory(prefix="genmodels-") as room:
        into = chosen.into or pathlib.Path(room) / address.repo.split("/")[1]
        origin = followed(pull.pull(address, token, into, private_machine=True), title)
        name = str(into) if chosen.into else _shelved(into, chosen.replace)
    print(f"{address.repo} at {origin.commit[:7]} is here.")
    print(f"Make pictures with it: python -m genmodels sample {name} --out pictures.png")


def _shelf() -> Library:
    from ..studio import SHIPPED

    return Library(SHIPPED, home() / "models")


def _shelved(folder: pathlib.Path, replaced: str) -> str:
    """On the shelf as a new model, or in the place of one; returns the name that other commands know it by."""
    if not replaced:
        return _shelf().adopt("", folder, folder.name).removeprefix(OWN)
    _shelf().replace("", OWN + replaced.removeprefix(OWN), folder)
    return replaced.removeprefix(OWN)


def _guest(address: Address, token: str | None, chosen: argparse.Namespace, kind: str) -> None:
    """A diffusers model goes onto the shelf of guests, or into the folder that is asked for."""
    from ..guests.shelf import shelve
    from ..hub.guest import pull_guest

    if chosen.replace:
        raise Trouble("{repo} is a diffusers model, which replaces no other. Leave --replace out.", repo=address.repo)
    (home() / "guests").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".incoming-", dir=home() / "guests") as room:
        folder = pathlib.Path(room) / "guest"
        followed(pull_guest(address, token, folder, private_machine=True), f"Fetching {address.repo}")
        if chosen.into:
            shutil.move(folder, chosen.into)
        name = chosen.into or shelve(home() / "guests", folder, "")
    print(f"{address.repo} is here" + (f" in {name}." if chosen.into else f" as the guest {name}, under Create."))
    act = "sample {0} --steps 50" if kind == "pipeline" else "rebuild {0} picture.png"
    print(f"From a terminal: python -m genmodels {act.format(name)} --out pictures.png")


def _list(repo: str, token: str | None) -> None:
    from ..hub.revisions import of

    for each in of(repo, token):
        day = time.strftime("%Y-%m-%d", time.gmtime(each.when))
        print(
            f"{each.commit[:7]}  {day}  {each.name if each.name != each.commit[:7] else '':12}  {each.title}".rstrip()
        )
