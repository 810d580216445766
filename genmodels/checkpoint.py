"""Checkpoint: a folder with config.json and model.safetensors, loaded strictly."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import os
import pathlib
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pydantic

from .events import Trouble
from .images import PictureFormat, grid, open_pixels, to_pixels, ungrid, webp
from .models import FAMILIES

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor, nn

    from .models.base import GenerativeModel

FORMAT = 1
_TYPES = {"torch.float32": "F32", "torch.int64": "I64"}  # a model's own types and safetensors' words for them
MOST_PARAMETERS = 50_000_000
LONGEST_NAME, LONGEST_LABEL, LONGEST_FACT = 100, 200, 2_000  # letters
COUNTED = ("pictures", "held_out", "images", "seconds", "cores", "threads")  # facts that are numbers
PUBLIC = (  # what may leave the machine; resume state and people's pictures never do
    "config.json",
    "model.safetensors",
    "model.onnx",
    "README.md",
    "LICENSE",
    "samples.webp",
    "timelapse.webp",
    "history.jsonl",
    "evaluation.json",
)


class Wall(pydantic.BaseModel):
    """What samples.webp shows: pictures of a seed, row by row, and each one's class."""

    model_config = pydantic.ConfigDict(frozen=True, extra="ignore")

    seed: int
    count: int = pydantic.Field(ge=1, le=1_024)
    columns: int = pydantic.Field(ge=1, le=64)
    labels: list[int] | None = None


