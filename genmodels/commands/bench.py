"""Measure how fast every family and size trains on this machine."""

from __future__ import annotations

import argparse

from ..bench import SETS, lines
from ..models import FAMILIES


def arguments(command: argparse.ArgumentParser) -> None:
    """What can be chosen on the command line."""
    sizes = list(dict.fromkeys(size for family in FAMILIES for size in FAMILIES.sizes(family)))
    command.add_argument("--family", choices=list(FAMILIES), help="only this one")
    command.add_argument("--size", choices=sizes, help="only this one")
    command.add_argument("--set", choices=SETS, default="digits", help="pictures to train on (default digits)")
    command.add_argument("--seconds", type=float, default=3, help="for each family and size, on the clock (default 3)")
    command.add_argument("--device", choices=("cpu", "cuda", "mps"), default="", help="(default: the best at hand)")


def act(chosen: argparse.Namespace) -> int:
    """Measure and print."""
    families = [chosen.family] if chosen.family else list(FAMILIES)
    for line in lines(families, [chosen.size] if chosen.size else [], chosen.set, chosen.seconds, chosen.device):
        print(line, flush=True)
    return 0
