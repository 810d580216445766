"""Runs when something odd lies in the way: leftovers of a kill, things removed by hand, a full disk, two at once."""

from __future__ import annotations

import errno
import os
import shutil

import numpy as np
import pytest
import torch

from genmodels import checkpoint, files, runs
from genmodels.__main__ import main
from genmodels.checkpoint import Checkpoint
from genmodels.data.imageset import ImageSet
from genmodels.events import Failed, Preview, Saved, Trouble
from genmodels.images import PictureFormat
from genmodels.runs import Run, jobs, promises
from genmodels.runs.order import build

BATCH = 8


@pytest.fixture
def pictures(tmp_path):
    """A small set of noise."""
    pixels = np.random.default_rng(0).integers(0, 255, (32, 28, 28, 1)).astype(np.uint8)
    ImageSet(pixels, np.arange(32) % 2, ("odd", "even"), "noise").save(tmp_path / "noise")
    return tmp_path / "noise"


def order(pictures, steps=20, **change):
    options = {"width": 4, "critic_width": 4, "noise": 8, "batch": BATCH}
    plan = {"budget": steps * BATCH, "unit": "images", "threads": 1, "save_every": 1}
    return {"family": "gan", "size": "tiny", "set": str(pictures), "options": options, "plan": plan} | {
        "start_from": "",
        **change,
    }


@pytest.fixture
def run(tmp_path, pictures):
    return Run.create(tmp_path / "runs", order(pictures), name="Noise")


def pausing(run, after=1, kind=Preview):
    """Pauses a run at the n-th event of a kind."""
    heard = []

    def watch(event):
        if isinstance(event, kind):
            heard.append(event)
            if len(heard) == after:
                run.pause()

    return watch


def test_killed_between_the_last_save_and_the_finished_model_it_only_has_to_finish(run):
    runs.work(run.folder)
    (run.folder / "ended.json").unlink()
    shutil.rmtree(run.folder.parents[1] / "models")
    assert runs.work(run.folder) == "finished"
    assert Checkpoint.open(run.look().result).trained["images"] == 20 * BATCH


