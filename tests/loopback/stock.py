"""What a Hub can be filled with: our own models, tiny models of the diffusers library, and two sets of pictures."""

from __future__ import annotations

import io
import json
import pathlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from .hub import Hub

ROOT = pathlib.Path(__file__).resolve().parents[2]
SET_CARD = "---\nlicense: {licence}\npretty_name: {title}\ntask_categories:\n- image-classification\n---\n# {title}\n"


def png(pixels: np.ndarray) -> bytes:
    """One picture uint8 [h, w] or [h, w, c] as a PNG."""
    out = io.BytesIO()
    Image.fromarray(pixels.squeeze()).save(out, "png")
    return out.getvalue()


def parquet(images: np.ndarray, labels: np.ndarray, names: tuple[str, ...], group: int = 100) -> bytes:
    """Pictures uint8 [n, h, w, c] as the `datasets` library writes them: columns image and label, kinds by name."""
    import pyarrow
    from pyarrow import parquet as tables

    pictures = [{"bytes": png(pixels), "path": f"{number}.png"} for number, pixels in enumerate(images)]
    struct = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])
    columns = [pyarrow.array(pictures, struct), pyarrow.array(labels.tolist(), pyarrow.int64())]
    features = {"image": {"_type": "Image"}, "label": {"names": list(names), "_type": "ClassLabel"}}
    told = {"huggingface": json.dumps({"info": {"features": features}})}
    table = pyarrow.table(columns, names=["image", "label"]).replace_schema_metadata(told)
    out = io.BytesIO()
    tables.write_table(table, out, row_group_size=group)
    return out.getvalue()


def image_folder(images: np.ndarray, labels: np.ndarray, names: tuple[str, ...], split: str) -> dict[str, bytes]:
    """The same as files: SPLIT/KIND/NUMBER.png."""
    return {
        f"{split}/{names[label]}/{number:05}.png": png(pixels)
        for number, (pixels, label) in enumerate(zip(images, labels, strict=True))
    }


def checkpoints(hub: Hub, owner: str = "genmodels") -> None:
    """The checkpoints that ship with this project."""
    for config in sorted(ROOT.glob("checkpoints/*/config.json")):
        family = json.loads(config.read_text(encoding="utf-8"))["family"]
        files = {path.name: path.read_bytes() for path in config.parent.iterdir() if path.is_file()}
        hub.put(f"{owner}/{config.parent.name}", files, tags=("genmodels", family), message="Upload with genmodels")


def guests(hub: Hub, makers: dict[str, Callable[[pathlib.Path], pathlib.Path]], scratch: pathlib.Path) -> None:
    """Models of the diffusers library, each made into a folder by its maker: {"user/name": maker}."""
    for repo, make in makers.items():
        folder = make(scratch / repo.replace("/", "-"))
        paths = [path for path in folder.rglob("*") if path.is_file()]
        hub.put(repo, {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}, tags=("diffusers",))


def picture_sets(hub: Hub, count: int = 600) -> None:
    """Handwritten digits in Parquet, with a part to test with, and clothes as folders of files."""
    from genmodels.data import starters

    digits = starters.open("digits")
    split = {"train": slice(0, count), "test": slice(count, count + count // 4)}
    files = {
        f"data/{name}-00000-of-00001.parquet": parquet(digits.images[part], digits.labels[part], digits.classes)
        for name, part in split.items()
    }
    card = SET_CARD.format(licence="cc-by-4.0", title="Handwritten digits").encode()
    hub.put("pictures/digits", {**files, "README.md": card}, kind="dataset")
    clothes = starters.open("fashion")
    files = image_folder(clothes.images[:count], clothes.labels[:count], clothes.classes, "train")
    card = SET_CARD.format(licence="mit", title="Clothes").encode()
    hub.put("pictures/clothes", {**files, "README.md": card}, kind="dataset")
