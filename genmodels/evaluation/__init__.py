"""Evaluation: how good, how varied, how copied; under one protocol, as plain data. Importing it brings no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .result import Evaluation, Number, Protocol, side_by_side

if TYPE_CHECKING:
    from .judging import Evaluating, evaluate, run

__all__ = ["Evaluating", "Evaluation", "Number", "Protocol", "evaluate", "run", "side_by_side"]


def __getattr__(name: str) -> Any:
    if name in ("Evaluating", "evaluate", "run"):
        from . import judging

        return getattr(judging, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