def test_resuming_a_finished_run_in_the_terminal_says_so_and_leaves_it_finished(run, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("GENMODELS_HOME", str(tmp_path))
    runs.work(run.folder)
    assert main(["runs", "resume", run.folder.name]) == 2
    assert "has finished" in capsys.readouterr().err
    assert run.look().state == "finished"


def test_a_wish_that_a_killed_process_never_heard_does_not_pause_the_next_one(run, tmp_path, monkeypatch):
    monkeypatch.setenv("GENMODELS_HOME", str(tmp_path))
    (run.folder / "ask").write_text("pause")
    assert main(["runs", "resume", run.folder.name]) == 0
    assert run.look().state == "finished"


def test_a_preview_that_was_half_written_when_the_power_went_does_not_spoil_the_end(run):
    (run.folder / "previews").mkdir()
    torn = run.folder / "previews" / f"{files.FRESH}0123abcd-96.webp"
    torn.write_bytes(b"RIFF")
    assert runs.work(run.folder) == "finished"
    assert not torn.exists()
    torn.write_bytes(b"RIFF")  # while somebody keeps a point
    assert run.keep(run.look().points[0].name)


def test_a_very_long_name_is_cut_and_not_a_reason_to_fail(tmp_path, pictures):
    run = Run.create(tmp_path / "runs", order(pictures), name="long " * 60)
    assert runs.work(run.folder) == "finished"
    assert Checkpoint.open(run.look().result).name.startswith("long long")
    kept = run.keep(run.look().points[0].name, "name " * 60)
    assert Checkpoint.open(kept).load()


def test_a_run_goes_on_when_the_model_it_started_from_is_gone(run, tmp_path, pictures):
    runs.work(run.folder)
    origin = run.look().result
    second = Run.create(tmp_path / "runs", order(pictures, 200, start_from=str(origin)))
    runs.work(second.folder, pausing(second))
    shutil.rmtree(origin)
    assert runs.work(second.folder) == "finished"


def test_a_newest_point_removed_by_hand_costs_no_other_one(tmp_path, pictures):
    run = Run.create(tmp_path / "runs", order(pictures, 0))
    runs.work(run.folder, pausing(run, after=3, kind=Saved))
    before = [point.images for point in run.look().points]
    shutil.rmtree(run.look().points[-1].folder)
    runs.work(run.folder, pausing(run, after=3, kind=Saved))
    after = [point.images for point in run.look().points]
    assert after[: len(before) - 1] == before[:-1]
    assert len(after) > len(before) - 1


def test_a_run_can_be_deleted_when_the_disk_is_full(run, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files, "write_whole", full)
    run.delete()
    assert not run.folder.exists()


def test_a_set_made_again_in_the_same_folder_is_promised_anew(tmp_path, pictures, monkeypatch):
    monkeypatch.setenv("GENMODELS_HOME", str(tmp_path))
    runs.promise(order(pictures))
    assert runs.promised(order(pictures))
    ImageSet(np.zeros((40, 64, 64, 3), np.uint8), name="noise").save(pictures)
    assert runs.promised(order(pictures)) is None


def test_two_who_ask_for_the_same_promise_do_not_take_each_others_order_away(tmp_path, pictures, monkeypatch):
    monkeypatch.setenv("GENMODELS_HOME", str(tmp_path))
    given = []

    def probe(command, **_):
        given.append(command[-2])
        if len(given) == 1:
            runs.promise(order(pictures))
        assert files.read_json(promises.pathlib.Path(command[-2]))
        files.write_json(
            promises.pathlib.Path(command[-1]),
            {"images_per_second": 100.0, "preview": 0.1, "memory": 1e8, "pictures": 32, "busy": False},
        )

    monkeypatch.setattr(promises.subprocess, "run", probe)
    assert runs.promise(order(pictures))["images_per_second"] == 100.0
    assert len(given) == 2


def test_what_the_terminal_cannot_do_together_is_said_first(pictures, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("GENMODELS_HOME", str(tmp_path))
    train = ["train", "--set", str(pictures), "--size", "tiny", "--budget", "80", "--unit", "images"]
    with pytest.raises(SystemExit):
        main([*train, "--background", "--into", str(tmp_path / "mine")])
    assert "--into" in capsys.readouterr().err
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "config.json").write_text("{}")
    (tmp_path / "other" / "diary.txt").write_text("dear diary")
    assert main([*train, "--into", str(tmp_path / "other")]) == 2
    assert (tmp_path / "other" / "diary.txt").exists()
    assert Run.all(tmp_path / "runs") == []


def test_delete_without_anybody_to_ask_deletes_nothing(run, tmp_path, monkeypatch):
    monkeypatch.setenv("GENMODELS_HOME", str(tmp_path))

    def nobody(_: str) -> str:
        raise EOFError

    monkeypatch.setattr("builtins.input", nobody)
    assert main(["runs", "delete", run.folder.name]) == 0
    assert run.folder.exists()


def test_a_stopped_run_on_pictures_in_order_of_their_folders_settles_on_all_of_them():
    from genmodels.models import FAMILIES
    from genmodels.runs.result import settle

    count = 22_000  # class by class, as intake writes them: the last one begins after the first 20,000
    labels = (np.arange(count) >= 21_500).astype(np.int64)
    pixels = np.zeros((count, 28, 28, 1), np.uint8)
    pixels[labels == 1] = 255
    pictures = ImageSet(pixels, labels, ("black", "white"))
    family = FAMILIES["vae"]
    options = FAMILIES.sizes("vae")["tiny"].changed(components=1)
    model = family(family.suited(options, pictures.format, count), pictures.format)
    settle(model, pictures)
    assert not torch.allclose(model.means[0], model.means[1])  # each from its own pictures, not from everybody's


def test_a_model_too_large_to_be_opened_later_is_refused_before_it_is_trained(pictures):
    options = {"width": 256, "critic_width": 256}
    with pytest.raises(Trouble, match="too large"):
        build(order(pictures, size="large", options=options), PictureFormat(64, 3, ()), 99)


def test_what_a_normalised_critic_knows_of_a_class_goes_by_the_name_of_the_class(tmp_path, pictures):
    wanted = order(pictures)
    wanted["options"]["critic_norm"] = "spectral"
    first = build(wanted, PictureFormat(28, 1, ("odd", "even")), 32)
    checkpoint.save(tmp_path / "first", first, name="first", size="tiny", trained={})
    second = build(
        {**wanted, "start_from": str(tmp_path / "first")}, PictureFormat(28, 1, ("even", "odd")), 32
    ).state_dict()
    name = "critic.classes.parametrizations.weight.original"
    assert torch.equal(second[name], first.state_dict()[name].flip(0))


def test_a_full_disk_is_no_mistake_of_the_program():
    def work():
        yield Saved(point="1", images=1)
        raise OSError(errno.ENOSPC, "No space left on device")

    end = list(jobs.safely(work(), Failed(template="a mistake in the program")))[-1]
    assert "disk is full" in end.template


def test_what_was_packed_for_a_download_does_not_stay(tmp_path):
    old, fresh = files.parcel(tmp_path), files.parcel(tmp_path)
    os.utime(old, (1, 1))
    assert set(tmp_path.iterdir()) == {old, fresh}
    new = files.parcel(tmp_path)
    assert set(tmp_path.iterdir()) == {fresh, new}
