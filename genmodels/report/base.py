"""How the parts of a report say things: sentences, the titles of sets, figures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..data import starters

Say = Callable[..., str]


def plain(template: str, **facts: Any) -> str:
    """A sentence as it stands, in English."""
    return template.format(**facts) if facts else template


def title_of(name: str) -> str:
    """What people call a set; the protocol may hold a starter's short name."""
    return starters.about(name)["title"] if name in starters.NAMES else name


def figure(value: float) -> str:
    """A number with the digits that it can hold."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:#.3g}"
