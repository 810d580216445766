"""Guest: a diffusers model that visits. It is sampled from or rebuilt with, never trained."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from .. import device as machine
from ..events import Trouble
from .base import latents, philox
from .guest_config import SAMPLERS, Guest, opened

MOST_PARAMETERS = 250_000_000
CHUNK_PIXELS = 16 * 32 * 32  # pictures go through in so many pixels at a time: it depends on their size alone
STREAM = 3  # of the counter-based numbers: seeds of the noise between steps
TYPES = ("F32", "F16", "BF16")
OF_OLD = {".query.": ".to_q.", ".key.": ".to_k.", ".value.": ".to_v.", ".proj_attn.": ".to_out.0."}  # names of 2022


def load(folder: pathlib.Path, device: str = "cpu", name: str = "") -> Denoiser | Autoencoder:
    """Build a guest and read its weights, all or nothing (imports diffusers). Raises Trouble.

    From here on torch uses as many threads in this process as training does.
    """
    torch.set_num_threads(machine.threads())
    found = opened(folder, name)
    net = built(found)
    state = _read(folder / found.weights, net, found.name)
    net = net.to_empty(device=device)
    net.load_state_dict(state, strict=True)
    kind = Denoiser if found.kind == "pipeline" else Autoencoder
    return kind(found, net.eval().requires_grad_(False))


def built(guest: Guest) -> nn.Module:
    """Its network, without memory. Raises Trouble where diffusers cannot build it, or where it would be too large."""
    try:
        import diffusers
    except ImportError as error:
        raise Trouble("Guests need the package diffusers. Install it with: pip install diffusers") from error
    try:
        with torch.device("meta"):
            net = getattr(diffusers, guest.part)(**guest.options)
    except (ValueError, TypeError, RuntimeError, AttributeError, NotImplementedError) as error:
        raise Trouble("{name} cannot be built: its parts do not fit together.", name=guest.name) from error
    numbers = sum(tensor.numel() for tensor in net.state_dict().values())
    if numbers > MOST_PARAMETERS:
        raise Trouble("{name} is too large for this studio.", name=guest.name)
    if 0 < machine.memory() < 8 * numbers:
        raise Trouble("{name} needs more memory than is free on this machine.", name=guest.name)
    return net


def compare(net: nn.Module, found: dict[str, tuple[Sequence[int], str]], name: str) -> dict[str, str]:
    """Refuse weights that are not exactly the network's own, by the header of their file: name -> shape, type.

    Returns the network's name of each to the file's.
    """
    expected = {part: list(tensor.shape) for part, tensor in net.state_dict().items()}
    theirs = {part if part in expected else _today(part): part for part in found}
    if missing := sorted(expected.keys() - theirs.keys()):
        raise Trouble("The weights of {name} lack {part}.", name=name, part=missing[0])
    if len(theirs) < len(found) or theirs.keys() - expected.keys():
        part = next(iter(sorted(theirs.keys() - expected.keys())), "")[:80]
        raise Trouble("The weights of {name} hold {part}, which its family does not know.", name=name, part=part)
    for part, shape in expected.items():
        if list(found[theirs[part]][0]) != shape or found[theirs[part]][1] not in TYPES:
            raise Trouble("The weights of {name} have another shape or type at {part}.", name=name, part=part)
    return theirs


def _today(part: str) -> str:
    for then, now in OF_OLD.items():
        part = part.replace(then, now)
    return part


def _read(path: pathlib.Path, net: nn.Module, name: str) -> dict[str, Tensor]:
    """The weights in a file as float32: names, shapes, types and finiteness must be right, the header first."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            slices = {part: file.get_slice(part) for part in file.keys()}  # noqa: SIM118 (not a mapping)
            theirs = compare(net, {part: (s.get_shape(), s.get_dtype()) for part, s in slices.items()}, name)
            state = {part: file.get_tensor(given).float() for part, given in theirs.items()}
    except (OSError, SafetensorError) as error:
        raise Trouble("The weights of {name} cannot be read: the file is missing or damaged.", name=name) from error
    if not all(bool(tensor.isfinite().all()) for tensor in state.values()):
        raise Trouble("The weights of {name} are not all finite numbers.", name=name)
    return state


