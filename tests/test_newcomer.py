"""A newcomer adds a family with nothing but the README's section: one file and one word, in a copy of the project."""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> pathlib.Path:
    """The project with the README's toy in it."""
    copy = tmp_path_factory.mktemp("newcomer")
    for name in ("genmodels", "assets", "tests"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    section = (ROOT / "README.md").read_text(encoding="utf-8").split("## Add a family")[1].split("\n## ")[0]
    file, code = re.search(r"`(genmodels/models/\w+\.py)`.*?```python\n(.*?)```", section, re.DOTALL).groups()
    (copy / file).write_text(code, encoding="utf-8")
    word = re.search(r'`(NAMES = \("gan", "vae", "\w+"\))`', section).group(1)
    init = copy / "genmodels" / "models" / "__init__.py"
    names = re.sub(r"^NAMES = .*$", word, init.read_text(encoding="utf-8"), flags=re.MULTILINE)
    init.write_text(names, encoding="utf-8")
    return copy


def run(project: pathlib.Path, *arguments: str) -> str:
    """A Python process in the copy; its output, and a failure shown whole."""
    environment = {
        **os.environ,
        "GENMODELS_HOME": str(project / "home"),
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(project),
    }
    done = subprocess.run(
        [sys.executable, *arguments], cwd=project, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_passes_the_sweep(project) -> None:
    assert "passed" in run(project, "-m", "pytest", "tests/test_models.py", "-k", "toy", "-o", "addopts=")


def test_it_trains_saves_and_samples(project) -> None:
    train = "train --set digits --family toy --size large --width 64 --budget 3000 --unit images --into made"
    run(project, "-m", "genmodels", *train.split())
    run(project, "-m", "genmodels", "sample", "made", "--count", "4", "--out", "four.png")
    assert (project / "four.png").stat().st_size > 200


def test_it_shows_its_form_and_its_sentence(project) -> None:
    code = """
import json
from genmodels.models import FAMILIES
from genmodels.studio import Studio
from genmodels.ui import build
from genmodels.ui.forms import fields
print([field.label for field in fields(FAMILIES["toy"].Options)])
print("scatter its pictures" in json.dumps(build(Studio()).get_config_file(), default=str))
"""
    form, sentence = run(project, "-c", code).splitlines()
    assert form == "['Width', 'Batch', 'Learning rate', 'Averaging']"
    assert sentence == "True"
