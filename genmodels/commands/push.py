"""Publish a model on the Hugging Face Hub, or a new version of it."""

from __future__ import annotations

import argparse
import pathlib
from typing import TYPE_CHECKING

from ..events import Trouble
from ..terminal import checkpoint, followed
from .pull import LOGIN

if TYPE_CHECKING:
    from ..hub.push import Publishing


def arguments(command: argparse.ArgumentParser) -> None:
    """What can be chosen on the command line."""
    from ..card import OFFERED

    command.epilog = LOGIN
    command.add_argument("checkpoint", type=pathlib.Path, help="a checkpoint's folder, or the name of a model here")
    words = "user/name, or a name of your own (default: where it is published already, else the folder's name)"
    command.add_argument("repo", nargs="?", default="", help=words)
    seen = command.add_mutually_exclusive_group()
    words = "everybody may see it (default: a new page is private, an existing one stays as it is)"
    seen.add_argument("--public", dest="private", action="store_false", default=None, help=words)
    seen.add_argument("--private", dest="private", action="store_true", help="only you see it")
    command.add_argument("--licence", default="", help="what others may do with it: " + ", ".join(OFFERED))
    command.add_argument("--message", default="", help="what is new, in a line")
    command.add_argument("--consent", default="", help="who agreed that these pictures are learned from, in a line")
    command.add_argument("--card", type=pathlib.Path, metavar="FILE", help="the text of its page, instead of ours")
    words = "publish the pictures, too, that it learned from: the folder of a set"
    command.add_argument("--pictures", type=pathlib.Path, metavar="FOLDER", help=words)
    look = command.add_mutually_exclusive_group()
    look.add_argument("--dry-run", action="store_true", help="only say what would leave this machine")
    look.add_argument("--print-card", action="store_true", help="only print the text of its page")


def act(chosen: argparse.Namespace) -> None:
    """Publish it, with a progress bar, and print the address of its page."""
    from ..hub.client import machine_token
    from ..hub.push import draft, push

    folder = checkpoint(chosen.checkpoint).folder
    publishing = _publishing(folder, chosen)
    if chosen.dry_run:
        _list(folder, publishing)
    elif chosen.print_card:
        print(draft(folder, publishing))
    elif (token := machine_token()) is None:
        raise Trouble("Nobody is signed in here. Run `hf auth login` first, or set the variable HF_TOKEN.")
    else:
        published = followed(push(folder, publishing, token), f"Publishing {publishing.repo}")
        told = f" as {published.tag}" if published.tag else ""
        was = "" if published.changed else " It was there already."
        print(f"{published.repo} is on the Hub{told}: {published.url}{was}")


def _publishing(folder: pathlib.Path, chosen: argparse.Namespace) -> Publishing:
    from ..hub.origin import Origin
    from ..hub.push import Publishing

    origin = Origin.of(folder)
    try:
        card = chosen.card.read_text(encoding="utf-8") if chosen.card else ""
    except UnicodeDecodeError as error:
        raise Trouble("{file} is not a text file.", file=str(chosen.card)) from error
    return Publishing(
        repo=chosen.repo or (origin.repo if origin else folder.name),
        private=chosen.private,
        licence=chosen.licence,
        message=chosen.message,
        consent=chosen.consent,
        card=card,
        pictures=chosen.pictures,
    )


def _list(folder: pathlib.Path, publishing: Publishing) -> None:
    from ..hub.push import outgoing

    files = outgoing(folder, publishing)
    for file in files:
        print(f"{file.name:24} {file.bytes:>12,} bytes{' at most: it is made first' if file.made else ''}")
    print(f"{len(files)} files, {sum(file.bytes for file in files) / 1e6:.1f} MB. Nothing was sent.")