def tried(model: Denoiser | Autoencoder) -> None:
    """Let a guest work once, on one picture. Raises Trouble where its parts do not fit together."""
    try:
        if isinstance(model, Denoiser):
            next(model.draw(0, [0], 1))
        else:
            model.decode(model.encode(torch.zeros(1, model.channels, model.size, model.size)))
    except (ValueError, TypeError, RuntimeError, AttributeError, IndexError, ArithmeticError) as error:
        raise Trouble("{name} cannot be built: its parts do not fit together.", name=model.guest.name) from error


def chunks(size: int, count: int) -> Iterator[slice]:
    """Which pictures go through together."""
    chunk = max(1, min(16, CHUNK_PIXELS // size**2))
    return (slice(start, start + chunk) for start in range(0, count, chunk))


def _padded(rows: Tensor, size: int) -> Tensor:
    """A chunk filled up with its first row, so that a picture never depends on how many there are beside it."""
    missing = max(1, min(16, CHUNK_PIXELS // size**2)) - len(rows)
    return torch.cat([rows, rows[:1].expand(missing, *rows.shape[1:])]) if missing else rows


# ---- pipelines


@dataclasses.dataclass(frozen=True)
class Step:
    """Where denoising stands: images [n, c, h, w] on the CPU."""

    number: int  # from 1
    steps: int
    noisy: Tensor  # what the model works on; after the last step, the finished pictures
    clean: Tensor  # what the model expects the finished pictures to be


class Denoiser:
    """An unconditional diffusion model: noise to pictures, step by step (Ho et al. 2020; Song et al. 2020)."""

    def __init__(self, guest: Guest, net: nn.Module) -> None:
        self.guest, self.net = guest, net
        self.device = next(net.parameters()).device

    @torch.inference_mode()
    def draw(self, seed: int, indices: Sequence[int], steps: int, sampler: str = SAMPLERS[0]) -> Iterator[Step]:
        """Draw pictures `indices` of a seed, saying each step. A picture is the same alone or among others.

        Raises Trouble where what comes out is not finite.
        """
        rule, indices = self._rule(sampler, steps), np.asarray(indices, np.int64)
        shape = (self.guest.channels, self.guest.size, self.guest.size)
        start = torch.from_numpy(latents(seed, indices, int(np.prod(shape)))[0]).view(-1, *shape)
        parts = [_padded(start[rows], self.guest.size).to(self.device) for rows in chunks(shape[1], len(start))]
        draws = [self._draws(seed, indices[rows], len(parts[0])) for rows in chunks(shape[1], len(start))]
        for number, time in enumerate(rule.timesteps, start=1):
            clean = []
            for place, noisy in enumerate(parts):
                said = self.net(noisy, time.to(self.device)).sample
                if sampler == "DDIM":
                    done = rule.step(said[:, : shape[0]], time, noisy)
                else:
                    done = rule.step(said, time, noisy, generator=draws[place])
                parts[place] = done.prev_sample
                clean.append(done.pred_original_sample)
            noisy, clean = (self._unpadded(each, len(indices)) for each in (parts, clean))
            if not bool(noisy.isfinite().all()):
                template = "{name} drew nothing that is a picture. Try other steps, or the other sampler."
                raise Trouble(template, name=self.guest.name)
            yield Step(number, len(rule.timesteps), noisy, clean if number < len(rule.timesteps) else noisy)

    def _unpadded(self, parts: list[Tensor], count: int) -> Tensor:
        return torch.cat(parts)[:count].float().cpu()  # only the last chunk has rows too many

    def _rule(self, sampler: str, steps: int) -> Any:
        """diffusers' own scheduler, with the noise that the model learned from. Raises Trouble."""
        from diffusers import DDIMScheduler, DDPMScheduler

        if sampler not in SAMPLERS:
            raise Trouble("Pictures can be sampled by {names}.", names=" or ".join(SAMPLERS))
        if not 1 <= steps <= self.guest.most_steps:
            raise Trouble("Steps go from {low} to {high}.", low=1, high=self.guest.most_steps)
        plan = dict(self.guest.schedule or {})
        one = plan.pop("set_alpha_to_one")
        rule = DDPMScheduler(**plan)
        if sampler == "DDIM":
            known = {"trained_betas": rule.betas.tolist(), "rescale_betas_zero_snr": False, "set_alpha_to_one": one}
            others = {key: value for key, value in plan.items() if key not in ("variance_type", "beta_schedule")}
            rule = DDIMScheduler(**{**others, **known})
        rule.set_timesteps(steps)
        return rule

    def _draws(self, seed: int, indices: np.ndarray, count: int) -> list[torch.Generator]:
        """For each picture a generator of its own."""
        places = np.concatenate([indices, np.repeat(indices[:1], count - len(indices))])
        counter = np.zeros((count, 4), np.uint32)
        counter[:, 1], counter[:, 2] = places.astype(np.uint32), STREAM
        words = philox(counter, (seed & 0xFFFFFFFF, (seed >> 32) & 0xFFFFFFFF)).astype(np.uint64)
        return [torch.Generator().manual_seed(int(high) << 31 ^ int(low)) for high, low in words[:, :2]]


# ---- autoencoders


class Autoencoder:
    """A model that squeezes a picture into a smaller one of latents, and back."""

    def __init__(self, guest: Guest, net: nn.Module) -> None:
        self.guest, self.net = guest, net
        self.name, self.size, self.channels = guest.name, guest.size, guest.channels
        self.device = next(net.parameters()).device

    @torch.inference_mode()
    def encode(self, images: Tensor) -> Tensor:
        """[n, c, h, w] in [-1, 1] -> latents [n, d, h', w'] on the CPU (of a KL autoencoder the most likely ones)."""
        found = []
        for rows in chunks(self.guest.size, len(images)):
            said = self.net.encode(_padded(images[rows], self.guest.size).to(self.device))
            code = said.latent_dist.mode() if hasattr(said, "latent_dist") else said.latents
            found.append(code[: len(images[rows])].float().cpu())
        return torch.cat(found)

    @torch.inference_mode()
    def decode(self, codes: Tensor) -> Tensor:
        """[n, d, h', w'] -> images [n, c, h, w] in [-1, 1] on the CPU. Raises Trouble where they are none."""
        made = []
        for rows in chunks(self.guest.size, len(codes)):
            images = self.net.decode(_padded(codes[rows], self.guest.size).to(self.device)).sample
            made.append(images[: len(codes[rows])].float().cpu())
        images, side = torch.cat(made), self.guest.size
        if images.shape[1:] != (self.guest.channels, side, side) or not bool(images.isfinite().all()):
            raise Trouble("{name} does not give back pictures of the size that it takes.", name=self.guest.name)
        return images.clamp(-1, 1)

    def ways(self, code: Tensor, seed: int) -> Tensor:
        """Two directions of a seed to walk away from a code [d, h', w'], as long as it is itself: [2, d, h', w'].

        They are smooth across the picture, as neighbours in it want to change together.
        """
        depth, height, width = code.shape
        small = max(1, height // 4), max(1, width // 4)
        noise = latents(seed, range(2), depth * small[0] * small[1])[0]
        coarse = torch.from_numpy(noise).view(2, depth, *small)
        smooth = functional.interpolate(coarse, (height, width), mode="bilinear", align_corners=False)
        spread = code.flatten(1).std(1, correction=0)[:, None, None]
        return smooth / smooth.std(correction=0).clamp(min=1e-6) * spread
