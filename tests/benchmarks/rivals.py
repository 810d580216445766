"""Rivals: what a user could pick instead, written anew from what is published, each trained for so much processor time.

Everyone is a generator of `Made`: at each moment asked for it says how far it is and how to draw with what it has.
"""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import sysconfig
import tempfile
import time
import venv
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

PYTHAE = ("pythae==0.1.2", "imageio", "cloudpickle")  # the rest of what it asks for is here already
TIGHT = 200  # pictures drawn at a time


@dataclasses.dataclass
class Made:
    """A model at one moment of its training."""

    seconds: float  # of processor time, what is yielded for does not count
    images: int  # looked at so far
    settling: float  # processor seconds outside the budget, before it could draw
    draw: Callable[[int], tuple[Tensor, Tensor | None]]  # count -> images [n, 1, 28, 28] in [-1, 1], labels [n] or None


class Clock:
    """Processor seconds of this process, without those spent aside."""

    def __init__(self) -> None:
        self.start, self.aside = time.process_time(), 0.0

    def now(self) -> float:
        """Seconds that count."""
        return time.process_time() - self.start - self.aside

    def around(self, made: Made) -> Iterator[Made]:
        """Show a moment; whatever is done with it does not count."""
        left = time.process_time()
        yield made
        self.aside += time.process_time() - left


def ours(family: str, size: str, pictures: object, moments: Sequence[float], **options: float) -> Iterator[Made]:
    """A family of this studio with all of its own trainer but previews and save points, given the labels."""
    from genmodels.runs.order import EMPTY, build
    from genmodels.training import Plan, Training

    torch.manual_seed(0)
    order = {**EMPTY, "family": family, "size": size, "options": options}
    model = build(order, pictures.format, len(pictures))
    training = Training(model, pictures, Plan(budget=moments[-1], unit="cpu-seconds", threads=1, score_share=0))
    clock = Clock()
    for moment in moments:
        while training.seconds < moment:
            training.advance()
            training.seconds = clock.now()
        start = time.process_time()
        settled = training.settled(quick=moment < moments[-1])
        settling = time.process_time() - start
        clock.aside += settling

        def draw(count: int, model=settled) -> tuple[Tensor, Tensor | None]:
            labels = np.arange(count) % len(pictures.classes)
            return model.sample(1, range(count), labels), torch.from_numpy(labels)

        yield from clock.around(Made(training.seconds, training.images, settling, draw))


def _batches(pictures: object, size: int) -> Iterator[Tensor]:
    """Pictures in [0, 1], [n, 1, 28, 28], in a new order each round."""
    pixels = torch.from_numpy(pictures.training()[0]).permute(0, 3, 1, 2)
    while True:
        for rows in torch.randperm(len(pixels)).split(size):
            if len(rows) == size:
                yield pixels[rows].float() / 255


def _trained(step: Callable[[Tensor], None], pictures: object, batch: int, moments: Sequence[float], draw) -> Iterator:
    clock, images, batches = Clock(), 0, _batches(pictures, batch)
    for moment in moments:
        while clock.now() < moment:
            step(next(batches))
            images += batch
        yield from clock.around(Made(clock.now(), images, 0.0, draw))


def _drawn(module: nn.Module, latent: Sequence[int], after: Callable[[Tensor], Tensor]) -> Callable:
    @torch.no_grad()
    def draw(count: int) -> tuple[Tensor, None]:
        noise = torch.randn(count, *latent, generator=torch.Generator().manual_seed(1))
        was = module.training
        module.eval()
        made = torch.cat([after(module(rows)) for rows in noise.split(TIGHT)])
        module.train(was)
        return made, None

    return draw


def example_vae(pictures: object, moments: Sequence[float]) -> Iterator[Made]:
    """The VAE of PyTorch's examples: 784-400-20, ReLU, Bernoulli, Adam 1e-3, batch 128 (Kingma & Welling 2014)."""
    torch.manual_seed(0)
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(784, 400), nn.ReLU(), nn.Linear(400, 40))
    decoder = nn.Sequential(nn.Linear(20, 400), nn.ReLU(), nn.Linear(400, 784))
    optimiser = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=1e-3)

    def step(images: Tensor) -> None:
        mean, log_variance = encoder(images).chunk(2, 1)
        logits = decoder(mean + torch.exp(log_variance / 2) * torch.randn_like(mean))
        rebuilding = functional.binary_cross_entropy_with_logits(logits, images.flatten(1), reduction="sum")
        divergence = -0.5 * torch.sum(1 + log_variance - mean.square() - log_variance.exp())
        optimiser.zero_grad()
        (rebuilding + divergence).backward()
        optimiser.step()

    yield from _trained(
        step, pictures, 128, moments, _drawn(decoder, (20,), lambda x: torch.tanh(x / 2).view(-1, 1, 28, 28))
    )