class Config(pydantic.BaseModel):
    """What config.json may say: checked before anything is built from it."""

    model_config = pydantic.ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    format: int = pydantic.Field(ge=1)
    family: str
    size: str = ""  # name of the preset
    name: str = pydantic.Field("", max_length=LONGEST_NAME)
    options: dict[str, Any]
    pixels: Literal[28, 32, 64]
    channels: Literal[1, 3]
    classes: list[Annotated[str, pydantic.Field(max_length=LONGEST_LABEL)]] = pydantic.Field([], max_length=1_000)
    trained: dict[str, Any] = {}  # facts for people: pictures, seconds, images, set, licence, hardware
    wall: Wall  # how samples.webp is laid out

    @pydantic.model_validator(mode="after")
    def _sound(self) -> Config:
        """No screen shall stumble over what a file from elsewhere says."""
        for name, fact in self.trained.items():
            wanted = (int, float) if name in COUNTED else dict if name == "plan" else object
            sound = isinstance(fact, wanted) and (not isinstance(fact, int | float) or 0 <= fact < 1e15)
            if not sound or (isinstance(fact, str) and len(fact) > LONGEST_FACT):
                raise ValueError(f"{name} cannot be that")
        labels, kinds = self.wall.labels, len(self.classes)
        known = labels is None or (len(labels) == self.wall.count and all(0 <= each < kinds for each in labels))
        if not known or (labels is None) != (kinds == 0):
            raise ValueError("the wall shows other classes")
        return self


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """A trained model on the disk. Opening one reads its config.json only; `load` builds it."""

    folder: pathlib.Path
    config: Config

    @classmethod
    def open(cls, folder: str | os.PathLike) -> Checkpoint:
        """Read a folder's config.json. Raises Trouble where it is missing, foreign or made by a newer version."""
        folder = pathlib.Path(folder)
        try:
            text = (folder / "config.json").read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise Trouble(
                "There is no model in {folder}: its config.json cannot be read.", folder=folder.name
            ) from error
        try:
            data = json.loads(text)
            if isinstance(data, dict) and isinstance(data.get("format"), int) and data["format"] > FORMAT:
                raise Trouble(
                    "{name} was made by a newer version: update GenModels Studio to open it.", name=folder.name
                )
            config = Config.model_validate(data)
        except (ValueError, RecursionError) as error:
            raise Trouble(
                "{name} is not a model of this studio: its config.json says other things.", name=folder.name
            ) from error
        if config.family not in FAMILIES:
            raise Trouble(
                "{name} is of a family that this version does not know: {family}.",
                name=folder.name,
                family=config.family,
            )
        return cls(folder, config)

    @property
    def name(self) -> str:
        """What people call it."""
        return self.config.name or self.folder.name

    @property
    def family(self) -> str:
        """The name of its family."""
        return self.config.family

    @property
    def size(self) -> str:
        """The preset it was made from."""
        return self.config.size

    @property
    def options(self) -> dict[str, Any]:
        """Its family's options, as plain data."""
        return self.config.options

    @property
    def trained(self) -> dict[str, Any]:
        """Facts for people about how it came to be."""
        return self.config.trained

    @property
    def wall(self) -> dict[str, Any]:
        """How samples.webp is laid out: seed, count, columns, labels."""
        return self.config.wall.model_dump()

    @property
    def picture(self) -> PictureFormat:
        """What its pictures are like."""
        return PictureFormat(self.config.pixels, self.config.channels, tuple(self.config.classes))

    @functools.cached_property
    def identity(self) -> str:
        """A short hash of the weights: two checkpoints with the same one draw the same pictures."""
        digest = hashlib.sha256()
        with open(self.folder / "model.safetensors", "rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
        return digest.hexdigest()[:12]

    def wall_pixels(self) -> np.ndarray:
        """The stored wall, without touching the model: uint8 [n, h, w, c]. Raises Trouble."""
        try:
            sheet = open_pixels(self.folder / "samples.webp", self.config.channels)
            return ungrid(sheet, self.config.pixels, self.config.wall.count)
        except (OSError, ValueError) as error:
            raise Trouble("The pictures of {name} cannot be read.", name=self.name) from error

    def load(self, device: str = "cpu") -> GenerativeModel:
        """Build the model and read its weights, all or nothing: names, shapes, types and finiteness must be right.

        The model is built without memory first and compared with the file's header, so a wrong file is refused before
        any is spent. Raises Trouble.
        """
        model = self.blank()
        state = read_weights(self.folder / "model.safetensors", model, self.name, device)
        model = model.to_empty(device=device)
        model.load_state_dict(state, strict=True)
        return model.eval()

    def blank(self) -> GenerativeModel:
        """Its model without memory: the names, shapes and types that its weights must have. Raises Trouble."""
        import torch

        try:
            options = FAMILIES[self.config.family].Options(**self.config.options)
        except pydantic.ValidationError as error:
            raise Trouble("{name} asks for settings that this version does not allow.", name=self.name) from error
        with torch.device("meta"):
            return FAMILIES[self.config.family](options, self.picture)


def read_weights(path: pathlib.Path, model: nn.Module, name: str, device: str = "cpu") -> dict[str, Tensor]:
    """The weights in a file for a model built without memory: names, shapes, types and finiteness must be right.

    The file's header is compared before any memory is spent. Raises Trouble.
    """
    from safetensors import SafetensorError, safe_open

    expected = {part: (list(t.shape), _TYPES[str(t.dtype)]) for part, t in model.state_dict().items()}
    if sum(t.numel() for t in model.state_dict().values()) > MOST_PARAMETERS:
        raise Trouble("{name} is too large for this studio.", name=name)
    try:
        with safe_open(path, framework="pt", device=device) as file:
            slices = {part: file.get_slice(part) for part in file.keys()}  # noqa: SIM118 (not a mapping)
            _compare(expected, {p: (s.get_shape(), s.get_dtype()) for p, s in slices.items()}, name)
            state = {part: file.get_tensor(part) for part in expected}
    except (OSError, SafetensorError) as error:
        raise Trouble("The weights of {name} cannot be read: the file is missing or damaged.", name=name) from error
    if not all(bool(tensor.isfinite().all()) for tensor in state.values()):
        raise Trouble("The weights of {name} are not all finite numbers.", name=name)
    return state


def _compare(expected: dict[str, tuple], found: dict[str, tuple], name: str) -> None:
    """Refuse weights that are not exactly the model's own."""
    if missing := sorted(expected.keys() - found.keys()):
        raise Trouble("The weights of {name} lack {part}.", name=name, part=missing[0])
    if extra := sorted(found.keys() - expected.keys()):
        raise Trouble("The weights of {name} hold {part}, which its family does not know.", name=name, part=extra[0])
    for part, kind in expected.items():
        if kind != found[part]:
            raise Trouble("The weights of {name} have another shape or type at {part}.", name=name, part=part)


def save(folder: pathlib.Path, model: GenerativeModel, *, name: str, size: str, trained: dict[str, Any]) -> Checkpoint:
    """Write a model as a checkpoint folder: weights, configuration and its wall. The model must be settled.

    Files are replaced one by one; a caller who needs all or nothing writes to a temporary folder and renames it.
    """
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    pixels, labels, columns = wall(model)
    config = Config(
        format=FORMAT,
        family=model.family,
        size=size,
        name=name[:LONGEST_NAME],
        options=model.options.model_dump(),
        pixels=model.picture.size,
        channels=model.picture.channels,
        classes=list(model.picture.classes),
        trained=trained,
        wall=Wall(seed=0, count=len(pixels), columns=columns, labels=labels),
    )
    state = {part: tensor.detach().cpu().contiguous() for part, tensor in model.state_dict().items()}
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "samples.webp").write_bytes(webp(grid(pixels, columns)))
    text = json.dumps(config.model_dump(), ensure_ascii=False, indent=1)
    (folder / "config.json").write_text(text + "\n", encoding="utf-8")
    return Checkpoint(folder, config)


def wall_labels(classes: int) -> tuple[int, int, list[int] | None]:
    """How many pictures a wall has, in how many columns, and each one's class: up to 32 stand there in pairs."""
    if not classes:
        return 64, 8, None
    if classes <= 12:
        columns = classes if classes > 4 else 8
        count = columns * round(64 / columns)
        return count, columns, [i % classes for i in range(count)]
    return 64, 8, [i // 2 % classes for i in range(64)]


def wall(model: GenerativeModel, seed: int = 0) -> tuple[np.ndarray, list[int] | None, int]:
    """The pictures that a model shows itself with: uint8 [n, h, w, c], their classes, and the number of columns."""
    count, columns, labels = wall_labels(len(model.picture.classes))
    return to_pixels(model.sample(seed, range(count), labels)), labels, columns
