"""The judge's own small network: a picture of any kind becomes 192 numbers, from grain to meaning."""

from __future__ import annotations

import copy
import functools
import pathlib
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ..checkpoint import read_weights

if TYPE_CHECKING:
    from typing_extensions import Self

ASSETS = pathlib.Path(__file__).resolve().parents[2] / "assets" / "judge"
BATCH = 32  # pictures at a time: what they become stays in a core's cache, half the time of 256


class Judge(nn.Module):
    """Turns pictures into features, rows of numbers in which like pictures lie close together.

    `name` goes into every protocol: numbers taken with judges of different names are never compared.
    A subclass says its `width` and how it sees one batch (`forward`).
    """

    width: int

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    @classmethod
    def open(cls, path: pathlib.Path, name: str) -> Self:
        """Read a judge's weights, all or nothing. Raises Trouble."""
        with torch.device("meta"):
            empty = cls(name)
        state = read_weights(pathlib.Path(path), empty, name)
        judge = empty.to_empty(device="cpu")
        judge.load_state_dict(state, strict=True)
        return judge.eval().requires_grad_(False)

    @torch.inference_mode()
    def features(self, images: Tensor) -> np.ndarray:
        """float [n, 1 or 3, h, w] in [-1, 1] -> float32 [n, width], on the device where the judge is."""
        device = next(self.parameters()).device
        rows = [self(batch.to(device, torch.float32)).cpu().numpy() for batch in images.split(BATCH)]
        return np.concatenate(rows) if len(images) else np.zeros((0, self.width), np.float32)


class StudioJudge(Judge):
    """Five strided stages of plain convolutions; what each of them sees goes into the features.

    Grain: mean and spread of the first filters over the picture, at its own resolution (blur, noise and blocks
    are seen here). Texture: means of the second stage. Meaning: the last stage on a 4 x 4 grid, seen by one linear
    layer. At last they are turned so that what lies beside each other within a set counts about alike in all
    directions; otherwise contrast alone, in which sets vary most, would drown the rest.
    """

    GRAIN, TEXTURE, MEANING = 16, 32, 128
    width = 2 * GRAIN + TEXTURE + MEANING

    def __init__(self, name: str = "studio-1", norm: bool = False) -> None:
        super().__init__(name)
        self.grain = layer(3, self.GRAIN, norm=norm)
        self.texture = nn.Sequential(layer(16, 32, 2, norm), layer(32, self.TEXTURE, norm=norm))
        self.parts = nn.Sequential(layer(32, 64, 2, norm), layer(64, 64, norm=norm), layer(64, 128, 2, norm))
        self.meaning = nn.Linear(128 * 16, self.MEANING)
        self.register_buffer("centre", torch.zeros(self.width))
        self.register_buffer("turn", torch.eye(self.width))

    def forward(self, images: Tensor) -> Tensor:
        """[n, 1 or 3, h, w] -> [n, width]."""
        return (self.raw(images) - self.centre) @ self.turn

    def raw(self, images: Tensor) -> Tensor:
        """The features as the stages see them."""
        images = images.expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)
        grain = self.grain(images)
        texture = self.texture(grain)
        parts = self.parts(texture)
        if parts.shape[-1] != 4:
            parts = functional.adaptive_avg_pool2d(parts, 4)
        mean = grain.mean((2, 3))
        spread = grain.square().mean((2, 3)) - mean.square()
        return torch.cat(
            [mean, spread.clamp_min(1e-6).sqrt(), texture.mean((2, 3)), self.meaning(parts.flatten(1))], 1
        )  # [n, 16 + 16 + 32 + 128]


def layer(inputs: int, outputs: int, stride: int = 1, norm: bool = False) -> nn.Sequential:
    """A convolution and its activation; `norm` only while it learns (`folded` takes it away)."""
    convolution = nn.Conv2d(inputs, outputs, 3, stride, 1)
    return nn.Sequential(convolution, *([nn.BatchNorm2d(outputs)] if norm else []), nn.ReLU())


@functools.cache
def judge() -> StudioJudge:
    """The studio's judge, from assets/judge. Raises Trouble."""
    return StudioJudge.open(ASSETS / "studio.safetensors", "studio-1")


def folded(network: nn.Module) -> nn.Module:
    """The same network with every BatchNorm taken into the convolution before it (both in evaluation mode)."""
    network = copy.deepcopy(network)
    for part in network.modules():
        if isinstance(part, nn.Sequential) and len(part) == 3 and isinstance(part[1], nn.BatchNorm2d):
            part[0], part[1] = fuse_conv_bn_eval(part[0], part[1]), part[2]
            del part[2]
    return network.to(memory_format=torch.contiguous_format)
