"""Toys: small sets and models whose pictures are known, to see whether an evaluation tells them apart."""

from __future__ import annotations

import numpy as np
import torch

from genmodels.data.imageset import ImageSet
from genmodels.images import PictureFormat, to_images
from genmodels.models import FAMILIES

TOYS = PictureFormat(28, 1)


def toys(count, seed=0):
    """Pictures of a few soft grey boxes each, no two alike: uint8 [n, 28, 28, 1]."""
    random = np.random.default_rng(seed)
    pixels = np.zeros((count, 28, 28, 1), np.uint8)
    for picture in pixels:
        for _ in range(4):
            top, left, height, width = random.integers((0, 0, 5, 5), (20, 20, 16, 16))
            picture[top : top + height, left : left + width] = random.integers(40, 256)
    return pixels


class Planted(FAMILIES["gan"]):
    """A "model" whose pictures are known."""

    can_criticise = False

    def __init__(self, pixels):
        super().__init__(FAMILIES.sizes("gan")["tiny"], TOYS)
        self.images = to_images(pixels)

    def sample(self, seed, indices, labels=None, diversity=1.0):
        return self.images[list(indices)]


def noisy(pixels, strength=0.03):
    noise = np.random.default_rng(5).normal(size=pixels.shape) * 255 * strength
    return np.clip(pixels + noise, 0, 255).astype(np.uint8)


def trained(family, classes=("left", "right"), **changes):
    torch.manual_seed(0)
    picture = PictureFormat(28, 1, classes)
    options = FAMILIES[family].suited(FAMILIES.sizes(family)["tiny"].changed(**changes), picture, 200)
    return FAMILIES[family](options, picture).eval()


def sided(count=200):
    """Boxes on the left or on the right, which a classifier can tell."""
    pixels, labels = np.zeros((count, 28, 28, 1), np.uint8), np.arange(count) % 2
    for picture, label, small in zip(pixels, labels, toys(count), strict=True):
        picture[:, 14 * label : 14 * label + 14] = small[:, ::2]
    return ImageSet(pixels, labels, ("left", "right"), "sided")
