"""Export from a terminal: `python -m genmodels export FOLDER`, a model as an ONNX file."""

from __future__ import annotations

import argparse
import pathlib

from ..export import FILE, HALF, export
from ..terminal import checkpoint


def arguments(command: argparse.ArgumentParser) -> None:
    """What can be chosen on the command line."""
    command.add_argument("checkpoint", type=pathlib.Path, help="a checkpoint's folder, or the name of a model here")
    command.add_argument("--out", type=pathlib.Path, metavar="FILE", help=f"(default: {FILE} in the model's folder)")
    command.add_argument("--half", action="store_true", help=f"weights in half precision, half the bytes ({HALF})")


def act(chosen: argparse.Namespace) -> int:
    """Write the file and say where, and how large it is."""
    found = checkpoint(chosen.checkpoint)
    written = export(found.folder, chosen.half, chosen.out)
    weights = (found.folder / "model.safetensors").stat().st_size
    print(f"{written}: {written.stat().st_size:,} bytes (the weights: {weights:,}), checked against the model.")
    return 0
