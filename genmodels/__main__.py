"""The same work from a terminal: `python -m genmodels train`, `sample`, `evaluate` and more."""

from __future__ import annotations

import argparse
import importlib
import os
import sys

from . import __version__
from .commands import COMMANDS
from .events import Trouble


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says; errors are one sentence on stderr and the exit status 2."""
    given = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser("genmodels", description="Train and use small generative models.")
    parser.add_argument("--version", action="version", version=f"genmodels {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, words in COMMANDS.items():
        command = commands.add_parser(name, help=words, description=words)
        if given[:1] == [name]:  # only the command that is asked for may cost time (train needs torch for its options)
            room = importlib.import_module(f".commands.{name}", __package__)
            room.arguments(command, *([given[1:]] if name == "train" else []))  # its options depend on the family
    try:
        chosen = parser.parse_args(given)
        return room.act(chosen) or 0
    except Trouble as trouble:
        print(trouble, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader (head, less) has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as problem:
        print(f"The system says: {problem}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
