"""Inception v3 as a judge, its ImageNet weights fetched from the Hub: for larger pictures and other people's numbers.

These are the weights that torchvision publishes, not those of the FID's authors (2015-12-05), of which no copy in
safetensors was known when this was written; its distances are therefore never called FID.
"""

from __future__ import annotations

import functools

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..events import Trouble
from .network import Judge

REPOSITORY, FILE = "timm/inception_v3.tv_in1k", "model.safetensors"
NAME = "Inception v3 (ImageNet)"
SIZE, WIDTH = 299, 2048  # pixels a side that it was trained on, features
AVERAGE, LARGEST = "average", "largest"  # what a pooling branch pools
# Szegedy et al. 2016, figures 5 to 7 and table 1. A branch is a chain of convolutions: name, outputs, kernel, and where
# they are not 1 and "same", stride and padding. A tuple in a chain is split: all of its parts see what came before.
Chain = tuple


def _small(pooled: int) -> tuple[Chain, ...]:
    return (
        (("branch1x1", 64, 1),),
        (("branch5x5_1", 48, 1), ("branch5x5_2", 64, 5)),
        (("branch3x3dbl_1", 64, 1), ("branch3x3dbl_2", 96, 3), ("branch3x3dbl_3", 96, 3)),
        (AVERAGE, ("branch_pool", pooled, 1)),
    )


def _wide(inner: int) -> tuple[Chain, ...]:
    row, column = (1, 7), (7, 1)
    return (
        (("branch1x1", 192, 1),),
        (("branch7x7_1", inner, 1), ("branch7x7_2", inner, row), ("branch7x7_3", 192, column)),
        (
            *(("branch7x7dbl_1", inner, 1), ("branch7x7dbl_2", inner, column), ("branch7x7dbl_3", inner, row)),
            *(("branch7x7dbl_4", inner, column), ("branch7x7dbl_5", 192, row)),
        ),
        (AVERAGE, ("branch_pool", 192, 1)),
    )


_SPLIT = (
    (("branch1x1", 320, 1),),
    (("branch3x3_1", 384, 1), (("branch3x3_2a", 384, (1, 3)), ("branch3x3_2b", 384, (3, 1)))),
    (
        *(("branch3x3dbl_1", 448, 1), ("branch3x3dbl_2", 384, 3)),
        (("branch3x3dbl_3a", 384, (1, 3)), ("branch3x3dbl_3b", 384, (3, 1))),
    ),
    (AVERAGE, ("branch_pool", 192, 1)),
)
_HALVE_EARLY = (
    (("branch3x3", 384, 3, 2, 0),),
    (("branch3x3dbl_1", 64, 1), ("branch3x3dbl_2", 96, 3), ("branch3x3dbl_3", 96, 3, 2, 0)),
    (LARGEST,),
)
_HALVE_LATE = (
    (("branch3x3_1", 192, 1), ("branch3x3_2", 320, 3, 2, 0)),
    (
        *(("branch7x7x3_1", 192, 1), ("branch7x7x3_2", 192, (1, 7)), ("branch7x7x3_3", 192, (7, 1))),
        ("branch7x7x3_4", 192, 3, 2, 0),
    ),
    (LARGEST,),
)
MIXED = {  # name: inputs and branches
    "5b": (192, _small(32)),
    "5c": (256, _small(64)),
    "5d": (288, _small(64)),
    "6a": (288, _HALVE_EARLY),
    **{f"6{letter}": (768, _wide(inner)) for letter, inner in zip("bcde", (128, 160, 160, 192), strict=True)},
    "7a": (768, _HALVE_LATE),
    "7b": (1280, _SPLIT),
    "7c": (2048, _SPLIT),
}


class Layer(nn.Module):
    """Convolution without bias, BatchNorm, ReLU; `conv` and `bn` are the names in the file."""

    def __init__(self, inputs: int, outputs: int, kernel: int | tuple, stride: int = 1, pad: int | None = None) -> None:
        super().__init__()
        pair = (kernel, kernel) if isinstance(kernel, int) else kernel
        padding = tuple(side // 2 for side in pair) if pad is None else pad
        self.conv = nn.Conv2d(inputs, outputs, pair, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=1e-3)

    def forward(self, images: Tensor) -> Tensor:
        """[n, inputs, h, w] -> [n, outputs, h, w]."""
        return functional.relu(self.bn(self.conv(images)))


class Mixed(nn.Module):
    """Branches side by side, their outputs one after the other."""

    def __init__(self, inputs: int, branches: tuple[Chain, ...]) -> None:
        super().__init__()
        self.branches = branches
        for chain in branches:
            width = inputs
            for step in chain:
                if isinstance(step, str):
                    continue
                parts = step if isinstance(step[0], tuple) else (step,)
                for name, outputs, *rest in parts:
                    self.add_module(name, Layer(width, outputs, *rest))
                width = parts[-1][1]

    def forward(self, images: Tensor) -> Tensor:
        """[n, inputs, h, w] -> [n, the sum of the branches' outputs, h, w]."""
        return torch.cat([self._along(chain, images) for chain in self.branches], 1)

    def _along(self, chain: Chain, images: Tensor) -> Tensor:
        for step in chain:
            if step == AVERAGE:
                images = functional.avg_pool2d(images, 3, 1, 1)
            elif step == LARGEST:
                images = functional.max_pool2d(images, 3, 2)
            elif isinstance(step[0], tuple):
                images = torch.cat([self.get_submodule(part[0])(images) for part in step], 1)
            else:
                images = self.get_submodule(step[0])(images)
        return images


class Inception(Judge):
    """Inception v3 up to its pooled features; the last layer is read as well, so that a file is checked whole."""

    width = WIDTH

    def __init__(self, name: str = NAME) -> None:
        super().__init__(name)
        self.Conv2d_1a_3x3 = Layer(3, 32, 3, 2, 0)
        self.Conv2d_2a_3x3 = Layer(32, 32, 3, 1, 0)
        self.Conv2d_2b_3x3 = Layer(32, 64, 3)
        self.Conv2d_3b_1x1 = Layer(64, 80, 1)
        self.Conv2d_4a_3x3 = Layer(80, 192, 3, 1, 0)
        for part, (inputs, branches) in MIXED.items():
            self.add_module(f"Mixed_{part}", Mixed(inputs, branches))
        self.fc = nn.Linear(WIDTH, 1000)

    def forward(self, images: Tensor) -> Tensor:
        """[n, 1 or 3, h, w] in [-1, 1] -> [n, 2048]; pictures are resampled to 299 px."""
        images = images.expand(-1, 3, -1, -1)
        if images.shape[-1] != SIZE:
            images = functional.interpolate(images, (SIZE, SIZE), mode="bilinear", align_corners=False, antialias=True)
        images = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(images)))
        images = functional.max_pool2d(images, 3, 2)
        images = functional.max_pool2d(self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(images)), 3, 2)  # [n, 192, 35, 35]
        for part in MIXED:
            images = self.get_submodule(f"Mixed_{part}")(images)
        return images.mean((2, 3))


@functools.cache
def inception() -> Inception:
    """Inception v3, fetched from the Hub once (95 MB) and then from its cache. Raises Trouble without a network."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError

    try:
        path = hf_hub_download(REPOSITORY, FILE)
    except (OSError, HfHubHTTPError) as error:
        raise Trouble(
            "{name} could not be fetched from the Hub. Try again with a network, or judge with the studio's own eyes.",
            name=NAME,
        ) from error
    return Inception.open(path, NAME)
