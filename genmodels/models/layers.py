"""The few blocks that families share: growing, reading, class weights, and batch statistics made anew."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

LAYOUT = torch.channels_last  # measured on a CPU: 7 % (digits) to 15-20 % (colour) more pictures a second
CRISPEST = 2.0  # the most that a contrast is turned up


def stages(size: int) -> list[int]:
    """The resolutions at which convolutions work: from 7 or 8 up to half the picture; the last step is a shuffle.

    Measured on digits (one core): convolutions at 7 and 14 px only cost half of those at 28 px and look the same.
    """
    resolution = 7 if size % 7 == 0 else 8
    found = []
    while resolution < size:
        found.append(resolution)
        resolution *= 2
    return found


class Grow(nn.Module):
    """Normalise, activate, convolve and double the resolution by pixel shuffle (Shi et al. 2016)."""

    def __init__(self, inputs: int, outputs: int, activation: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.norm, self.activation = nn.BatchNorm2d(inputs), activation
        self.convolution = nn.Conv2d(inputs, 4 * outputs, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        """[n, inputs, h, w] -> [n, outputs, 2 h, 2 w]."""
        return functional.pixel_shuffle(self.convolution(self.activation(self.norm(features))), 2)


class Refine(nn.Module):
    """A residual convolution at one resolution (He et al. 2016, pre-activation)."""

    def __init__(self, width: int, activation: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.norm, self.activation = nn.BatchNorm2d(width), activation
        self.convolution = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        """[n, width, h, w] -> the same shape."""
        return features + self.convolution(self.activation(self.norm(features)))


class Canvas(nn.Module):
    """From a vector (and a class) to a picture before its last squashing: the body of a generator or decoder."""

    def __init__(
        self, vector: int, width: int, size: int, channels: int, classes: int, activation: Callable[[Tensor], Tensor]
    ) -> None:
        super().__init__()
        steps = stages(size)
        widths = [min(width * 2 ** (len(steps) - 1 - i), 8 * width) for i in range(len(steps))]
        self.start = (widths[0], steps[0], steps[0])
        self.spread = nn.Linear(vector, widths[0] * steps[0] ** 2)
        self.classes = class_weights(classes, self.spread.out_features)
        self.grow = nn.Sequential(*(Grow(a, b, activation) for a, b in itertools.pairwise(widths)))
        self.refine = Refine(width, activation)
        self.finish = Grow(width, channels, activation)
        if channels > 1:  # colours side by side in a shuffled block need a last look at each other
            self.finish = nn.Sequential(
                Grow(width, 12, activation), Refine(12, activation), nn.Conv2d(12, channels, 3, padding=1)
            )

    def forward(self, vector: Tensor, labels: Tensor | None) -> Tensor:
        """[n, vector], [n] -> [n, channels, size, size], unbounded."""
        spread = self.spread(vector)
        if self.classes is not None:
            spread = spread + self.classes(labels)
        canvas = spread.view(-1, *self.start).contiguous(memory_format=LAYOUT)
        return self.finish(self.refine(self.grow(canvas)))


class Flat(nn.Module):
    """[n, c, h, w] -> [n, c h w]; the gradient comes back as convolutions lay their pictures.

    Where layouts meet, every operation between them is slow: with this and the like in Canvas a VAE trains 7 % faster.
    """

    def forward(self, features: Tensor) -> Tensor:
        """[n, c, h, w] -> [n, c h w]."""
        if features.requires_grad:
            features.register_hook(lambda gradient: gradient.contiguous(memory_format=LAYOUT))
        return features.flatten(1)


def class_weights(classes: int, width: int) -> nn.Embedding | None:
    """One row a class, added to a linear layer's output: the same as feeding it the one-hot class."""
    if not classes:
        return None
    rows = nn.Embedding(classes, width)
    nn.init.normal_(rows.weight, std=0.1)
    return rows


@torch.no_grad()
def restate(module: nn.Module, passes: Iterator[Callable[[], object]]) -> None:
    """Re-estimate a module's BatchNorm statistics as plain means over some forward passes.

    Averaged weights never ran on the statistics that BatchNorm gathered for the live ones (Izmailov et al. 2018, 3.4).
    """
    norms = [m for m in module.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    training = module.training
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a cumulative mean
    module.train()
    for run in passes:
        run()
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    module.train(training)


def fit_contrast(logits: Tensor, images: Tensor) -> float:
    """By how much to multiply `logits` so that rebuilds have the real pictures' grey: the mean of p (1 - p), [n, ...].

    A mean of all that a picture could be is greyer than any of them. Between 1 and CRISPEST, by bisection.
    """
    real = (1 - images.float().square()).mean()  # 4 p (1 - p) for p = (image + 1) / 2
    low, high = 1.0, CRISPEST
    for _ in range(10):
        middle = (low + high) / 2
        grey = (1 - torch.tanh(middle * logits.float() / 2).square()).mean()
        low, high = (middle, high) if grey > real else (low, middle)
    return low
