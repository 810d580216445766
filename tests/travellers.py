"""Travellers: a small checkpoint as the files of a repository, and ways to make a hostile one of it."""

from __future__ import annotations

import functools
import json
import pathlib
import tempfile
from collections.abc import Callable
from typing import Any

import torch
from safetensors.torch import load, save

from genmodels import checkpoint
from genmodels.hub.client import Address
from genmodels.hub.pull import pull
from genmodels.images import PictureFormat
from genmodels.models import FAMILIES

REPO = "ada/shapes"


@functools.cache
def _made(seed: int) -> dict[str, bytes]:
    torch.manual_seed(seed)
    tiny = FAMILIES.sizes("gan")["tiny"].changed(width=4)
    model = FAMILIES["gan"](tiny, PictureFormat(28, 1, ("a", "b", "c"))).eval()
    trained = {"set": "digits", "pictures": 200, "images": 400, "seconds": 2.5, "licence": "MIT", "hardware": "here"}
    with tempfile.TemporaryDirectory() as folder:
        checkpoint.save(pathlib.Path(folder), model, name="Shapes", size="tiny", trained=trained)
        files = {file.name: file.read_bytes() for file in pathlib.Path(folder).iterdir()}
    card = f"---\nlibrary_name: genmodels\ntags:\n- genmodels\n- gan\nlicense: mit\n---\n# Shapes {seed}\n"
    return {**files, "README.md": card.encode(), "history.jsonl": b'{"kind": "scored"}\n'}


def shapes(seed: int = 0) -> dict[str, bytes]:
    """The files of a checkpoint of three classes that has learned nothing; other seeds have other weights."""
    return dict(_made(seed))


def with_config(**changes: Any) -> dict[str, bytes]:
    """The same with other settings in its config.json."""
    config = json.loads(shapes()["config.json"])
    return {**shapes(), "config.json": json.dumps({**config, **changes}).encode()}


def with_weights(change: Callable[[dict], Any]) -> dict[str, bytes]:
    """The same with weights that `change` has had in its hands."""
    weights = load(shapes()["model.safetensors"])
    change(weights)
    return {**shapes(), "model.safetensors": save(weights)}


def arrive(text: str, into: pathlib.Path, token: str | None = None, **choices: Any) -> list:
    """Pull it, and give back all that was said."""
    return list(pull(Address.parse(text), token, into, **choices))
