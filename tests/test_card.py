"""The model card: what the Hub reads at its head, what a person reads below, and code that runs as printed."""

from __future__ import annotations

import json
import pathlib
import re
import shutil
import subprocess
import sys

import pytest
from huggingface_hub import ModelCard

from genmodels import card
from genmodels.checkpoint import Checkpoint
from genmodels.evaluation.result import Evaluation, Number, Protocol

SHIPPED = pathlib.Path(__file__).resolve().parents[1] / "checkpoints"
MEASURED = Evaluation(
    model="Digits (GAN)",
    protocol=Protocol(features="studio-1", made=1000, real=1000, set="Handwritten digits", fingerprint="abc"),
    numbers=(Number(name="frechet", value=4.512, low=4.2, high=4.9, better="lower", reference=3.4, band="5 draws"),),
)


@pytest.fixture
def folder(tmp_path) -> pathlib.Path:
    """A model of ours, with an evaluation."""
    shutil.copytree(SHIPPED / "digits-gan", tmp_path / "digits-gan")
    MEASURED.save(tmp_path / "digits-gan")
    card.write(tmp_path / "digits-gan")
    return tmp_path / "digits-gan"


def test_the_hub_finds_tags_licence_and_measured_numbers(folder) -> None:
    data = ModelCard.load(folder / "README.md").data
    assert data.library_name == "genmodels"
    assert {"genmodels", "gan", "unconditional-image-generation"} <= set(data.tags)
    assert data.license == "cc-by-sa-3.0"
    (result,) = data.eval_results
    assert (result.metric_type, result.metric_value) == ("frechet", 4.512)
    assert result.metric_args["features"] == "studio-1"


def test_a_person_reads_what_it_learned_from_and_how_good_it_is(folder) -> None:
    text = (folder / "README.md").read_text(encoding="utf-8")
    trained = Checkpoint.open(folder).trained
    assert f"{trained['pictures']:,} of them" in text
    assert f"{trained['images']:,} pictures" in text
    assert re.search(r"\| frechet: [^|]+ \| 4.512 \| 4.2 to 4.9 \| 3.4 \|", text)
    assert "FID" not in text
    for picture in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", text):
        assert (folder / picture).exists()


def test_the_code_on_the_card_runs_as_printed(folder) -> None:
    code = re.search(r"```python\n(.*?)```", (folder / "README.md").read_text(encoding="utf-8"), re.DOTALL).group(1)
    done = subprocess.run(
        [sys.executable, "-c", code + "\nprint(tuple(images.shape))"],
        cwd=folder.parent,
        env={"PYTHONPATH": str(SHIPPED.parent), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "(16, 1, 28, 28)", done.stderr


def test_the_command_on_the_card_is_one_that_the_terminal_takes(folder, monkeypatch) -> None:
    from genmodels import __main__ as terminal
    from genmodels.runs import Run

    words = (
        re.search(r"```sh\npython -m (.*?)\n```", (folder / "README.md").read_text(encoding="utf-8")).group(1).split()
    )
    asked: dict = {}
    monkeypatch.setattr(
        Run, "create", classmethod(lambda cls, root, order, *rest, **more: asked.update(order) or 1 / 0)
    )
    with pytest.raises(ZeroDivisionError):
        terminal.main(words[1:])
    trained = Checkpoint.open(folder).trained
    assert asked["set"] == trained["set"]
    assert asked["plan"]["budget"] == trained["images"]
    assert asked["options"]["ema"] == Checkpoint.open(folder).options["ema"]


def test_names_of_people_are_shown_as_text(folder) -> None:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config["name"] = "<script>alert(1)</script>\n# [x](http://bad) |"
    config["trained"]["origin"] = "--- \nlicense: mit"
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    card.write(folder)
    page = (folder / "README.md").read_text(encoding="utf-8").split("\n---\n", 1)[1]
    assert "<script" not in page
    assert "[x](http" not in page
    assert ModelCard.load(folder / "README.md").data.license == "cc-by-sa-3.0"
