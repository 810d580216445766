"""Every sentence a person reads, English and Chinese side by side (the rows are in words.tsv)."""

from __future__ import annotations

import functools
import pathlib
from typing import Any

LANGUAGES = {"en": "English", "zh": "中文"}
TABLE = pathlib.Path(__file__).with_name("words.tsv")


@functools.cache
def rows() -> dict[str, str]:
    """English template -> Chinese template. Lines that start with # name the room; a row is `english<TAB>chinese`."""
    table: dict[str, str] = {}
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            english, chinese = line.split("\t")
            table[english] = chinese
    return table


def say(template: str, language: str = "en", /, **facts: Any) -> str:
    """The sentence in the reader's language, filled with its facts; English where a row is missing."""
    spoken = rows().get(template, template) if language == "zh" else template
    return spoken.format(**facts) if facts else spoken


def seconds(value: float, language: str = "en") -> str:
    """A length of time as a person would say it."""
    value = max(0, round(value))
    if value < 100:
        return say("{n} seconds", language, n=value) if value != 1 else say("1 second", language)
    minutes = round(value / 60)
    if minutes < 100:
        return say("{n} minutes", language, n=minutes)
    return say("{n} hours", language, n=f"{value / 3600:.1f}")


def size(count: int, language: str = "en") -> str:
    """A number of bytes as a person would say it."""
    if count >= 1 << 30:
        return say("{n} GB", language, n=f"{count / (1 << 30):.1f}")
    if count >= 1 << 20:
        return say("{n} MB", language, n=f"{count / (1 << 20):.1f}")
    return say("{n} KB", language, n=max(1, round(count / 1024)))


def number(value: float) -> str:
    """A whole number with thin gaps, so that it can be read."""
    return f"{int(value):,}"
