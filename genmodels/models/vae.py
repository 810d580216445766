"""VAE: squeezes a picture into a few numbers and back. Calm to train and knows every picture; a little softer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ..images import PictureFormat
from ..settings import Settings, setting
from .base import GenerativeModel, Moment, Turn
from .layers import Canvas, Flat, class_weights, fit_contrast, restate
from .likelihood import Likelihood, bound, kl_divergence, reconstruction_loss

EACH = 50  # pictures behind each component of the mixture
POINTS = 20_000  # of fewer pictures each counts three times in a mixture: three draws from its posterior


class VaeOptions(Settings):
    """What can be chosen about a VAE."""

    width: int = setting(16, "Decoder width", "Channels at the decoder's last step.", low=4, high=256)
    encoder_width: int = setting(16, "Encoder width", "Channels after the encoder's first step.", low=4, high=256)
    latent: int = setting(32, "Latent size", "Into how many numbers a picture is squeezed.", low=1, high=256)
    batch: int = setting(64, "Batch", "Pictures looked at before each step.", low=2, high=1024)
    rate: float = setting(2e-3, "Learning rate", "How big the steps are.", low=1e-6, high=0.1)
    reconstruction: Literal["auto", "bernoulli", "binary", "gaussian", "squared"] = setting(
        "auto",
        "Rebuilding is judged by",
        "How the difference between a picture and its rebuild is counted.",
        names={
            "auto": "By itself: Bernoulli for grey, Gaussian for colour",
            "bernoulli": "Bernoulli: each pixel is a chance of ink",
            "binary": "Bernoulli, on pictures cut at half to black and white",
            "gaussian": "Gaussian with a learned scale",
            "squared": "Half the squared error, times lambda",
        },
    )
    squared_weight: float = setting(
        10.0, "Lambda", "Weight of the squared error, where that is chosen.", low=0.001, high=10_000
    )
    beta: float = setting(
        0.1,
        "Beta",
        "Weight of the KL divergence. 1 is the true bound; lower is a worse bound and better pictures, as the mixture "
        "learns where the latents live.",
        low=0,
        high=100,
    )
    free_bits: float = setting(
        0.0, "Free bits", "Nats a latent may use before the KL counts (Kingma 2016).", low=0, high=10
    )
    warmup: int = setting(
        0, "KL warm-up", "Pictures over which beta rises from 0 (Bowman 2016).", low=0, high=100_000_000
    )
    components: int = setting(
        -1,
        "Mixture",
        "Components a class of the mixture behind the samples; 0 is N(0, I), -1 chooses.",
        low=-1,
        high=100,
    )
    contrast: float = setting(
        0.0,
        "Contrast",
        "How much crisper it draws than the averages it learned: 1 leaves them as they are, 0 fits it so that what is "
        "rebuilt has as much grey between black and white as the real pictures.",
        low=0,
        high=10,
    )
    beta1: float = setting(0.9, "Adam's beta1", "Momentum of the steps.", low=0, high=0.99)
    beta2: float = setting(0.99, "Adam's beta2", "Memory of the step sizes.", low=0.5, high=0.9999)
    ema: float = setting(0.995, "Averaging", "Share of the averaged weights kept at each step.", low=0, high=0.99999)
    shape: Literal["convolutional", "classic"] = setting(
        "convolutional",
        "Shape",
        "Classic is the textbook network: one hidden dense layer of 400 on either side.",
        names={"convolutional": "Convolutional", "classic": "Classic"},
    )


class Encoder(nn.Module):
    """A picture (and its class) to the mean and log-variance of its posterior."""

    def __init__(self, options: VaeOptions, picture: PictureFormat) -> None:
        super().__init__()
        width, size = options.encoder_width, picture.size // 2
        layers = [nn.Conv2d(4 * picture.channels, width, 3, padding=1), nn.BatchNorm2d(width), nn.SiLU()]
        while size > 8:
            layers += [nn.Conv2d(width, 2 * width, 4, stride=2, padding=1), nn.BatchNorm2d(2 * width), nn.SiLU()]
            width, size = 2 * width, size // 2
        layers += [nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width), nn.SiLU(), Flat()]
        self.look = nn.Sequential(*layers)
        self.narrow = nn.Linear(width * size**2, 256)
        self.classes = class_weights(len(picture.classes), 256)
        self.posterior = nn.Linear(256, 2 * options.latent)

    def forward(self, images: Tensor, labels: Tensor | None) -> tuple[Tensor, Tensor]:
        """[n, c, h, w], [n] -> mean [n, latent], log-variance [n, latent]."""
        narrow = self.narrow(self.look(functional.pixel_unshuffle(images, 2)))
        if self.classes is not None:
            narrow = narrow + self.classes(labels)
        mean, log_variance = self.posterior(functional.silu(narrow)).chunk(2, dim=1)
        return mean, log_variance.clamp(-12, 6)


class ClassicEncoder(nn.Module):
    """Every pixel -> 400 -> mean and log-variance (the widely known example)."""

    def __init__(self, options: VaeOptions, picture: PictureFormat) -> None:
        super().__init__()
        self.look = nn.Linear(picture.channels * picture.size**2, 400)
        self.classes = class_weights(len(picture.classes), 400)
        self.posterior = nn.Linear(400, 2 * options.latent)

    def forward(self, images: Tensor, labels: Tensor | None) -> tuple[Tensor, Tensor]:
        """[n, c, h, w], [n] -> mean [n, latent], log-variance [n, latent]."""
        hidden = self.look(images.flatten(1))
        if self.classes is not None:
            hidden = hidden + self.classes(labels)
        mean, log_variance = self.posterior(functional.relu(hidden)).chunk(2, dim=1)
        return mean, log_variance.clamp(-12, 6)


class Decoder(nn.Module):
    """Latents and class to a picture before squashing."""

    def __init__(self, options: VaeOptions, picture: PictureFormat) -> None:
        super().__init__()
        classes = len(picture.classes)
        self.canvas = Canvas(options.latent, options.width, picture.size, picture.channels, classes, functional.silu)

    def forward(self, latents: Tensor, labels: Tensor | None) -> Tensor:
        """[n, latent], [n] -> logits [n, c, h, w]."""
        return self.canvas(latents, labels)


class ClassicDecoder(nn.Module):
    """Latents -> 400 -> every pixel."""

    def __init__(self, options: VaeOptions, picture: PictureFormat) -> None:
        super().__init__()
        self.picture = picture
        self.enter = nn.Linear(options.latent, 400)
        self.classes = class_weights(len(picture.classes), 400)
        self.finish = nn.Linear(400, picture.channels * picture.size**2)

    def forward(self, latents: Tensor, labels: Tensor | None) -> Tensor:
        """[n, latent], [n] -> logits [n, c, h, w]."""
        entered = self.enter(latents)
        if self.classes is not None:
            entered = entered + self.classes(labels)
        drawn = self.finish(functional.relu(entered))
        return drawn.view(-1, self.picture.channels, self.picture.size, self.picture.size)


class Vae(GenerativeModel):
    """Encoder, a sampled latent, decoder; trained on the evidence lower bound (Kingma & Welling 2014)."""

    family: ClassVar[str] = "vae"
    Options = VaeOptions
    averaged = ("encoder", "decoder")
    can_encode = True

    def __init__(self, options: VaeOptions, picture: PictureFormat) -> None:
        super().__init__(options, picture)
        self.latent_size = size = options.latent
        classic = options.shape == "classic"
        self.encoder = (ClassicEncoder if classic else Encoder)(options, picture)
        self.decoder = (ClassicDecoder if classic else Decoder)(options, picture)
        groups, components = max(1, len(picture.classes)), max(1, options.components)
        self.register_buffer("weights", torch.full((groups, components), 1 / components))  # of the mixture
        self.register_buffer("means", torch.zeros(groups, components, size))
        self.register_buffer("factors", torch.eye(size).repeat(groups, components, 1, 1))  # Cholesky
        self.register_buffer("fitted", torch.zeros(()))
        self.register_buffer("contrast", torch.tensor(options.contrast or 1.0))

    @classmethod
    def suited(cls, options: VaeOptions, picture: PictureFormat, count: int) -> VaeOptions:
        """Bernoulli for grey and Gaussian for colour (where beta 1 is right); components by what a class has to say."""
        changes: dict = {}
        if options.reconstruction == "auto":
            grey = picture.channels == 1
            changes = {"reconstruction": "bernoulli"} if grey else {"reconstruction": "gaussian", "beta": 1.0}
        if options.components < 0:
            each = count // max(1, len(picture.classes))
            changes["components"] = min(max(each // EACH, 1), 40)
        return options.changed(**changes)

    def players(self) -> dict[str, nn.Module]:
        """Encoder and decoder are one player: they want the same."""
        return {"vae": nn.ModuleList([self.encoder, self.decoder])}

    def rates(self, player: str) -> dict:
        """One rate for both."""
        return {"lr": self.options.rate, "betas": (self.options.beta1, self.options.beta2)}

    def encode(self, images: Tensor, labels: Tensor | None) -> Tensor:
        """[n, c, h, w], [n] -> posterior means [n, latent]."""
        return self.encoder(self._seen(images), labels)[0]

    def _seen(self, images: Tensor) -> Tensor:
        """What it learns from: the images, or black and white (a chance of ink is then a true likelihood)."""
        return torch.where(images > 0, 1.0, -1.0) if self.options.reconstruction == "binary" else images

    def decode(self, latents: Tensor, labels: Tensor | None) -> Tensor:
        """[n, latent], [n] -> [n, c, h, w]."""
        return torch.tanh(self.contrast * self.decoder(latents, labels) / 2)  # = 2 sigmoid(logits) - 1 at contrast 1

    def draw(self, noise: Tensor, choice: Tensor, labels: Tensor | None, diversity: float) -> Tensor:
        """A component by chance, then a point in it; diversity shrinks or widens the component, not the choice."""
        group = torch.zeros_like(choice, dtype=torch.long) if labels is None else labels
        bounds = self.weights[group].cumsum(1)  # [n, components]
        component = (choice[:, None] * bounds[:, -1:] > bounds).sum(1)  # never one that has no weight
        around = self.factors[group, component] @ (diversity * noise)[:, :, None]  # [n, latent, 1]
        return self.means[group, component] + around.squeeze(2)

    def turns(self, images: Tensor, labels: Tensor | None, moment: Moment) -> Iterator[Turn]:
        """One turn: the negative evidence lower bound, in nats a picture (Kingma & Welling 2014, eq. 3)."""
        options, images = self.options, self._seen(images)
        mean, log_variance = self.encoder(images, labels)
        noise = torch.randn(mean.shape, generator=moment.generator, device=mean.device)
        logits = self.decoder(mean + torch.exp(log_variance / 2) * noise, labels)
        rebuilding = reconstruction_loss(options.reconstruction, logits, images, options.squared_weight)
        divergence = kl_divergence(mean, log_variance, options.free_bits)
        beta = options.beta * min(1.0, (moment.step * options.batch + 1) / (options.warmup + 1))
        loss = (rebuilding + beta * divergence) / images[0].numel()
        yield "vae", loss, {"rebuilding": rebuilding.detach(), "squeezing": divergence.detach()}

    @torch.no_grad()
    def likelihood(self, images: Tensor, labels: Tensor | None, draws: torch.Generator) -> Likelihood:
        """The one it was trained on; a learned scale is the mean squared error of these pictures' rebuilds."""
        kind = self.options.reconstruction
        if kind in ("bernoulli", "binary"):
            return Likelihood("bernoulli")
        if kind == "squared":  # weight / 2 times the squared error is a Gaussian of this variance
            return Likelihood("gaussian", 1 / self.options.squared_weight)
        mean, log_variance = self.encoder(images, labels)
        noise = torch.randn(mean.shape, generator=draws).to(mean)
        rebuilt = torch.tanh(self.decoder(mean + torch.exp(log_variance / 2) * noise, labels) / 2)
        return Likelihood("gaussian", max(float((rebuilt - images).square().mean()) / 4, 1e-6))

    @torch.no_grad()
    def log_likelihood_bound(
        self, images: Tensor, labels: Tensor | None, likelihood: Likelihood, samples: int, draws: torch.Generator
    ) -> Tensor:
        """[n, c, h, w], [n] -> nats [n], with beta 1 and N(0, I) as prior whatever it was trained with."""
        images = self._seen(images)

        def log_likelihood(latents: Tensor) -> Tensor:
            rounds = len(latents) // len(images)
            given = None if labels is None else labels.repeat(rounds)
            return likelihood.log(self.decoder(latents, given), images.repeat(rounds, 1, 1, 1))

        return bound(log_likelihood, *self.encoder(images, labels), samples, draws)

    @torch.no_grad()
    def settle(self, images: Tensor, labels: Tensor | None, quick: bool) -> None:
        """Re-estimate the batch statistics; fit the contrast, and the mixture to where the encoder puts pictures."""
        from .mixture import fit_mixtures  # scikit-learn takes a second to import, and drawing does not need it

        order, images = torch.randperm(len(images), generator=torch.Generator().manual_seed(0)), self._seen(images)
        batches = [rows.to(images.device) for rows in (order[:1_000] if quick else order).split(200)]

        def through(rows: Tensor) -> Tensor:
            given = None if labels is None else labels[rows]
            return self.decoder(self.encoder(images[rows], given)[0], given)

        few = batches[: 5 if quick else 25]
        restate(nn.ModuleList([self.encoder, self.decoder]), (lambda rows=rows: through(rows) for rows in few))
        self.eval()
        if not self.options.contrast:
            self.contrast.fill_(fit_contrast(through(torch.cat(batches[:5])), images[torch.cat(batches[:5])]))
        if not self.options.components:
            return
        found = (self.encoder(images[rows], None if labels is None else labels[rows]) for rows in batches)
        mean, log_variance = (torch.cat(parts).float().cpu() for parts in zip(*found, strict=True))
        rounds = 1 if quick or len(mean) > POINTS else 3
        noise = torch.randn((rounds, *mean.shape), generator=torch.Generator().manual_seed(1))
        points = (mean + torch.exp(log_variance / 2) * noise).numpy()
        groups = np.zeros(len(mean), int) if labels is None else labels[torch.cat(batches)].cpu().numpy()
        buffers = (self.weights, self.means, self.factors)  # the mixtures start from the last ones fitted
        fitted = fit_mixtures(points, groups, [b.cpu().numpy() for b in buffers], quick, bool(self.fitted))
        for buffer, value in zip(buffers, fitted, strict=True):
            buffer.copy_(torch.from_numpy(value))
        self.fitted.fill_(1)


SIZES = {
    "tiny": VaeOptions(width=8, encoder_width=8, latent=16),
    "small": VaeOptions(),
    "large": VaeOptions(width=48, encoder_width=32, latent=64),
    "classic": VaeOptions(
        shape="classic", latent=20, rate=1e-3, beta=1.0, components=0, contrast=1, ema=0, batch=128, beta2=0.999
    ),
}
