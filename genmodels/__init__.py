"""GenModels Studio: train, judge and share small generative models (GANs, VAEs).

    for event in genmodels.train(pictures, family="gan", size="small", budget=60, into="mine"):
        print(event)
    genmodels.load("mine").sample(seed=1, indices=range(16))
    genmodels.load("user/model", revision="v1").sample(seed=1, indices=range(16))  # from the Hugging Face Hub
    genmodels.evaluate("mine", pictures).number("f1")

Importing this package imports no torch; the names below bring it when they are first used.
"""

from __future__ import annotations

import os
import pathlib
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .data.imageset import ImageSet
    from .evaluation.result import Evaluation
    from .events import Event
    from .models import FAMILIES
    from .models.base import GenerativeModel

__version__ = "0.1.0"
__all__ = ["FAMILIES", "evaluate", "home", "load", "train"]


def home() -> pathlib.Path:
    """Where runs, sets, models and the cache live: GENMODELS_HOME, or checkpoints/local beside the package."""
    given = os.environ.get("GENMODELS_HOME")
    return pathlib.Path(given) if given else pathlib.Path(__file__).resolve().parents[1] / "checkpoints" / "local"


def load(model: str | os.PathLike, device: str = "cpu", *, revision: str = "") -> GenerativeModel:
    """The trained model in a checkpoint folder, or in a repository on the Hub ("user/name"), ready to sample from.

    `revision` is a branch, tag or commit of the repository; a commit that was fetched before needs no network. From
    the Hub, as from a folder, only data is read: everything is checked, and nothing is ever run. Raises Trouble.
    """
    from .checkpoint import Checkpoint

    if revision or (_like_a_repository(model) and not pathlib.Path(model).exists()):
        from .hub.client import machine_token
        from .hub.pull import fetched

        model = fetched(str(model), revision, machine_token())
    return Checkpoint.open(pathlib.Path(model)).load(device)


def _like_a_repository(model: str | os.PathLike) -> bool:
    """Whether a text has the form "user/name", with @revision or without, or is an address in a browser."""
    word = r"[A-Za-z0-9][\w.-]*"
    return isinstance(model, str) and re.fullmatch(rf"https?://.+|{word}/{word}(@.+)?", model) is not None


def train(
    images: ImageSet, family: str = "gan", size: str = "small", *, into: str | os.PathLike | None = None, **choices: Any
) -> Iterator[Event]:
    """Train a new model on a set and yield what happens; `choices` are fields of `Plan` and of the family's options.

    The finished model is written to the checkpoint folder `into`, if given. For training that survives whatever
    happens to its process, see `genmodels.runs`.
    """
    from .runs.order import EMPTY, build, plan_of, split
    from .trainer import train as train_model

    options, plan = split(choices)
    order = {**EMPTY, "family": family, "size": size, "options": options, "plan": plan}
    model, last = build(order, images.format, len(images)), None
    for event in train_model(model, images, plan_of(order)):
        last = event if event.kind == "progress" else last
        yield event
    if into is not None and last is not None:
        from . import checkpoint
        from .events import Finished
        from .runs.result import facts

        trained = facts(images, last.images, last.seconds)
        checkpoint.save(pathlib.Path(into), model, name=images.name, size=size, trained=trained)
        said = {"template": "Finished after {images} pictures.", "facts": {"images": last.images}}
        yield Finished(**said, result=str(into), images=last.images, seconds=last.seconds)


def evaluate(folder: str | os.PathLike, images: ImageSet, **choices: Any) -> Evaluation:
    """Measure the model in a checkpoint folder against the held-out pictures of a set; `choices` are fields of
    `Evaluating`. With progress and a way to stop: `genmodels.evaluation.evaluate`.
    """
    from .checkpoint import Checkpoint
    from .evaluation import Evaluating, run
    from .evaluation import evaluate as evaluate_model

    found = Checkpoint.open(folder)
    told = {"name": found.name, "identity": found.identity}
    return run(evaluate_model(found.load(), images, Evaluating(**choices), **told))


def __getattr__(name: str) -> Any:
    if name == "FAMILIES":
        from .models import FAMILIES

        return FAMILIES
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
