"""Settings: fields that carry their label, help, limits and default."""

from __future__ import annotations

import argparse
import dataclasses
import types
import typing
from typing import Any, Literal

import pydantic
from pydantic_core import PydanticUndefined


class Settings(pydantic.BaseModel):
    """Frozen choices. From the fields alone come the form, the check, the JSON and the command line.

    Flat by rule: a field is a number, a truth value, a text or one of a few words. Unknown fields, infinities
    and NaN are refused with a `pydantic.ValidationError`, which `explain` turns into a sentence.
    """

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True)

    def changed(self, **changes: Any) -> Settings:
        """The same settings with some fields changed, checked again (`model_copy` would not check)."""
        return type(self)(**{**self.model_dump(), **changes})


def setting(
    default: Any,
    label: str,
    help: str,
    *,
    low: float | None = None,
    high: float | None = None,
    step: float | None = None,
    names: dict[str, str] | None = None,
    expert: bool = True,
) -> Any:
    """Declare a field of a `Settings` class, once, with the words that a person reads.

    `low` and `high` are inclusive limits; `names` gives the words shown for the choices of a `Literal`;
    `expert` fields go into the closed drawer.
    """
    extra = {"step": step, "names": names or {}, "expert": expert}
    return pydantic.Field(default, title=label, description=help, ge=low, le=high, json_schema_extra=extra)


@dataclasses.dataclass(frozen=True)
class Described:
    """What a form or a command line needs to know about one field."""

    name: str
    label: str
    help: str
    kind: Literal["integer", "number", "switch", "choice", "text"]
    default: Any
    low: float | None
    high: float | None
    step: float | None
    choices: dict[str, str]  # value -> the words shown for it
    expert: bool


def describe(settings: type[Settings]) -> list[Described]:
    """Every field of a class, in the order in which it was written."""
    return [_described(name, field) for name, field in settings.model_fields.items()]


def _described(name: str, field: pydantic.fields.FieldInfo) -> Described:
    annotation, extra = field.annotation, field.json_schema_extra or {}
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        annotation = next(a for a in typing.get_args(annotation) if a is not type(None))
    words = typing.get_args(annotation) if typing.get_origin(annotation) is Literal else ()
    kinds = {int: "integer", float: "number", bool: "switch", str: "text"}
    limits = {key: getattr(rule, key) for rule in field.metadata for key in ("ge", "le") if hasattr(rule, key)}
    return Described(
        name=name,
        label=field.title or name.replace("_", " ").capitalize(),
        help=field.description or "",
        kind="choice" if words else kinds[annotation],
        default=None if field.default is PydanticUndefined else field.default,
        low=limits.get("ge"),
        high=limits.get("le"),
        step=extra.get("step"),
        choices={word: extra.get("names", {}).get(word, word) for word in words},
        expert=extra.get("expert", True),
    )


def explain(error: pydantic.ValidationError, settings: type[Settings]) -> tuple[str, dict[str, Any]]:
    """The first complaint of a failed check as a sentence template and its facts."""
    fields = {field.name: field for field in describe(settings)}
    complaint = error.errors()[0]
    name = str(complaint["loc"][0]) if complaint["loc"] else ""
    field, given = fields.get(name), str(complaint.get("input"))
    if field is None:
        return "There is no setting called {name}.", {"name": name}
    facts: dict[str, Any] = {"label": field.label, "given": given}
    if field.choices:
        return "{label} must be one of {choices}; you gave {given}.", facts | {"choices": ", ".join(field.choices)}
    if complaint["type"] == "less_than_equal":
        return "{label} must be at most {limit}; you gave {given}.", facts | {"limit": field.high}
    if complaint["type"] == "greater_than_equal":
        return "{label} must be at least {limit}; you gave {given}.", facts | {"limit": field.low}
    words = {"integer": "a whole number", "number": "a number", "switch": "true or false", "text": "a text"}
    return "{label} must be {wanted}; you gave {given}.", facts | {"wanted": words[field.kind]}


def add_arguments(parser: argparse.ArgumentParser, settings: type[Settings]) -> None:
    """One `--option` a field. Options that are not given are absent from the result, so that presets show through."""
    group = parser.add_argument_group(settings.__name__)
    for field in describe(settings):
        limits = f", {field.low:g} to {field.high:g}" if field.low is not None and field.high is not None else ""
        words = f"{field.label}. {field.help} (default {field.default}{limits})".replace("%", "%%")
        option: dict[str, Any] = {"dest": field.name, "default": argparse.SUPPRESS, "help": words}
        if field.kind == "switch":
            option["action"] = argparse.BooleanOptionalAction
        elif field.choices:
            option["choices"] = list(field.choices)
        else:
            option["type"] = {"integer": int, "number": float, "text": str}[field.kind]
            option["metavar"] = field.kind.upper()
        group.add_argument("--" + field.name.replace("_", "-"), **option)


def from_arguments(arguments: argparse.Namespace, preset: Settings) -> Settings:
    """The preset with the options that were given on the command line."""
    given = {name: getattr(arguments, name) for name in type(preset).model_fields if hasattr(arguments, name)}
    return preset.changed(**given)
