"""Say what this machine can do, and what is missing."""

from __future__ import annotations

import argparse
import importlib.metadata
import pathlib
import platform
import shutil
import sys
import tempfile

from .. import __version__, device, home

NEEDED = (
    "torch",
    "numpy",
    "pillow",
    "pydantic",
    "safetensors",
    "filelock",
    "gradio",
    "diffusers",
    "huggingface_hub",
    "pyarrow",
    "onnx",
    "onnxscript",
    "scikit-learn",
    "scipy",
    "imagehash",
    "tqdm",
)


def arguments(command: argparse.ArgumentParser) -> None:
    """Nothing to choose."""


def act(chosen: argparse.Namespace) -> int:
    """What this machine is, what is there and what is missing; 1 where something needed is missing."""
    system = f"{platform.system()} {platform.machine()}"
    print(f"GenModels Studio {__version__}, Python {platform.python_version()} on {system}.")
    missing = [name for name in NEEDED if not _version(name)]
    for name in missing:
        print(f"MISSING: {name}. Install what is needed with: pip install -r requirements.txt")
    print("Installed: " + ", ".join(f"{name} {_version(name)}" for name in NEEDED if name not in missing) + ".")
    print(f"Processor: {device.cores()} cores for this program; training uses {device.threads()} threads.")
    memory = device.memory()
    print(f"Memory: {memory / 1e9:.1f} GB free." + (" That is little: choose small models." if memory < 2e9 else ""))
    if "torch" not in missing:
        print(_accelerator())
    good = not missing
    for words, folder in (("Runs, sets and models", home()), ("Temporary files", pathlib.Path(tempfile.gettempdir()))):
        writable = _writable(folder)
        free = shutil.disk_usage(folder).free / 1e9 if writable else 0.0
        print(f"{words}: {folder}, {free:.1f} GB free." if writable else f"PROBLEM: {folder} cannot be written to.")
        good = good and writable
    from ..data import starters
    from ..models import FAMILIES

    print("Starter sets: " + ", ".join(starters.NAMES) + ".")
    print("Families: " + " ".join(FAMILIES.caption(name) for name in FAMILIES))
    print("All is well." if good else "Something is missing; see above.", file=sys.stdout if good else sys.stderr)
    return 0 if good else 1


def _accelerator() -> str:
    import torch

    if torch.cuda.is_available():
        free, whole = torch.cuda.mem_get_info()
        return f"Graphics card: {torch.cuda.get_device_name()}, {free / 1e9:.1f} of {whole / 1e9:.1f} GB free."
    if device.choose().type == "mps":
        return "Graphics: Apple's, used for training."
    return "No graphics card that torch can use: training runs on the processor, which these models are made for."


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _writable(folder: pathlib.Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
