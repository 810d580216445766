"""What is done to pictures as they are fed, and to real and made ones alike before the critic looks at them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..images import PictureFormat, to_images, to_pixels
from ..settings import Settings, setting
from .imageset import ImageSet

Augment = Callable[[Tensor, torch.Generator], Tensor]  # images [n, c, h, w] in [-1, 1] -> the same shape

FEW = 2000  # under so many pictures a critic soon knows them all by heart
SHARE = 0.8  # of pictures that get each change: under that, changes do not leak (Karras et al. 2020, section 2.2)
CRITIC_SHIFT, CRITIC_CUT = 1 / 8, 1 / 2  # of the side; Zhao et al. 2020, appendix


class Augmentation(Settings):
    """More pictures out of the same ones. What is set here, but for `few`, the model learns to draw as well."""

    flip: Literal["auto", "on", "off"] = setting(
        "auto",
        "Mirror left and right",
        "Half of the pictures are fed mirrored. By itself: only where a mirrored picture could be one of the set, "
        "so faces yes, writing no.",
        names={"auto": "by itself", "on": "always", "off": "never"},
    )
    shift: float = setting(
        0.0, "Shift", "Moves each picture a little, at most so many percent of its side.", low=0, high=25, step=1
    )
    rotation: float = setting(
        0.0, "Turn", "Turns each picture a little, at most so many degrees to either side.", low=0, high=45, step=1
    )
    zoom: float = setting(
        0.0, "Zoom", "Shows each picture a little larger or smaller, at most so many percent.", low=0, high=50, step=1
    )
    colour: float = setting(
        0.0,
        "Colour",
        "Makes each picture a little lighter or darker, and its colours stronger or weaker, at most so many percent.",
        low=0,
        high=100,
        step=5,
    )
    few: Literal["auto", "on", "off"] = setting(
        "auto",
        "Help for few pictures",
        "The critic of a GAN sees real and made pictures with the same kinds of random changes, so that it cannot "
        "learn a small set by heart; what is drawn stays unchanged. By itself: under 2,000 pictures.",
        names={"auto": "by itself", "on": "always", "off": "never"},
    )


def unchanged(images: Tensor, generator: torch.Generator) -> Tensor:
    """What `feed` and `critic_view` return when nothing is on: the images themselves, no random number drawn."""
    return images


def feed(settings: Augmentation, flip: bool) -> Augment:
    """The change of pictures as they are fed, for every family; `flip` is what the set says about mirroring.

    Not meant to be differentiated. Takes 7 random numbers a picture from the generator, whatever is on.
    """
    mirrored = settings.flip == "on" or (settings.flip == "auto" and flip)
    moved = settings.shift > 0 or settings.rotation > 0 or settings.zoom > 0
    if not (mirrored or moved or settings.colour):
        return unchanged

    @torch.no_grad()
    def change(images: Tensor, generator: torch.Generator) -> Tensor:
        chance = _uniform(len(images), 7, images, generator)  # [n, 7] in (-1, 1)
        if mirrored:
            images = torch.where(chance[:, 0].view(-1, 1, 1, 1) < 0, images.flip(-1), images)
        if moved:
            images = _moved(images, chance[:, 1:5], settings)
        if settings.colour:
            images = _tinted(images, chance[:, 5:7], settings.colour / 100)
        return images

    return change


def _uniform(count: int, width: int, images: Tensor, generator: torch.Generator) -> Tensor:
    """Random numbers in (-1, 1), drawn where the generator lives and used where the images are."""
    return torch.rand(count, width, generator=generator, device=generator.device).to(images.device) * 2 - 1


def _moved(images: Tensor, chance: Tensor, settings: Augmentation) -> Tensor:
    """Shift by whole pixels, turn and zoom in one go; what comes in at the edge repeats the edge."""
    size = images.shape[-1]
    pixels = (chance[:, :2] * (settings.shift / 100 * size + 0.5)).round()  # whole pixels keep hard edges hard
    angle = chance[:, 2] * math.radians(settings.rotation)
    scale = torch.exp(chance[:, 3] * math.log1p(settings.zoom / 100))
    cosine, sine = torch.cos(angle) / scale, torch.sin(angle) / scale
    shift = pixels * 2 / size if settings.shift else torch.zeros_like(pixels)
    matrix = torch.stack([cosine, -sine, shift[:, 0], sine, cosine, shift[:, 1]], dim=1).view(-1, 2, 3)
    places = functional.affine_grid(matrix, list(images.shape), align_corners=False)
    return functional.grid_sample(images, places, padding_mode="border", align_corners=False)


def _tinted(images: Tensor, chance: Tensor, strength: float) -> Tensor:
    """Lighter or darker by a bent tone curve, so that black stays black and white stays white; then saturation."""
    bend = chance[:, 0].view(-1, 1, 1, 1) * (strength / 2)
    images = images + bend * (1 - images * images)  # rises everywhere, as |bend| <= 1/2
    if images.shape[1] == 1:
        return images
    grey = images.mean(dim=1, keepdim=True)
    return (grey + (images - grey) * (1 + chance[:, 1].view(-1, 1, 1, 1) * strength)).clamp(-1, 1)


def helps_few(settings: Augmentation, count: int) -> bool:
    """Whether the critic sees changed pictures when there are so many to learn from."""
    return settings.few == "on" or (settings.few == "auto" and count < FEW)


def critic_view(settings: Augmentation, picture: PictureFormat, count: int) -> Augment:
    """What the critic sees of real and made pictures alike, or `unchanged` when `count` pictures are enough.

    Differentiable augmentation (Zhao et al. 2020): colour, translation and cutout, each on most pictures only, so
    that what is generated can always be told from its changed form (Karras et al. 2020, "non-leaking"). Built of
    operations that can be differentiated twice, as gradient penalties need (grid_sample cannot).
    """
    if not helps_few(settings, count):
        return unchanged
    size, reach = picture.size, max(1, round(picture.size * CRITIC_SHIFT))

    def view(images: Tensor, generator: torch.Generator) -> Tensor:
        chance = _uniform(len(images), 10, images, generator)
        used = ((chance[:, :3] + 1) / 2 < SHARE).float()  # [n, 3]: colour, translation, cutout
        images = _coloured(images, chance[:, 3:6] * used[:, :1])
        shift = (chance[:, 6:8] * (reach + 0.5)).clamp(-reach, reach).round() * used[:, 1:2]
        centre = ((chance[:, 8:10] + 1) / 2 * size).floor()
        return _shifted_and_cut(images, shift.long(), centre, round(size * CRITIC_CUT / 2) * used[:, 2])

    return view


def _coloured(images: Tensor, chance: Tensor) -> Tensor:
    """Brightness +-0.5, saturation 0 to 2, contrast 0.5 to 1.5; a chance of 0 changes nothing."""
    brightness, saturation, contrast = (chance[:, i].view(-1, 1, 1, 1) for i in range(3))
    images = images + brightness / 2
    if images.shape[1] > 1:
        grey = images.mean(dim=1, keepdim=True)
        images = grey + (images - grey) * (1 + saturation)
    middle = images.mean(dim=(1, 2, 3), keepdim=True)
    return middle + (images - middle) * (1 + contrast / 2)


def _shifted_and_cut(images: Tensor, shift: Tensor, centre: Tensor, half: Tensor) -> Tensor:
    """Move by whole pixels and blank a square of side 2 * half around a centre; what is missing is 0, mid-grey."""
    count, channels, height, width = images.shape
    line = torch.arange(height, device=images.device)
    source = line + shift[:, :, None]  # [n, 2, side]: where each row and column comes from
    inside = (source >= 0) & (source < height)
    source = source.clamp(0, height - 1)
    flat = source[:, 0, :, None] * width + source[:, 1, None, :]  # [n, h, w]
    moved = images.flatten(2).gather(2, flat.view(count, 1, -1).expand(-1, channels, -1)).view_as(images)
    cut = (line - centre[:, :, None] >= -half.view(-1, 1, 1)) & (line - centre[:, :, None] < half.view(-1, 1, 1))
    keep = (inside[:, 0, :, None] & inside[:, 1, None, :]) & ~(cut[:, 0, :, None] & cut[:, 1, None, :])
    return moved * keep.unsqueeze(1).to(images.dtype)


def seen(pictures: ImageSet, settings: Augmentation, count: int, seed: int = 0) -> np.ndarray:
    """What a model will see of a set, through the code that feeds it: uint8 [count, h, w, c]."""
    rows = np.flatnonzero(~pictures.held_out)
    rows = np.random.default_rng(seed).permutation(rows)[:count]
    generator = torch.Generator().manual_seed(seed)
    return to_pixels(feed(settings, pictures.flip)(to_images(pictures.images[np.sort(rows)]), generator))
