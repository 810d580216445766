"""GAN: a generator draws, a critic compares with real pictures. Sharp results; now and then it forgets some variety."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

from ..images import PictureFormat
from ..settings import Settings, setting
from .base import GenerativeModel, Moment, Turn
from .layers import Canvas, Flat, class_weights, restate

PENALTY_GREY, PENALTY_COLOUR = 0.2, 4.0
Loss = Literal["non-saturating", "minimax", "hinge", "wasserstein", "relativistic"]


class GanOptions(Settings):
    """What can be chosen about a GAN."""

    width: int = setting(16, "Generator width", "Channels at the generator's last step.", low=4, high=256)
    critic_width: int = setting(24, "Critic width", "Channels after the critic's first step.", low=4, high=256)
    noise: int = setting(64, "Noise size", "How many random numbers a picture starts from.", low=2, high=512)
    batch: int = setting(32, "Batch", "Pictures looked at before each step.", low=2, high=1024)
    rate: float = setting(2e-3, "Learning rate", "How big the generator's steps are.", low=1e-6, high=0.1)
    balance: float = setting(
        1.0,
        "Balance between the players",
        "The critic's learning rate as a multiple of the generator's (two time-scales, Heusel 2017). A weight on one "
        "player's whole loss would do nothing: Adam divides it out again.",
        low=0.05,
        high=20,
    )
    critic_turns: int = setting(
        1, "Critic turns", "How often the critic learns for each turn of the generator.", low=1, high=10
    )
    loss: Loss = setting(
        "non-saturating",
        "Loss",
        "What the two players argue about.",
        names={
            "non-saturating": "Non-saturating (Goodfellow 2014)",
            "minimax": "Minimax, the original game",
            "hinge": "Hinge (Lim & Ye 2017)",
            "wasserstein": "Wasserstein with gradient penalty (Gulrajani 2017)",
            "relativistic": "Relativistic (Jolicoeur-Martineau 2018)",
        },
    )
    penalty: float = setting(
        -1.0,
        "Gradient penalty",
        "Keeps the critic smooth on real and made pictures, and with it the variety; 0 is none, -1 chooses.",
        low=-1,
        high=100,
    )
    penalty_every: int = setting(
        4, "Penalty every", "Steps between penalties; each one weighs that much more.", low=1, high=64
    )
    slope: float = setting(10.0, "Wasserstein lambda", "Weight of the Wasserstein loss's own penalty.", low=0, high=100)
    critic_norm: Literal["none", "spectral"] = setting(
        "none",
        "Critic normalisation",
        "Spectral normalisation bounds the critic's slope (Miyato 2018).",
        names={"none": "None", "spectral": "Spectral"},
    )
    beta1: float = setting(0.0, "Adam's beta1", "Momentum of the steps.", low=0, high=0.99)
    beta2: float = setting(0.99, "Adam's beta2", "Memory of the step sizes.", low=0.5, high=0.9999)
    ema: float = setting(0.995, "Averaging", "Share of the averaged weights kept at each step.", low=0, high=0.99999)
    shape: Literal["convolutional", "classic"] = setting(
        "convolutional",
        "Shape",
        "Classic is the textbook pair: a dense generator against a convolutional critic.",
        names={"convolutional": "Convolutional", "classic": "Classic"},
    )


def _leaky(features: Tensor) -> Tensor:
    return functional.leaky_relu(features, 0.2)


class Generator(nn.Module):
    """Noise and class to a picture in [-1, 1]."""

    def __init__(self, options: GanOptions, picture: PictureFormat) -> None:
        super().__init__()
        self.canvas = Canvas(options.noise, options.width, picture.size, picture.channels, len(picture.classes), _leaky)

    def forward(self, noise: Tensor, labels: Tensor | None) -> Tensor:
        """[n, noise], [n] -> [n, c, h, w]."""
        return torch.tanh(self.canvas(noise, labels))


class Critic(nn.Module):
    """A picture to one number: how real it looks, for its class (projection, Miyato & Koyama 2018, eq. 3)."""

    def __init__(self, options: GanOptions, picture: PictureFormat) -> None:
        super().__init__()
        normal = spectral_norm if options.critic_norm == "spectral" else nn.Identity()
        layers, channels, size, width = [], picture.channels, picture.size, options.critic_width
        while size > 4:
            layers += [normal(nn.Conv2d(channels, width, 4, stride=2, padding=1)), nn.LeakyReLU(0.2)]
            channels, size, width = width, size // 2, min(2 * width, 8 * options.critic_width)
        self.look = nn.Sequential(*layers, Flat(), normal(nn.Linear(channels * size**2, 128)), nn.LeakyReLU(0.2))
        self.verdict = normal(nn.Linear(128, 1))
        self.classes = class_weights(len(picture.classes), 128)
        if self.classes is not None:
            self.classes = normal(self.classes)

    def forward(self, images: Tensor, labels: Tensor | None) -> Tensor:
        """[n, c, h, w], [n] -> logits [n]."""
        features = self.look(images)
        logits = self.verdict(features).squeeze(1)
        return logits if self.classes is None else logits + (self.classes(labels) * features).sum(1)


class ClassicGenerator(nn.Module):
    """The textbook's dense generator: 100 -> 128 -> 256 -> every pixel."""

    def __init__(self, options: GanOptions, picture: PictureFormat) -> None:
        super().__init__()
        self.picture = picture
        self.enter = nn.Linear(options.noise, 128)
        self.classes = class_weights(len(picture.classes), 128)
        self.rest = nn.Sequential(
            nn.LeakyReLU(0.2),
            nn.Linear(128, 256),
            nn.LeakyReLU(0.2),
            nn.Linear(256, picture.channels * picture.size**2),
            nn.Tanh(),
        )

    def forward(self, noise: Tensor, labels: Tensor | None) -> Tensor:
        """[n, noise], [n] -> [n, c, h, w]."""
        entered = self.enter(noise)
        if self.classes is not None:
            entered = entered + self.classes(labels)
        return self.rest(entered).view(-1, self.picture.channels, self.picture.size, self.picture.size)


