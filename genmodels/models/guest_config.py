"""Guest configuration: what the files of a diffusers model may say, checked before anything is fetched or built."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Callable, Collection
from typing import Any, Literal

from ..events import Trouble
from .guest_schema import SCHEMAS, AutoencoderTiny, Said, Schedule, UNet, checked

KINDS = {  # classes of diffusers that are taken in
    "DDPMPipeline": "pipeline",
    "DDIMPipeline": "pipeline",
    "AutoencoderKL": "autoencoder",
    "AutoencoderTiny": "autoencoder",
    "VQModel": "autoencoder",
}
PARTS = {"unet": ("UNet2DModel",), "scheduler": ("DDPMScheduler", "DDIMScheduler")}
SAMPLERS = ("DDIM", "DDPM")  # the first is right for few steps
WEIGHTS = ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.fp16.safetensors")  # the better one first
UNSAFE = (".bin", ".ckpt", ".pt", ".pth", ".pkl", ".msgpack", ".h5")
LARGEST_CONFIG, LARGEST_WEIGHTS = 1 << 20, 1 << 30  # bytes
LARGEST_LAYER = 1 << 25  # numbers that one layer may hold for one picture
LARGEST_LOOK = 128  # pixels a side of what attention may compare, each place with each
LOOKED_AT = 256  # pixels a side, at most, of what an autoencoder is given: it takes any size
SENTENCES = {
    "no model": "There is no diffusers model in {name}: neither a model_index.json nor a config.json.",
    "foreign": "{name} cannot be taken in: its {file} is not what diffusers writes.",
    "code": "{name} brings program code of its own ({file}), which is never run here. "
    "Only diffusers' own classes are taken in.",
    "pickle": "The weights of {name} are in a format that can hide programs ({file}), so they stay closed. "
    "Ask for safetensors.",
}


@dataclasses.dataclass(frozen=True)
class Guest:
    """A diffusers model as its small files describe it. Every number in it is within limits."""

    name: str
    kind: Literal["pipeline", "autoencoder"]
    cls: str  # "DDPMPipeline", "AutoencoderKL" ...
    part: str  # the class that is built
    options: dict[str, Any]  # what it is built with
    schedule: dict[str, Any] | None  # of a pipeline
    files: tuple[str, ...]  # all that is needed of it: configurations, then weights
    size: int  # pixels a side of what it makes or takes
    channels: int

    @property
    def weights(self) -> str:
        """The file with its weights."""
        return self.files[-1]

    @property
    def samplers(self) -> tuple[str, ...]:
        """The ways in which it can be sampled, the suggested one first."""
        return SAMPLERS if self.kind == "pipeline" else ()

    @property
    def most_steps(self) -> int:
        """So many it learned; 0 for an autoencoder."""
        return self.schedule["num_train_timesteps"] if self.schedule else 0


def kind_of(config: Any, name: str = "this model") -> str:
    """ "pipeline" or "autoencoder", from a model_index.json, else a config.json. Raises Trouble with the reason."""
    cls = config.get("_class_name") if isinstance(config, dict) else None
    if isinstance(cls, list) or (isinstance(config, dict) and "auto_map" in config):
        raise Trouble(SENTENCES["code"], name=name, file="_class_name" if isinstance(cls, list) else "auto_map")
    if not isinstance(cls, str):
        raise Trouble(SENTENCES["no model"], name=name)
    if cls not in KINDS:
        raise Trouble(
            "{name} is a {kind}, which is not taken in. Guests can be {kinds}.",
            name=name,
            kind=cls[:60],
            kinds=", ".join(KINDS),
        )
    if KINDS[cls] == "pipeline":
        parts = {part: value for part, value in config.items() if not part.startswith("_")}
        for part, value in parts.items():
            if part not in PARTS or value not in [["diffusers", each] for each in PARTS[part]]:
                words = {"name": name, "part": part[:60], "kind": str(value)[:100]}
                raise Trouble("{name} asks for {kind} as its {part}, which is not taken in.", **words)
        if parts.keys() != PARTS.keys():
            raise Trouble(SENTENCES["foreign"], name=name, file="model_index.json")
    return KINDS[cls]


def opened(folder: pathlib.Path, name: str = "") -> Guest:
    """What the model in a folder is, from its small files; its weights are not touched. Raises Trouble."""
    if not folder.is_dir():
        raise Trouble("There is no folder called {name}.", name=str(folder))
    names = [file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()]
    return described(names, lambda file: (folder / file).read_bytes(), name or folder.name)


def described(names: Collection[str], read: Callable[[str], bytes], name: str) -> Guest:
    """What a folder or repository with these file names is; `read` gives the content of its small files.

    Everything is checked that can be without the weights. Raises Trouble with the reason.
    """
    index = next((file for file in ("model_index.json", "config.json") if file in names), None)
    if index is None:
        raise Trouble(SENTENCES["no model"], name=name)
    said = _parsed(read(index), index, name)
    kind = kind_of(said, name)
    code = [file for file in names if file.endswith(".py") and (file == "pipeline.py" or file.split("/")[0] in PARTS)]
    if code:
        raise Trouble(SENTENCES["code"], name=name, file=sorted(code)[0])
    if kind == "autoencoder":
        return _autoencoder(names, said, name)
    room = "unet/" if "unet/config.json" in names else ""
    plan = "scheduler/scheduler_config.json"
    plan = plan if plan in names else "scheduler_config.json"
    unet = _part(names, read, f"{room}config.json", UNet, PARTS["unet"], name)
    schedule = _part(names, read, plan, Schedule, PARTS["scheduler"], name)
    files = (index, plan, f"{room}config.json", _weights(names, room, name))
    size, steps = _fitting(unet, schedule, name), schedule.model_dump()
    options = unet.model_dump(exclude_unset=True)
    return Guest(name, kind, said["_class_name"], "UNet2DModel", options, steps, files, size, unet.in_channels)


def _part(
    names: Collection[str],
    read: Callable[[str], bytes],
    file: str,
    schema: type[Said],
    classes: tuple[str, ...],
    name: str,
) -> Any:
    """One configuration of a pipeline, checked."""
    if file not in names:
        raise Trouble("{name} is not whole: {file} is missing.", name=name, file=file)
    said = _parsed(read(file), file, name)
    if said.get("_class_name", classes[0]) not in classes:
        raise Trouble(SENTENCES["foreign"], name=name, file=file)
    if said.get("predict_epsilon") is False:  # how 2022 said it
        said = {"prediction_type": "sample", **said}
    return checked(schema, said, file, name)


def _autoencoder(names: Collection[str], said: dict[str, Any], name: str) -> Guest:
    cls = said["_class_name"]
    coder = checked(SCHEMAS[cls], said, "config.json", name)
    if tiny := isinstance(coder, AutoencoderTiny):
        widths, wanted = coder.encoder_block_out_channels, LOOKED_AT
        blocks = (coder.num_encoder_blocks, coder.num_decoder_blocks, coder.decoder_block_out_channels)
    else:
        widths, wanted = coder.block_out_channels, coder.sample_size
        blocks = (coder.down_block_types, coder.up_block_types)
    if coder.in_channels != coder.out_channels or any(len(each) != len(widths) for each in blocks):
        raise Trouble(SENTENCES["foreign"], name=name, file="config.json")
    wanted, step = max(wanted) if isinstance(wanted, list) else wanted, 2 ** (len(widths) - 1)
    size = max(step, min(wanted, LOOKED_AT) // step * step)
    _bounded(size, widths, [] if tiny else coder.down_block_types, name)
    options = coder.model_dump(exclude_unset=True, exclude={"block_out_channels"} if tiny else None)
    files = ("config.json", _weights(names, "", name))
    return Guest(name, "autoencoder", cls, cls, options, None, files, size, coder.in_channels)


def _fitting(unet: UNet, schedule: Schedule, name: str) -> int:
    """The side of a pipeline's pictures; Trouble where its parts do not fit together."""
    sides = unet.sample_size if isinstance(unet.sample_size, list) else [unet.sample_size]
    levels = {len(unet.block_out_channels), len(unet.down_block_types), len(unet.up_block_types)}
    learned = schedule.variance_type in ("learned", "learned_range")
    if len(set(sides)) != 1 or len(levels) != 1 or sides[0] % 2 ** (len(unet.block_out_channels) - 1):
        raise Trouble(SENTENCES["foreign"], name=name, file="config.json")
    if unet.out_channels != unet.in_channels * (2 if learned else 1):
        raise Trouble(SENTENCES["foreign"], name=name, file="config.json")
    if schedule.trained_betas is not None and len(schedule.trained_betas) != schedule.num_train_timesteps:
        raise Trouble(SENTENCES["foreign"], name=name, file="scheduler_config.json")
    _bounded(sides[0], unet.block_out_channels, unet.down_block_types, name)
    return sides[0]


