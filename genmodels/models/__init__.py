"""FAMILIES: every family there is, a mapping that imports one when it is asked for."""

from __future__ import annotations

import ast
import importlib
import pathlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .base import GenerativeModel

# To add a family: write models/NAME.py with a class Name(GenerativeModel) and SIZES, and add its name here.
NAMES = ("gan", "vae")


class Families(Mapping):
    """Names are known at once and cost nothing; the module behind one (and torch) is imported on first use."""

    def __getitem__(self, name: str) -> type[GenerativeModel]:
        if name not in NAMES:
            raise KeyError(name)
        return getattr(importlib.import_module(f"{__name__}.{name}"), name.capitalize())

    def __iter__(self) -> Iterator[str]:
        return iter(NAMES)

    def __len__(self) -> int:
        return len(NAMES)

    def __contains__(self, name: object) -> bool:
        return name in NAMES

    def sizes(self, name: str) -> dict:
        """The presets of a family, by name: the one dial (imports the family)."""
        self[name]
        return importlib.import_module(f"{__name__}.{name}").SIZES

    def caption(self, name: str) -> str:
        """The first line of the family's file: what it is, in a sentence, read without importing anything."""
        source = pathlib.Path(__file__).with_name(f"{name}.py").read_text(encoding="utf-8")
        return (ast.get_docstring(ast.parse(source)) or name).splitlines()[0]


FAMILIES = Families()
