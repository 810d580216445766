"""Evaluation as plain data: what was measured of a model, and the protocol it was measured under."""

from __future__ import annotations

import json
import pathlib
from typing import Literal

import pydantic

from ..events import Trouble

FORMAT = 1
FILE = "evaluation.json"


class Facts(pydantic.BaseModel):
    """Frozen plain data that a newer version may have added to."""

    model_config = pydantic.ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


NAMES = {  # every number there is -> what it counts, for the engineer
    "frechet": "distance between the two clouds of features, as Gaussians",
    "kernel": "distance between the two clouds of features, by a cubic kernel; around 0 where there is none",
    "precision": "share of made pictures that lie among the real ones",
    "recall": "share of real pictures that lie among the made ones",
    "f1": "harmonic mean of precision and recall",
    "density": "how deep among the real ones the made pictures lie; 1 is as deep as real ones",
    "coverage": "share of real pictures that have a made one nearby",
    "right": "share of made pictures that are of the class that was asked for",
    "copies": "share of made pictures nearer to a training picture than nearly all unseen real ones are, either way",
    "copies_features": "the same, as the judge sees it",
    "copies_pixels": "the same, pixel by pixel",
    "critic": "how often the critic ranks a real picture above a made one; 0.5 is fooled",
    "critic_real": "share of unseen real pictures that the critic takes for real",
    "critic_made": "share of made pictures that the critic sees through",
    "mse": "mean squared error of rebuilt pictures, pixels from 0 to 1",
    "psnr": "peak signal-to-noise ratio of rebuilt pictures, dB",
    "ssim": "structural similarity of rebuilt pictures, 1 is the same",
    "elbo": "evidence lower bound, nats a picture",
    "importance": "importance-weighted bound, nats a picture",
    "bits": "bits a pixel value, from the importance-weighted bound; of grey pictures binarised",
    "elbo_binary": "evidence lower bound of pictures binarised at 0.5, nats a picture",
    "importance_binary": "importance-weighted bound of pictures binarised at 0.5, nats a picture",
}


class Protocol(Facts):
    """How a number was taken. Numbers under different protocols are never put side by side."""

    version: int = 1
    features: str  # the judge's name
    made: int  # pictures made
    real: int  # real pictures they were compared with
    against: Literal["held-out", "training"] = "held-out"  # "training" only for sets too small to hold any out
    set: str = ""  # the set's title, for people
    fingerprint: str = ""  # of the set: the same pictures, the same ones held out
    seed: int = 0
    neighbours: int = 5  # k of precision, recall, density and coverage
    diversity: float = 1.0

    def differs(self, other: Protocol) -> str:
        """The name of the first field in which two protocols differ ("" where their numbers may be compared)."""
        fields = ("version", "features", "fingerprint", "against", "real", "made", "neighbours", "diversity", "seed")
        return next((name for name in fields if getattr(self, name) != getattr(other, name)), "")


class Number(Facts):
    """One number with its error band (95 %), and what real pictures get under the same protocol."""

    name: str  # one of NAMES
    value: float
    low: float
    high: float
    better: Literal["higher", "lower"]
    reference: float | None = None  # training pictures against the same held-out ones
    band: str = ""  # where low and high come from: "bootstrap of 200", "5 draws"
    pictures: int = 0
    by: str = ""  # what else measured it: the classifier, the likelihood, how many samples. Compared only if the same


class ClassScore(Facts):
    """How one class is hit: of the pictures asked for, and of those recognised as it."""

    name: str
    asked: int
    precision: float
    recall: float
    f1: float


class Nearest(Facts):
    """A made picture and the training picture most like it."""

    index: int  # of the seed
    label: int | None = None
    row: int  # of the set: the training picture
    distance: float  # of features, or of pixels where these give it away
    typical: float  # median distance of a held-out picture to its nearest training picture
    mirrored: bool = False  # it is most like the mirror image of that picture
    suspicious: bool = False  # nearer than nearly all held-out pictures are to theirs
    chosen: Literal["closest", "random"] = "closest"  # why it is in the list


class Evaluation(Facts):
    """Everything that was measured of one model on one set."""

    format: int = FORMAT
    model: str
    identity: str = ""
    family: str = ""
    protocol: Protocol
    numbers: tuple[Number, ...] = ()
    classes: tuple[ClassScore, ...] = ()
    copying: Literal["", "clear", "copied"] = ""  # "" where it could not be tested
    nearest: tuple[Nearest, ...] = ()  # the most suspicious first, then some at random
    rebuilt: tuple[int, ...] = ()  # rows of the set: the held-out pictures that were rebuilt, for families that can
    seconds: float = 0.0
    hardware: str = ""
    made_with: str = ""  # versions

    def number(self, name: str) -> Number | None:
        """The number of this name, if it was taken."""
        return next((number for number in self.numbers if number.name == name), None)

    def elsewhere(self) -> Evaluation:
        """The same where the model learned from other pictures than these: nothing can then be said of copying."""
        numbers = tuple(number for number in self.numbers if not number.name.startswith("copies"))
        return self.model_copy(update={"numbers": numbers, "copying": "", "nearest": ()})

    def save(self, folder: pathlib.Path) -> None:
        """Write evaluation.json into a folder."""
        (folder / FILE).write_text(self.text(), encoding="utf-8")

    def text(self) -> str:
        """It as JSON, for a file."""
        return json.dumps(self.model_dump(), ensure_ascii=False, indent=1) + "\n"

    @classmethod
    def open(cls, folder: pathlib.Path) -> Evaluation:
        """Read a folder's evaluation.json. Raises Trouble."""
        try:
            return cls.model_validate_json((folder / FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise Trouble("There is no evaluation of {name} that can be read.", name=folder.name) from error


SENTENCES = {  # why two evaluations may not be put side by side, by the first field that differs
    "version": "They were measured by different versions of the studio. Evaluate both again.",
    "features": "They were seen by different judges ({one} and {other}): such distances cannot be compared.",
    "fingerprint": "They were compared with different real pictures ({one} and {other}).",
    "against": "One was compared with held-out pictures and the other with the pictures it learned from.",
    "real": "They were compared with different numbers of real pictures ({one} and {other}).",
    "made": "They were measured on different numbers of made pictures ({one} and {other}). Evaluate both alike.",
    "neighbours": "They were measured with different numbers of neighbours ({one} and {other}).",
    "diversity": "They were measured at different diversity ({one} and {other}). Evaluate both alike.",
    "seed": "They were measured on different seeds ({one} and {other}). Evaluate both alike.",
}


def side_by_side(one: Evaluation, other: Evaluation) -> tuple[tuple[Number, Number], ...]:
    """The numbers that both have and that may stand beside each other. Raises Trouble where protocols differ.

    A number that something else measured too (another classifier, another likelihood) is left out.
    """
    if field := one.protocol.differs(other.protocol):
        shown = "set" if field == "fingerprint" else field
        raise Trouble(SENTENCES[field], one=getattr(one.protocol, shown), other=getattr(other.protocol, shown))
    pairs = ((number, other.number(number.name)) for number in one.numbers)
    return tuple((mine, theirs) for mine, theirs in pairs if theirs is not None and mine.by == theirs.by)
