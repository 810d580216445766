"""Export: a checkpoint as an ONNX file that draws without torch and without this package, and the lines that use it."""

from __future__ import annotations

import json
import pathlib

from .. import files
from ..checkpoint import Checkpoint
from ..events import Trouble

FILE, HALF = "model.onnx", "model.fp16.onnx"
CLOSE = 1e-4  # the most that a pixel may be off in [-1, 1]
CLOSE_HALF = 2 / 255  # the same for the mean of them, in half precision


def export(folder: pathlib.Path, half: bool = False, out: pathlib.Path | None = None) -> pathlib.Path:
    """Write `model.onnx` into a checkpoint's folder (or to `out`), whole or not at all, and say where.

    Inputs noise [n, latent] N(0, 1), choice [n] U(0, 1), diversity [1] and, with classes, label [n] int64; output
    images [n, c, h, w] in [-1, 1]. The metadata says family, size, channels, latent, classes (JSON) and identity. The
    same weights give the same bytes. `half` keeps the weights in half precision. Raises Trouble, also where the file
    would not draw what the model draws.
    """
    checkpoint = Checkpoint.open(folder)
    model = checkpoint.load()
    try:
        from .graph import differences, halve, trace
    except ImportError as error:
        raise Trouble("Writing ONNX takes the packages onnx and onnxscript: pip install onnx onnxscript") from error
    facts = {
        "family": checkpoint.family,
        "size": str(checkpoint.picture.size),
        "channels": str(checkpoint.picture.channels),
        "latent": str(model.latent_size),
        "classes": json.dumps(checkpoint.picture.classes, ensure_ascii=False),
        "identity": checkpoint.identity,
    }
    try:
        graph = trace(model, facts)
    except RuntimeError as error:  # all that torch.export and torch.onnx raise
        raise Trouble("{name} cannot be written as ONNX by this version of torch.", name=checkpoint.name) from error
    graph = halve(graph) if half else graph
    off = differences(graph, model)
    if not (off.mean() < CLOSE_HALF if half else off.max() < CLOSE):
        raise Trouble("The ONNX file of {name} does not draw what the model draws.", name=checkpoint.name)
    target = out or folder / (HALF if half else FILE)
    target.parent.mkdir(parents=True, exist_ok=True)
    files.write_whole(target, graph.SerializeToString(deterministic=True))
    return target


def lines(checkpoint: Checkpoint, repo: str) -> dict[str, str]:
    """Python for the card, each whole and tested as it stands: with this package, and with onnxruntime alone."""
    classes = len(checkpoint.picture.classes)
    where = json.dumps(repo)
    chosen = f'    "label": np.arange(16) % {classes},  # which class\n' if classes else ""
    return {
        "genmodels": (
            "import genmodels\n"
            "from genmodels.images import grid, to_pil, to_pixels\n\n"
            f"images = genmodels.load({where}).sample(seed=7, indices=range(16))  # float [16, c, h, w] in [-1, 1]\n"
            'to_pil(grid(to_pixels(images), columns=4)).save("pictures.png")\n'
        ),
        "onnx": (
            "import numpy as np\n"
            "import onnxruntime\n"
            "from huggingface_hub import hf_hub_download\n"
            "from PIL import Image\n\n"
            f'model = onnxruntime.InferenceSession(hf_hub_download({where}, "{FILE}"))\n'
            "chance = np.random.default_rng(7)\n"
            "given = {\n"
            f'    "noise": chance.standard_normal((16, {checkpoint.blank().latent_size}), np.float32),\n'
            '    "choice": chance.random(16, np.float32),\n'
            f"{chosen}"
            '    "diversity": np.ones(1, np.float32),  # 0 to 1.5\n'
            "}\n"
            "images = model.run(None, given)[0]  # float [16, c, h, w] in [-1, 1]\n"
            "pixels = ((images + 1) * 127.5).round().astype(np.uint8).transpose(0, 2, 3, 1)\n"
            "sheet = np.hstack(np.hstack(pixels.reshape(4, 4, *pixels.shape[1:])))\n"
            'Image.fromarray(sheet.squeeze()).save("pictures.png")\n'
        ),
    }
