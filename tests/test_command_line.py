"""The command line does what the screen does, says what is wrong in one sentence, and starts without torch."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from genmodels import home
from genmodels.__main__ import main
from genmodels.checkpoint import Checkpoint
from genmodels.data.imageset import ImageSet
from genmodels.models import FAMILIES
from genmodels.runs import Run

SMALL = ["--size", "tiny", "--width", "4", "--batch", "8", "--threads", "1", "--unit", "images"]


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("GENMODELS_HOME", str(tmp_path / "home"))


@pytest.fixture
def squares(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 255, (32, 28, 28, 1)).astype(np.uint8)
    ImageSet(pixels, np.arange(32) % 2, ("odd", "even"), "squares").save(tmp_path / "squares")
    return str(tmp_path / "squares")


def only_run():
    (run,) = Run.all(home() / "runs")
    return run


def test_help_costs_no_torch():
    code = "import sys; sys.argv = ['genmodels', '--help']\n"
    code += "try:\n    import genmodels.__main__ as m; m.main()\nexcept SystemExit: assert 'torch' not in sys.modules"
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert all(command in said for command in ("train", "sample", "runs", "doctor"))


@pytest.mark.parametrize("family", FAMILIES)
def test_every_setting_is_an_option_and_none_has_two_meanings(family, capsys):
    from genmodels.training import Plan

    with pytest.raises(SystemExit):
        main(["train", "--family", family, "--help"])
    said = capsys.readouterr().out
    fields = [*Plan.model_fields, *FAMILIES[family].Options.model_fields]
    assert len(fields) == len(set(fields))
    assert all("--" + name.replace("_", "-") in said for name in fields)


def test_train_then_sample_then_look(squares, tmp_path, capsys):
    into = tmp_path / "into"
    assert (
        main(["train", "--set", squares, *SMALL, "--budget", "400", "--name", "My squares", "--into", str(into)]) == 0
    )
    assert "Finished after 400 pictures." in capsys.readouterr().out
    assert {"config.json", "model.safetensors", "samples.webp", "history.jsonl"} <= {f.name for f in into.iterdir()}
    assert "owner" not in {f.name for f in into.iterdir()}
    assert Checkpoint.open(into).name == "My squares"

    sheet, folder = tmp_path / "sheet.png", tmp_path / "pictures"
    assert main(["sample", str(into), "--count", "16", "--label", "even", "--seed", "5", "--out", str(sheet)]) == 0
    assert main(["sample", str(into), "--count", "3", "--label", "1", "--seed", "5", "--out", str(folder)]) == 0
    with Image.open(sheet) as whole, Image.open(folder / "0003.png") as third:
        assert whole.size == (8 * 28, 2 * 28)
        assert np.array_equal(np.asarray(whole)[:28, 56:84], np.asarray(third))
        assert json.loads(third.text["recipe"])["seed"] == 5

    capsys.readouterr()
    assert main(["runs"]) == 0
    assert "My squares" not in (listed := capsys.readouterr().out)
    assert "100%  Finished after 400 pictures." in listed
    assert main(["runs", "show", "my-squares"]) == 0
    assert "on " + squares in capsys.readouterr().out
    assert main(["runs", "delete", "my-squares", "--yes"]) == 0
    assert Run.all(home() / "runs") == []


def test_a_folder_of_pictures_is_taken_in_first(tmp_path, capsys):
    for index in range(24):
        picture = np.random.default_rng(index).integers(0, 255, (40, 30, 3)).astype(np.uint8)
        (tmp_path / "cats").mkdir(exist_ok=True)
        Image.fromarray(picture).save(tmp_path / "cats" / f"{index}.png")
    (tmp_path / "cats" / "broken.png").write_bytes(b"no picture")
    given = ["train", "--set", str(tmp_path / "cats"), "--intake", "size=28", *SMALL, "--budget", "160"]
    assert main(given) == 0
    taken = ImageSet.open(pathlib.Path(only_run().look().order["set"]))
    assert (len(taken), taken.format.size) == (24, 28)
    assert main([*given, "--intake", "size=27"]) == 2
    assert "must be one of" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["train", "--set", "nowhere"], "no set, folder or ZIP called nowhere"),
        (["train", "--set", "digits", "--budget", "-1"], "How long must be at least 0"),
        (["train", "--set", "digits", "--start-from", "nowhere"], "nothing to use in nowhere"),
        (["sample", "nowhere", "--out", "x.png"], "There is no model in nowhere"),
        (["sample", "nowhere", "--count", "0", "--out", "x.png"], "How many must be 1 to"),
        (["runs", "pause", "nobody"], "no run called nobody"),
        (["runs", "pause"], "Say which run"),
    ],
)
def test_what_is_wrong_is_one_sentence(given, words, capsys):
    assert main(given) == 2
    said = capsys.readouterr().err
    assert words in said
    assert len(said.strip().splitlines()) == 1


def test_ctrl_c_pauses_and_says_how_to_go_on(squares, capsys):
    command = [sys.executable, "-m", "genmodels", "train", "--set", squares, *SMALL, "--budget", "0"]
    child = subprocess.Popen(command, env=os.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 60
    while not (Run.all(home() / "runs") and only_run().look().progress) and time.monotonic() < end:
        time.sleep(0.1)
    child.send_signal(signal.SIGINT)
    said, problems = child.communicate(timeout=30)
    run = only_run()
    assert "Paused after" in said
    assert f"python -m genmodels runs resume {run.folder.name}" in said
    assert "Traceback" not in problems
    assert (child.returncode, run.look().state) == (0, "paused")
    assert main(["runs", "stop", run.folder.name]) == 0
    assert "The finished model:" in capsys.readouterr().out


def test_the_doctor_finds_this_machine_well(capsys):
    assert main(["doctor"]) == 0
    said = capsys.readouterr().out
    assert "cores" in said
    assert "All is well." in said


def test_training_from_python_is_one_loop(squares, tmp_path):
    import genmodels

    pictures = ImageSet.open(pathlib.Path(squares))
    plan = {"budget": 80, "unit": "images", "threads": 1}
    told = list(genmodels.train(pictures, size="tiny", width=4, batch=8, into=tmp_path / "mine", **plan))
    assert {event.kind for event in told} >= {"progress", "preview", "scored"}
    assert (told[-1].kind, told[-1].images) == ("finished", 80)
    assert genmodels.load(tmp_path / "mine").sample(1, range(2)).shape == (2, 1, 28, 28)
    assert "gan" in genmodels.FAMILIES
