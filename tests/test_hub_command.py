"""The Hub from a terminal: search, pull, versions, update and roll back; what is wrong is one sentence."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image
from travellers import REPO, shapes

from genmodels import home
from genmodels.__main__ import main
from genmodels.checkpoint import Checkpoint
from genmodels.hub.origin import Origin


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("GENMODELS_HOME", str(tmp_path / "home"))


def shelf():
    return sorted(folder for folder in (home() / "models").iterdir() if not folder.name.startswith("."))


def test_search_pull_and_make_pictures(hub, tmp_path, capsys):
    hub.put(REPO, shapes(), downloads=1234)
    assert main(["search"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.split()[:2] == [REPO, "gan"]
    assert "1,234 downloads" in line
    assert main(["pull", REPO]) == 0
    said = capsys.readouterr().out
    (folder,) = shelf()
    assert f"genmodels sample {folder.name} --out" in said
    assert main(["sample", folder.name, "--count", "4", "--seed", "3", "--out", str(tmp_path / "sheet.png")]) == 0
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert np.asarray(sheet).shape == (28, 4 * 28)
        assert Origin.of(folder).commit in sheet.text["recipe"]


def test_into_a_folder_of_ones_own(hub, tmp_path, capsys):
    hub.put(REPO, shapes())
    assert main(["pull", f"{hub.url}/{REPO}", "--into", str(tmp_path / "mine")]) == 0
    assert Checkpoint.open(tmp_path / "mine").name == "Shapes"
    assert main(["pull", REPO, "--into", str(tmp_path / "mine")]) == 2
    assert "is there already" in capsys.readouterr().err


def test_versions_update_and_roll_back(hub, capsys):
    first = hub.put(REPO, shapes(), message="The first")
    hub.repo(REPO).tags["v1"] = hub.repo(REPO).commit("main")
    assert main(["pull", REPO]) == 0
    (folder,) = shelf()
    second = hub.put(REPO, shapes(1), message="Better")
    capsys.readouterr()
    assert main(["pull", REPO, "--revisions"]) == 0
    newer, older = capsys.readouterr().out.splitlines()
    assert newer.split()[0] == second[:7]
    assert newer.endswith("Better")
    assert ("v1" in older, older.endswith("The first")) == (True, True)
    assert main(["pull", REPO, "--replace", folder.name]) == 0
    assert (shelf(), Origin.of(folder).commit) == ([folder], second)
    assert main(["pull", REPO, "--revision", "v1", "--replace", folder.name]) == 0
    assert (shelf(), Origin.of(folder).commit) == ([folder], first)


def test_whoever_is_signed_in_here_sees_what_is_theirs(hub, capsys, monkeypatch):
    hub.put(REPO, shapes(), private=True)
    assert main(["pull", REPO]) == 2
    assert "or it is private" in capsys.readouterr().err
    token = hub.token("ada")
    monkeypatch.setenv("HF_TOKEN", token)
    assert main(["pull", REPO]) == 0
    assert main(["search"]) == 0
    told = capsys.readouterr()
    assert "private" in told.out
    assert token not in told.out + told.err


def test_a_guest_goes_to_the_guests(hub, tmp_path, capsys):
    from guest_models import pipeline

    pipeline(tmp_path / "ddpm")
    found = [file for file in (tmp_path / "ddpm").rglob("*") if file.is_file()]
    files = {file.relative_to(tmp_path / "ddpm").as_posix(): file.read_bytes() for file in found}
    hub.put("eve/ddpm", files, tags=("diffusers",))
    assert main(["search", "ddpm", "--guests"]) == 0
    assert main(["pull", "eve/ddpm"]) == 0
    said = capsys.readouterr().out
    (guest,) = (home() / "guests" / "shelf").iterdir()
    assert guest.name in said
    assert f"sample {guest.name} --steps 50" in said
    assert main(["sample", guest.name, "--steps", "3", "--count", "4", "--out", str(tmp_path / "four.png")]) == 0
    with Image.open(tmp_path / "four.png") as made:
        assert made.size == (32, 32)
        assert json.loads(made.text["recipe"])["hub"]["repo"] == "eve/ddpm"
    assert main(["pull", "eve/ddpm", "--into", str(tmp_path / "x")]) == 0
    assert (tmp_path / "x" / "model_index.json").exists()
    assert main(["pull", "eve/ddpm", "--replace", guest.name]) == 2


@pytest.fixture
def folder(tmp_path):
    """A model that somebody has here."""
    (tmp_path / "shapes").mkdir()
    for name, content in shapes().items():
        (tmp_path / "shapes" / name).write_bytes(content)
    return tmp_path / "shapes"


def test_publish_then_a_new_version_then_somebody_else_has_it(hub, folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", token := hub.token("ada"))
    assert main(["push", str(folder), "shapes", "--public", "--licence", "mit", "--message", "The first"]) == 0
    assert f"{hub.url}/ada/shapes" in capsys.readouterr().out
    assert (not hub.repo(REPO).private, list(hub.tags(REPO)), "The first" in hub.commits(REPO)) == (True, ["v1"], True)
    assert main(["push", str(folder)]) == 0
    assert "there already" in capsys.readouterr().out
    (folder / "model.safetensors").write_bytes(shapes(1)["model.safetensors"])
    assert main(["push", str(folder)]) == 0
    assert list(hub.tags(REPO)) == ["v1", "v2"]
    monkeypatch.delenv("HF_TOKEN")
    assert main(["pull", f"{REPO}@v2", "--into", str(tmp_path / "theirs")]) == 0
    assert (tmp_path / "theirs" / "model.safetensors").read_bytes() == shapes(1)["model.safetensors"]
    told = capsys.readouterr()
    assert token not in told.out + told.err


def test_what_would_leave_is_said_before_anything_does(hub, folder, capsys):
    (folder / "owner").write_text("me")
    assert main(["push", str(folder), "ada/shapes", "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "model.safetensors" in said
    assert "owner" not in said
    assert main(["push", str(folder), "ada/shapes", "--print-card", "--consent", "We all agreed."]) == 0
    assert "We all agreed." in capsys.readouterr().out
    assert main(["push", str(folder), "ada/shapes"]) == 2
    assert "Nobody is signed in here" in capsys.readouterr().err
    assert hub.log == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["push", "nowhere", "ada/x"], "no model in nowhere"),
        (["pull", "nonsense"], "form name/model"),
        (["pull", "ada/nothing"], "There is no ada/nothing"),
        (["pull", REPO, "--revision", "v7"], "no version of this name"),
        (["pull", REPO, "--replace", "nobody"], "not here any more"),
        (["pull", "datasets/ada/cats"], "form name/model"),
        (["search", "--most", "0"], "How many must be 1 to"),
    ],
)
def test_what_is_wrong_is_one_sentence(hub, given, words, capsys):
    hub.put(REPO, shapes())
    assert main(given) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert words in said
    assert not [row for row in hub.log if row.path.startswith("/lfs/")]


def test_nothing_found_says_what_to_do(hub, capsys):
    assert main(["search", "unicorns"]) == 0
    assert "fewer words" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["push", "pull", "search"])
def test_help_tells_all(command, capsys):
    with pytest.raises(SystemExit) as end:
        main([command, "--help"])
    assert end.value.code == 0
    assert "--" in capsys.readouterr().out
