"""The house rules: imports go down only, files have a room and a caption, and the README's tree is the tree."""

from __future__ import annotations

import ast
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
FILES = sorted(path for path in [*(ROOT / "genmodels").rglob("*.py"), ROOT / "app.py"])
FLOORS = (
    ("settings", "events", "images", "markup", "device", "files"),
    ("models",),
    ("checkpoint", "data"),
    (
        "trainer",
        "training",
        "compiling",
        "doctor",
        "judge",
        "metrics",
        "evaluation",
        "oddity",
        "live",
        "card",
        "bench",
        "hub",
        "export",
    ),
    ("runs",),
    (
        "studio",
        "library",
        "sets",
        "walls",
        "sampler",
        "evaluations",
        "report",
        "quizzes",
        "oddities",
        "guests",
        "transfers",
        "terminal",
        "commands",
        "__main__",
    ),
    ("ui", "app"),
)
NO_TORCH_AT_THE_TOP = {0, 4, 5, 6}


def room(path: pathlib.Path) -> str:
    """The name that a file goes by in the list of floors."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[1] if parts[0] == "genmodels" else parts[0]


def floor(name: str) -> int:
    """Which floor a room is on."""
    return next((number for number, rooms in enumerate(FLOORS) if name in rooms), -1)


def imports(path: pathlib.Path) -> list[tuple[str, bool]]:
    """Every module that a file imports, absolute, and whether at the top; those for type checkers left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    typed = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for inner in ast.walk(node)
    }
    top = {id(node) for node in tree.body}
    found = []
    for node in ast.walk(tree):
        if id(node) in typed:
            continue
        if isinstance(node, ast.Import):
            found += [(alias.name, id(node) in top) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*base, *([node.module] if node.module else [])])
            found.append((module, id(node) in top))
            if node.module is None or module == "genmodels":
                found += [(f"{module}.{alias.name}", id(node) in top) for alias in node.names]
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_down_only(path: pathlib.Path) -> None:
    if path == ROOT / "genmodels" / "__init__.py":
        return  # the front door: it opens every room, but only when one is asked for
    mine = floor(room(path))
    assert mine >= 0, f"{path.name} is on no floor: name its room in FLOORS"
    for module, top in imports(path):
        parts = module.split(".")
        if parts[0] == "genmodels" and len(parts) > 1 and floor(parts[1]) >= 0:
            assert floor(parts[1]) <= mine, f"{path.name} imports {module} from a floor above"
        assert parts[0] != "gradio" or mine == 6, f"only the screens know gradio, not {path.name}"
        heavy = parts[0] in ("torch", "diffusers")
        assert not (heavy and mine == 6), f"screens hold no knowledge: {path.name} imports {module}"
        light = mine in NO_TORCH_AT_THE_TOP or path.name in ("imageset.py", "checkpoint.py")
        assert not (heavy and top and light), f"{path.name} imports {module} before anybody needs it"


@pytest.mark.parametrize("path", [p for p in FILES if "models" in p.parts[-2:-1]], ids=lambda path: path.stem)
def test_a_family_knows_no_other_family(path: pathlib.Path) -> None:
    from genmodels.models import NAMES

    for module, _ in imports(path):
        known = module.removeprefix("genmodels.models.").split(".")[0]
        assert known == path.stem or known not in NAMES, f"{path.name} imports {module}"


def test_importing_the_package_brings_no_torch() -> None:
    code = "import sys, genmodels, genmodels.studio, genmodels.runs; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_has_a_caption_and_a_size_one_can_read(path: pathlib.Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(source)), "the first line says what the file is for"
    assert len(source.splitlines()) <= 300
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno - node.lineno < 60, f"{node.name} is too long"


def test_the_readme_shows_the_tree_as_it_is() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    tree = re.search(r"```text\n(app\.py.*?)```", readme, re.DOTALL).group(1)
    for path in FILES:
        if path.name != "__init__.py":
            assert re.search(rf"\b{re.escape(path.name)}\b", tree), f"{path} is not in the README's tree"
    for name in re.findall(r"\b[a-z_]+\.py\b", tree):
        assert any(path.name == name for path in FILES), f"the README's tree names {name}, which does not exist"


def test_ruff_finds_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--no-cache", "."], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stdout


def test_no_file_is_too_large_to_clone() -> None:
    tracked = subprocess.run(["git", "ls-files", "-z"], capture_output=True, text=True, cwd=ROOT, check=True).stdout
    for name in filter(None, tracked.split("\0")):
        path = ROOT / name
        assert not path.exists() or path.stat().st_size < 10_000_000, f"{name} is over 10 MB"
