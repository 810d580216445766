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

    name: str  # frechet, kernel, precision, recall, f1, density, coverage, right, copies, mse, psnr, ssim, elbo ...
    value: float
    low: float
    high: float
    better: Literal["higher", "lower"]
    reference: float | None = None  # training pictures against the same held-out ones
    band: str = ""  # where low and high come from: "bootstrap of 200", "5 draws"
    pictures: int = 0


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
    row: int  # of the set's training pictures
    distance: float  # of features
    typical: float  # median distance of a held-out picture to its nearest training picture


class Evaluation(Facts):
    """Everything that was measured of one model on one set."""

    format: int = FORMAT
    model: str
    identity: str = ""
    family: str = ""
    protocol: Protocol
    numbers: tuple[Number, ...] = ()
    classes: tuple[ClassScore, ...] = ()
    nearest: tuple[Nearest, ...] = ()  # the most suspicious first
    rebuilt: tuple[int, ...] = ()  # rows of the held-out pictures that were rebuilt, for families that can
    seconds: float = 0.0
    hardware: str = ""
    made_with: str = ""  # versions

    def number(self, name: str) -> Number | None:
        """The number of this name, if it was taken."""
        return next((number for number in self.numbers if number.name == name), None)

    def save(self, folder: pathlib.Path) -> None:
        """Write evaluation.json into a folder."""
        text = json.dumps(self.model_dump(), ensure_ascii=False, indent=1)
        (folder / FILE).write_text(text + "\n", encoding="utf-8")

    @classmethod
    def open(cls, folder: pathlib.Path) -> Evaluation:
        """Read a folder's evaluation.json. Raises Trouble."""
        try:
            return cls.model_validate_json((folder / FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise Trouble("There is no evaluation of {name} that can be read.", name=folder.name) from error
