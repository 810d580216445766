"""How well pictures are rebuilt: squared error, signal-to-noise ratio, structural similarity; one number a picture."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

WINDOW, DEVIATION = 11, 1.5  # of the Gaussian that structural similarity looks through
STEADY = (0.01**2, 0.03**2)  # (K1 L)^2 and (K2 L)^2 with L = 1


def mse(images: Tensor, rebuilt: Tensor) -> Tensor:
    """Mean squared error of pixel values in [0, 1]; both float [n, c, h, w] in [-1, 1] -> [n]."""
    return ((images - rebuilt).double() / 2).square().flatten(1).mean(1)


def psnr(images: Tensor, rebuilt: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB, 10 log10(1 / mse), [n]; at most 100, which is no difference to speak of."""
    return -10 * torch.log10(mse(images, rebuilt).clamp_min(1e-10))


def ssim(images: Tensor, rebuilt: Tensor) -> Tensor:
    """Structural similarity (Wang et al. 2004, eq. 13), mean over pixels and colours, [n]; 1 is the same.

    As published: a Gaussian window of 11 x 11 with deviation 1.5, only where it lies inside, K = 0.01 and 0.03.
    """
    x, y = ((each.double() + 1) / 2 for each in (images, rebuilt))
    channels = x.shape[1]
    places = torch.arange(WINDOW, dtype=torch.float64) - WINDOW // 2
    line = torch.exp(-places.square() / (2 * DEVIATION**2))
    line = (line / line.sum()).to(x.device)
    across = line.expand(channels, 1, 1, WINDOW)

    def seen(values: Tensor) -> Tensor:
        values = functional.conv2d(values, across, groups=channels)
        return functional.conv2d(values, across.transpose(2, 3), groups=channels)

    mean_x, mean_y = seen(x), seen(y)
    variance_x = seen(x * x) - mean_x.square()
    variance_y = seen(y * y) - mean_y.square()
    together = seen(x * y) - mean_x * mean_y
    first, second = STEADY
    likeness = (2 * mean_x * mean_y + first) * (2 * together + second)
    likeness /= (mean_x.square() + mean_y.square() + first) * (variance_x + variance_y + second)
    return likeness.flatten(1).mean(1)