def dcgan(pictures: object, moments: Sequence[float]) -> Iterator[Made]:
    """DCGAN at 64 px with 64 filters (Radford et al. 2016): Adam 2e-4, beta1 0.5, batch 128, weights N(0, 0.02).

    It learns the pictures enlarged to 64 px; what it makes is shrunk to 28 px before anybody judges it.
    """
    torch.manual_seed(0)
    layers: list[nn.Module] = [nn.ConvTranspose2d(100, 512, 4, bias=False), nn.BatchNorm2d(512), nn.ReLU()]
    for wide in (512, 256, 128):
        layers += [nn.ConvTranspose2d(wide, wide // 2, 4, 2, 1, bias=False), nn.BatchNorm2d(wide // 2), nn.ReLU()]
    generator = nn.Sequential(*layers, nn.ConvTranspose2d(64, 1, 4, 2, 1, bias=False), nn.Tanh())
    layers = [nn.Conv2d(1, 64, 4, 2, 1, bias=False), nn.LeakyReLU(0.2)]
    for wide in (64, 128, 256):
        layers += [nn.Conv2d(wide, 2 * wide, 4, 2, 1, bias=False), nn.BatchNorm2d(2 * wide), nn.LeakyReLU(0.2)]
    critic = nn.Sequential(*layers, nn.Conv2d(512, 1, 4, bias=False), nn.Flatten(0))
    for module in (*generator, *critic):
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.02)
        elif hasattr(module, "weight"):
            nn.init.normal_(module.weight, 0.0, 0.02)
    optimisers = [torch.optim.Adam(net.parameters(), lr=2e-4, betas=(0.5, 0.999)) for net in (critic, generator)]

    def step(images: Tensor) -> None:
        real = functional.interpolate(2 * images - 1, (64, 64), mode="bilinear", align_corners=False)
        made = generator(torch.randn(len(real), 100, 1, 1))
        optimisers[0].zero_grad()
        (functional.softplus(-critic(real)).mean() + functional.softplus(critic(made.detach())).mean()).backward()
        optimisers[0].step()
        optimisers[1].zero_grad()
        functional.softplus(-critic(made)).mean().backward()
        optimisers[1].step()

    def small(made: Tensor) -> Tensor:
        return functional.interpolate(made, (28, 28), mode="bilinear", antialias=True, align_corners=False)

    yield from _trained(step, pictures, 128, moments, _drawn(generator, (100, 1, 1), small))


def pythae(pictures: object, moments: Sequence[float]) -> Iterator[Made]:
    """pythae's VAE with its own networks, trainer and Gaussian mixture sampler, in an environment made for it."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        venv.create(folder / "environment", with_pip=True)
        python = folder / "environment" / ("Scripts" if os.name == "nt" else "bin") / "python"
        subprocess.run([python, "-m", "pip", "install", "-q", "--no-deps", *PYTHAE], check=True)
        asked = [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
        found = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()
        beside = pathlib.Path(found) / "beside.pth"  # torch and the like as they are here; its own packages come first
        beside.write_text(sysconfig.get_path("purelib") + "\n")
        np.save(folder / "pixels.npy", pictures.training()[0].transpose(0, 3, 1, 2))
        script = pathlib.Path(__file__).with_name("pythae_alone.py")
        spoken = [json.dumps(moment) for moment in moments]
        alone = {**os.environ, **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")}
        subprocess.run([python, script, folder, *spoken], check=True, stdout=sys.stderr, cwd=folder, env=alone)
        for index, facts in enumerate(json.loads((folder / "facts.json").read_text())):
            made = torch.from_numpy(np.load(folder / f"made-{index}.npy")) * 2 - 1
            yield Made(**facts, draw=lambda count, made=made: (made[:count], None))


ROWS: dict[str, tuple[str, Callable[..., Iterator[Made]]]] = {
    "gan": ("GAN small (ours)", lambda *given: ours("gan", "small", *given)),
    "vae": ("VAE small (ours)", lambda *given: ours("vae", "small", *given)),
    "gan-long": ("GAN small, averaged longer (ours)", lambda *given: ours("gan", "small", *given, ema=0.999)),
    "classic": ("dense GAN (our classic size)", lambda *given: ours("gan", "classic", *given)),
    "example": ("example VAE 784-400-20", example_vae),
    "dcgan": ("DCGAN 64 px, 64 filters", dcgan),
    "pythae": ("pythae VAE, mixture sampler", pythae),
}
OURS = ("gan", "vae", "gan-long")
