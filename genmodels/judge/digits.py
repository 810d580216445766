"""A judge of 28 px handwritten digits only: the features of a digit classifier, read from a file."""

from __future__ import annotations

import pathlib

from torch import Tensor, nn
from torch.nn import functional

from .network import Judge


class DigitJudge(Judge):
    """A convolutional digit classifier; its 128 numbers before the last layer are the features.

    Layout of the file: `f` holds convolutions 1 -> 32 -> 64 -> 64 (3 x 3, the later two with BatchNorm) between
    max-pools and a linear layer 3136 -> 128; `h` is linear 128 -> 10.
    """

    width = 128

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.f = nn.Sequential(
            *(nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(64, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.Flatten()),
            *(nn.Linear(3136, self.width), nn.ReLU()),
        )
        self.h = nn.Linear(self.width, 10)

    def forward(self, images: Tensor) -> Tensor:
        """[n, 1 or 3, h, w] -> [n, 128]; other sizes are resampled to 28 px, colour becomes grey."""
        grey = images.mean(1, keepdim=True)
        if grey.shape[-1] != 28:
            grey = functional.interpolate(grey, (28, 28), mode="bilinear", antialias=True, align_corners=False)
        return self.f(grey)

    def predict(self, images: Tensor) -> Tensor:
        """[n, 1 or 3, h, w] -> the most likely digit, int64 [n]."""
        return self.h(self(images)).argmax(1)


def digit_judge(path: str | pathlib.Path) -> DigitJudge:
    """A digit judge from a file of this layout, named after the file. Raises Trouble."""
    path = pathlib.Path(path)
    return DigitJudge.open(path, path.stem)
