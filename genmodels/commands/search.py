"""Look for models on the Hugging Face Hub."""

from __future__ import annotations

import argparse

from ..events import Trouble

MOST = 100


def arguments(command: argparse.ArgumentParser) -> None:
    """What can be chosen on the command line."""
    command.epilog = "Fetch one with: python -m genmodels pull USER/NAME"
    command.add_argument("words", nargs="*", help="in the name of the model (default: all)")
    command.add_argument("--sort", choices=("newest", "downloads"), default="newest", help="(default newest)")
    command.add_argument("--guests", action="store_true", help="small models of the diffusers library instead")
    command.add_argument("--most", type=int, default=20, help=f"how many, 1 to {MOST} (default 20)")


def act(chosen: argparse.Namespace) -> None:
    """Print what was found, a line each."""
    from ..hub.client import machine_token
    from ..hub.find import search

    if not 1 <= chosen.most <= MOST:
        raise Trouble("How many must be 1 to {most}; you gave {given}.", most=MOST, given=chosen.most)
    words, kind = " ".join(chosen.words), "guest" if chosen.guests else "checkpoint"
    found, cursor = [], ""
    while len(found) < chosen.most:
        page = search(words, sort=chosen.sort, kind=kind, cursor=cursor, token=machine_token())
        found += page.found
        if not (cursor := page.cursor):
            break
    for each in found[: chosen.most]:
        closed = " private" if each.private else " on request" if each.gated else ""
        counted = f"{each.downloads:,} downloads"
        print(f"{each.repo:40}  {each.family:8}  {each.updated:10}  {counted:>16}  {each.licence}{closed}".rstrip())
    if not found:
        print("The Hub has no such model. Try fewer words, or --guests.")
