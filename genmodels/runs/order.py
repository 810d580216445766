"""Order: what somebody wants trained (family, size, options, plan, set, start_from), checked, and made into a model."""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING, Any

import pydantic

from ..data import starters
from ..data.imageset import ImageSet
from ..events import Trouble
from ..images import PictureFormat
from ..models import FAMILIES
from ..settings import Settings, explain

if TYPE_CHECKING:
    from ..models.base import GenerativeModel
    from ..trainer import Plan

Order = dict[str, Any]
PER_CLASS = ("classes.weight", "classes.parametrizations.weight.original")  # plain, and spectrally normalised
EMPTY: Order = {"family": "gan", "size": "small", "options": {}, "plan": {}, "set": "", "start_from": ""}


def check(order: Order) -> Order:
    """The order with everything filled in; Trouble with a sentence where it cannot be carried out."""
    if unknown := set(order) - set(EMPTY):
        raise Trouble("There is no setting called {name}.", name=sorted(unknown)[0])
    order = {**EMPTY, **order}
    if order["family"] not in FAMILIES:
        raise Trouble(
            "There is no family called {name}; there are {names}.", name=order["family"], names=", ".join(FAMILIES)
        )
    sizes = FAMILIES.sizes(order["family"])
    if order["size"] not in sizes:
        raise Trouble("There is no size called {name}; there are {names}.", name=order["size"], names=", ".join(sizes))
    options_of(order), plan_of(order)
    order["set"] = _address(order["set"], "set.json", starters.NAMES)
    if not order["set"]:
        raise Trouble("Choose pictures to learn from first.")
    order["start_from"] = _address(order["start_from"], "config.json", ())
    return order


def _address(given: str, needed: str, names: tuple[str, ...]) -> str:
    """A name as it is, a folder as its full path; a process that starts elsewhere must find it too."""
    if given in names or not given:
        return given
    folder = pathlib.Path(given).resolve()
    if not (folder / needed).exists():
        raise Trouble("There is nothing to use in {folder}.", folder=str(given))
    return str(folder)


def options_of(order: Order) -> Settings:
    """The family's options: those of the size, with what was changed."""
    preset = FAMILIES.sizes(order["family"])[order["size"]]
    return filled(type(preset), {**preset.model_dump(), **order["options"]})


def plan_of(order: Order) -> Plan:
    """How long and how."""
    from ..trainer import Plan

    return filled(Plan, order["plan"])


def filled(kind: type[Settings], values: dict[str, Any]) -> Any:
    """Settings from plain values; Trouble with a sentence where one is wrong."""
    try:
        return kind(**values)
    except pydantic.ValidationError as error:
        template, facts = explain(error, kind)
        raise Trouble(template, **facts) from error


def split(choices: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Choices by keyword, sorted into those about the model and those about the plan."""
    from ..trainer import Plan

    plan = {name: value for name, value in choices.items() if name in Plan.model_fields}
    return {name: value for name, value in choices.items() if name not in plan}, plan


def pictures_of(order: Order) -> ImageSet:
    """The set to learn from; Trouble where it is gone."""
    try:
        return starters.opened(order["set"])
    except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
        raise Trouble("The pictures of this run are not on the disk any more. Choose a set again.") from error


def build(order: Order, picture: PictureFormat, count: int) -> GenerativeModel:
    """A new model as ordered for `count` pictures, the same for the same seed; it may start from a checkpoint."""
    import torch

    from ..checkpoint import MOST_PARAMETERS

    torch.manual_seed(plan_of(order).seed)
    family = FAMILIES[order["family"]]
    model = family(family.suited(options_of(order), picture, count), picture)
    if sum(weight.numel() for weight in model.state_dict().values()) > MOST_PARAMETERS:  # nobody could open it later
        raise Trouble("{name} is too large for this studio.", name=family.__name__)
    if order["start_from"]:
        take_over(model, pathlib.Path(order["start_from"]))
    return model


def take_over(model: GenerativeModel, folder: pathlib.Path) -> None:
    """Start from what a checkpoint has learned: every weight that fits, also for other pictures and other classes.

    Weights with a row for each class go by the class's name. Trouble where the two have too little in common.
    """
    import torch

    from ..checkpoint import Checkpoint

    source = Checkpoint.open(folder)
    if source.family != model.family:
        raise Trouble(
            "A {family} cannot start from {name}: choose a model of the same family.",
            family=model.family,
            name=source.name,
        )
    known, mine = source.load().state_dict(), model.state_dict()
    rows = [
        (i, source.picture.classes.index(c)) for i, c in enumerate(model.picture.classes) if c in source.picture.classes
    ]
    taken = 0
    with torch.no_grad():
        for name, weight in mine.items():
            theirs = known.get(name)
            if theirs is not None and name.endswith(PER_CLASS):
                for to, of in rows:
                    if theirs.shape[1:] == weight.shape[1:]:
                        weight[to] = theirs[of]
            elif theirs is not None and theirs.shape == weight.shape:
                weight.copy_(theirs)
                taken += weight.numel()
    if taken < sum(weight.numel() for weight in mine.values()) / 2:
        raise Trouble("{name} is too different to start from: choose a model of the same size.", name=source.name)


def repaired(order: Order, repair: str) -> dict[str, Any]:
    """The options that a repair changes, with their new values; Trouble where the family has nothing like it."""
    options = options_of(order)
    if repair == "collapse" and hasattr(options, "penalty"):
        pictures = pictures_of(order)
        suited = FAMILIES[order["family"]].suited
        usual = suited(options.changed(penalty=-1), pictures.format, len(pictures)).penalty
        now = suited(options, pictures.format, len(pictures)).penalty
        return {"penalty": min(100.0, 2 * now if now >= usual else usual)}
    if repair == "critic" and hasattr(options, "balance"):
        return {"balance": max(0.05, options.balance / 2)}
    raise Trouble("There is no repair called {name} for this model.", name=repair)