class ClassicCritic(nn.Module):
    """The textbook's convolutional critic: two strided convolutions (32, 64) and one linear layer."""

    def __init__(self, options: GanOptions, picture: PictureFormat) -> None:
        super().__init__()
        features = 64 * (picture.size // 4) ** 2
        self.look = nn.Sequential(
            nn.Conv2d(picture.channels, 32, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(32, 64, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Flatten(),
        )
        self.verdict = nn.Linear(features, 1)
        self.classes = class_weights(len(picture.classes), features)

    forward = Critic.forward


class Gan(GenerativeModel):
    """Generator and critic take turns (Goodfellow et al. 2014)."""

    family: ClassVar[str] = "gan"
    Options = GanOptions
    averaged = ("generator",)
    can_criticise = True

    def __init__(self, options: GanOptions, picture: PictureFormat) -> None:
        super().__init__(options, picture)
        self.latent_size = options.noise
        classic = options.shape == "classic"
        self.generator = (ClassicGenerator if classic else Generator)(options, picture)
        self.critic = (ClassicCritic if classic else Critic)(options, picture)

    @classmethod
    def suited(cls, options: GanOptions, picture: PictureFormat, count: int) -> GanOptions:
        """A penalty that suits grey or colour: measured on digits at 28 px and avatars at 32 px."""
        chosen = PENALTY_GREY if picture.channels == 1 else PENALTY_COLOUR
        return options.changed(penalty=chosen) if options.penalty < 0 else options

    def players(self) -> dict[str, nn.Module]:
        """Critic first: it learns from pictures that the generator then improves on."""
        return {"critic": self.critic, "generator": self.generator}

    def rates(self, player: str) -> dict:
        """The balance is a ratio of learning rates."""
        rate = self.options.rate * (self.options.balance if player == "critic" else 1.0)
        return {"lr": rate, "betas": (self.options.beta1, self.options.beta2)}

    def decode(self, latents: Tensor, labels: Tensor | None) -> Tensor:
        """[n, noise], [n] -> [n, c, h, w]."""
        return self.generator(latents, labels)

    @torch.no_grad()
    def realness(self, images: Tensor, labels: Tensor | None) -> tuple[Tensor, float | None]:
        """The critic's logits [n]; Wasserstein and relativistic critics only compare."""
        return self.critic(images, labels), None if self.options.loss in ("wasserstein", "relativistic") else 0.0

    def settle(self, images: Tensor, labels: Tensor | None, quick: bool) -> None:
        """Re-estimate the generator's batch statistics on pictures it makes."""
        draws = torch.Generator().manual_seed(0)

        def make() -> Tensor:
            noise = torch.randn(128, self.latent_size, generator=draws).to(images.device)
            rows = torch.randint(len(images), (128,), generator=draws).to(images.device)
            return self.generator(noise, None if labels is None else labels[rows])

        restate(self.generator, (make for _ in range(8 if quick else 64)))

    def turns(self, images: Tensor, labels: Tensor | None, moment: Moment) -> Iterator[Turn]:
        """The critic's turns, then the generator's, on the pictures that the critic saw last."""
        real = moment.augment(images)
        for turn in range(self.options.critic_turns):
            noise = torch.randn(len(images), self.latent_size, generator=moment.generator, device=images.device)
            made = self.generator(noise, labels)
            seen = moment.augment(made)
            yield "critic", *self._critic_turn(real, seen, labels, moment, turn)
        on_made = self.critic(seen, labels)
        on_real = self.critic(real, labels).detach() if self.options.loss == "relativistic" else None
        loss = generator_loss(self.options.loss, on_made, on_real)
        yield "generator", loss, {"generator": loss.detach()}

    def _critic_turn(
        self, real: Tensor, seen: Tensor, labels: Tensor | None, moment: Moment, turn: int
    ) -> tuple[Tensor, dict[str, Tensor]]:
        seen, options, parts = seen.detach(), self.options, {}
        both = torch.cat([real, seen])
        penalised = options.penalty > 0 and turn == 0 and moment.step % options.penalty_every == 0
        both.requires_grad_(penalised)
        logits = self.critic(both, None if labels is None else torch.cat([labels, labels]))
        on_real, on_made = logits.chunk(2)
        loss = critic_loss(options.loss, on_real, on_made)
        parts = {"critic": loss.detach(), "critic sure": torch.sigmoid(on_real - on_made).mean().detach()}
        if penalised:
            penalty = zero_centred_penalty(logits, both)
            loss = loss + options.penalty * options.penalty_every * penalty
        if options.loss == "wasserstein":
            loss = loss + options.slope * slope_penalty(self.critic, real, seen, labels, moment.generator)
        return loss, parts


def critic_loss(kind: Loss, on_real: Tensor, on_made: Tensor) -> Tensor:
    """What the critic minimises, from its logits on real and on made pictures [n], [n] -> 0-d.

    Non-saturating and minimax: Goodfellow 2014, eq. 1, with D = sigmoid(logit). Hinge: Lim & Ye 2017, eq. 7.
    Wasserstein: Arjovsky 2017, eq. 2. Relativistic: Jolicoeur-Martineau 2018, eq. 5 (paired).
    """
    if kind == "hinge":
        return functional.relu(1 - on_real).mean() + functional.relu(1 + on_made).mean()
    if kind == "wasserstein":
        return on_made.mean() - on_real.mean()
    if kind == "relativistic":
        return functional.softplus(on_made - on_real).mean()
    return functional.softplus(-on_real).mean() + functional.softplus(on_made).mean()


def generator_loss(kind: Loss, on_made: Tensor, on_real: Tensor | None = None) -> Tensor:
    """What the generator minimises [n] -> 0-d; the relativistic one needs the logits on real pictures as well.

    Non-saturating: Goodfellow 2014, section 3 (maximise log D(G(z))). Minimax: eq. 1. The others as in `critic_loss`.
    """
    if kind in ("hinge", "wasserstein"):
        return -on_made.mean()
    if kind == "relativistic":
        return functional.softplus(on_real - on_made).mean()
    return -functional.softplus(on_made).mean() if kind == "minimax" else functional.softplus(-on_made).mean()


def zero_centred_penalty(logits: Tensor, images: Tensor) -> Tensor:
    """Half the mean squared slope of the critic at its inputs, real and made: R1 + R2 (Mescheder 2018, eq. 9 and 10).

    `images` [2 n, c, h, w] require grad and made the `logits` [2 n]; the result is the sum of both means, halved.
    """
    (slopes,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return slopes.float().square().sum() / len(images)


def slope_penalty(
    critic: Critic, real: Tensor, made: Tensor, labels: Tensor | None, generator: torch.Generator
) -> Tensor:
    """Mean squared distance of the critic's slope from 1 between real and made (Gulrajani et al. 2017, eq. 3)."""
    share = torch.rand(len(real), 1, 1, 1, generator=generator, device=real.device)
    between = (share * real + (1 - share) * made).detach().requires_grad_()
    (slopes,) = torch.autograd.grad(critic(between, labels).sum(), between, create_graph=True)
    return (slopes.float().flatten(1).norm(dim=1) - 1).square().mean()


SIZES = {
    "tiny": GanOptions(width=8, critic_width=12, noise=32),
    "small": GanOptions(),
    "large": GanOptions(width=48, critic_width=48, noise=128, batch=64),
    "classic": GanOptions(shape="classic", noise=100, batch=64, rate=1e-4, beta1=0.5, beta2=0.999, penalty=0, ema=0),
}