def _bounded(side: int, widths: list[int], blocks: list[str], name: str) -> None:
    """Refuse what would need more memory or patience than anybody has, before anything is built."""
    layers = any((side >> level) ** 2 * width > LARGEST_LAYER for level, width in enumerate(widths))
    looks = [level for level, block in enumerate(blocks) if "Attn" in block] + [len(widths) - 1] * bool(blocks)
    if layers or any(side >> level > LARGEST_LOOK for level in looks):
        raise Trouble("{name} is too large for this studio.", name=name)


def _weights(names: Collection[str], room: str, name: str) -> str:
    for file in WEIGHTS:
        if room + file in names:
            return room + file
    if any(file.startswith(room) and file.endswith(".safetensors.index.json") for file in names):
        raise Trouble("{name} is too large for this studio.", name=name)  # only such models are cut into pieces
    for file in sorted(names):
        if file.startswith(room) and file.endswith(UNSAFE):
            raise Trouble(SENTENCES["pickle"], name=name, file=file)
    raise Trouble("{name} is not whole: {file} is missing.", name=name, file=room + WEIGHTS[0])


def _parsed(content: bytes, file: str, name: str) -> dict[str, Any]:
    try:
        said = json.loads(content.decode("utf-8")) if len(content) <= LARGEST_CONFIG else None
    except (ValueError, RecursionError) as error:
        raise Trouble(SENTENCES["foreign"], name=name, file=file) from error
    if not isinstance(said, dict):
        raise Trouble(SENTENCES["foreign"], name=name, file=file)
    return said
