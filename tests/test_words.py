"""Every sentence that a person reads is there in English and in Chinese."""

from __future__ import annotations

import ast
import pathlib
import re
import string
from collections.abc import Iterator

import pytest

from genmodels.models import FAMILIES
from genmodels.ui import words

PACKAGE = pathlib.Path(words.__file__).resolve().parents[1]
FILES = sorted(PACKAGE.rglob("*.py"))
SPOKEN = ("Trouble", "Refused", "say")  # their first text is a template ...
EVENTS = ("Problem", "Failed", "Finished", "Segment", "Judged", "Sentence", "Decoded")  # ... or the argument `template`
NAMED = ("Tiny", "Small", "Large", "Classic", "tiny", "small", "large", "classic", "own pictures")  # said by variable
LABELS = ("label", "info", "placeholder", "title")  # what a component shows must have gone through say()


def templates(tree: ast.AST, file: str) -> Iterator[tuple[str, str]]:
    """(template, where) for all that is said in a file."""
    for node in ast.walk(tree):
        found: list[ast.expr] = []
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in SPOKEN:
                found += node.args[:2] if name == "Refused" else node.args[:1]
            if name in ("_begin", "_end"):
                found += [each for each in node.args if _sentence(each)]
            if name == "setting":
                found += [*node.args[1:3], *_values(node, "names")]
            found += [keyword.value for keyword in node.keywords if keyword.arg == "template"]
            found = found[1:] if name == "Refused" else found
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict) and _loud(node):
            found += [each for each in node.value.values if isinstance(each, ast.Constant)]
        elif isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in (
            "template",
            "note",
            "OTHER_REASON",
        ):
            found.append(node.value)
        elif (
            isinstance(node, ast.Return)
            and isinstance(node.value, ast.Tuple)
            and any(map(_sentence, node.value.elts[:1]))
        ):
            found += node.value.elts[:1]
        elif isinstance(node, ast.Dict):  # what is not an event yet: {"template": ..., "facts": ...}
            keys = [getattr(key, "value", None) for key in node.keys]
            found += [value for key, value in zip(keys, node.values, strict=True) if key == "template"]
        elif isinstance(node, ast.FunctionDef) and node.name == "_sentence":
            found += [each for part in node.body[1:] for each in ast.walk(part) if _sentence(each)]
        for text in found:
            for each in _constants(text):
                yield each, f"{file}:{node.lineno}"


def _sentence(node: ast.AST) -> bool:
    """A constant that reads like one."""
    return (
        isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and " " in node.value
        and node.value.endswith(".")
    )


def _loud(node: ast.Assign) -> bool:
    """A table of words: NAMES_LIKE_THIS in the screens, and the states of a run."""
    name = getattr(node.targets[0], "id", "")
    return name in ("CURVES", "REASONS", "ONE_REASON", "REPAIRS", "STATES", "SENTENCES")


def _values(call: ast.Call, argument: str) -> list[ast.expr]:
    given = next((keyword.value for keyword in call.keywords if keyword.arg == argument), None)
    return list(given.values) if isinstance(given, ast.Dict) else []


def _constants(text: ast.expr) -> list[str]:
    if isinstance(text, ast.IfExp):
        return _constants(text.body) + _constants(text.orelse)
    if isinstance(text, ast.BoolOp):
        return [each for value in text.values for each in _constants(value)]
    return [text.value] if isinstance(text, ast.Constant) and isinstance(text.value, str) and text.value.strip() else []


def everything() -> dict[str, str]:
    """Every template in the package and where it is said first."""
    found: dict[str, str] = dict.fromkeys(NAMED, "words of tables")
    for file in FILES:
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for template, where in templates(tree, str(file.relative_to(PACKAGE))):
            found.setdefault(template, where)
    for name in FAMILIES:
        found.setdefault(FAMILIES.caption(name), f"models/{name}.py")
    from genmodels.data import starters

    for recipe in starters.RECIPES.values():
        found.setdefault(recipe.title, "data/starters.py")
    return found


def test_every_template_has_a_chinese_row() -> None:
    missing = {template: where for template, where in everything().items() if template not in words.rows()}
    assert not missing, "\n".join(f"{where}: {template}" for template, where in missing.items())


def test_no_row_is_left_over() -> None:
    left = set(words.rows()) - set(everything())
    assert not left, f"nobody says: {sorted(left)}"


@pytest.mark.parametrize("english", sorted(words.rows()))
def test_both_columns_ask_for_the_same_facts(english: str) -> None:
    def facts(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    assert facts(english) == facts(words.rows()[english])


def test_chinese_is_chinese() -> None:
    plain = [e for e, c in words.rows().items() if not re.search(r"[一-鿿]", c) and re.search(r"[a-z]{3}", c)]
    assert not plain


def test_the_screens_say_nothing_that_has_no_row() -> None:
    """A label, an info or a placeholder in the screens is never a bare text."""
    bare = []
    for file in sorted((PACKAGE / "ui").glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and getattr(node.func.value, "id", "") == "gr"
            ):
                for keyword in node.keywords:
                    value = keyword.value
                    if (
                        keyword.arg in LABELS
                        and isinstance(value, ast.Constant)
                        and value.value not in ("", "GenModels Studio")
                    ):
                        bare.append(f"{file.name}:{node.lineno} {value.value!r}")
                if node.func.attr in ("Button", "Tab", "Accordion", "UploadButton") and node.args:
                    first = node.args[0]
                    if isinstance(first, ast.Constant) and first.value:
                        bare.append(f"{file.name}:{node.lineno} {first.value!r}")
    assert not bare


def test_numbers_and_times_are_said_as_people_say_them() -> None:
    assert words.seconds(1) == "1 second"
    assert words.seconds(60) == "60 seconds"
    assert words.seconds(600) == "10 minutes"
    assert words.seconds(600, "zh") == "10 分钟"
    assert words.size(3 << 20) == "3.0 MB"
    assert words.say("never seen", "zh") == "never seen"
