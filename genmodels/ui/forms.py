"""A Settings class -> components that a person can fill in, and what they changed as plain data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from ..settings import Described, Settings, describe
from .page import QUIET
from .words import say

# Through the queue, one at a time: others are told of the change, and no change overtakes another.
NOTED = {**QUIET, "trigger_mode": "always_last", "concurrency_limit": 1, "concurrency_id": "drawer"}
Chosen = dict[str, dict[str, Any]]  # group -> field -> the value that a person changed


def component(field: Described, value: Any) -> gr.components.Component:
    """The component for one field, with its words and limits."""
    words = {"label": say(field.label), "info": say(field.help), "interactive": True, "elem_id": f"field_{field.name}"}
    if field.kind == "switch":
        return gr.Checkbox(bool(value), **words)
    if field.kind == "choice":
        return gr.Dropdown([(say(name), choice) for choice, name in field.choices.items()], value=value, **words)
    if field.kind == "text":
        return gr.Textbox(str(value or ""), max_lines=1, **words)
    if field.step and field.low is not None and field.high is not None:
        return gr.Slider(field.low, field.high, value, step=field.step, **words)
    # No limits here: gradio would complain in English while somebody is still typing. Start checks them all.
    return gr.Number(value, precision=0 if field.kind == "integer" else None, **words)


def fields(settings: type[Settings], expert: bool | None = None, skip: tuple[str, ...] = ()) -> list[Described]:
    """The fields of a form: all of them, or only those for everybody (expert=False), without some."""
    chosen = [field for field in describe(settings) if expert is None or field.expert == expert]
    return [field for field in chosen if field.name not in skip]


def form(described: list[Described], values: dict[str, Any], group: str, chosen: gr.State) -> None:
    """Components for the fields; what a person changes is noted in `chosen` under `group`, and nothing else is."""
    for field in described:
        control = component(field, values.get(field.name, field.default))
        control.input(_note(group, field), [control, chosen], chosen, **NOTED)


def _note(group: str, field: Described) -> Callable[[Any, Chosen], Chosen]:
    def note(value: Any, chosen: Chosen) -> Chosen:
        kept = {name: known for name, known in chosen.get(group, {}).items() if name != field.name}
        if value is not None and value != "":  # an emptied field is as if nobody had touched it
            kept[field.name] = value
        return {**chosen, group: kept}

    return note
