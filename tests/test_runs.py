"""Runs: nothing that was learned is lost, whatever happens to the process, the disk or the page."""

from __future__ import annotations

import errno
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from safetensors.numpy import load_file

from genmodels import events, files, runs
from genmodels.checkpoint import Checkpoint
from genmodels.data.imageset import ImageSet
from genmodels.events import Progress, Saved, Trouble
from genmodels.runs import Run, look, points

PICTURES = 8 * 300  # 300 steps of 8: some seconds


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A small set: grey squares of two sizes on black, at many places."""
    folder, draw = tmp_path_factory.mktemp("sets") / "squares", np.random.default_rng(0)
    pixels = np.zeros((96, 28, 28, 1), np.uint8)
    for index, (row, column) in enumerate(draw.integers(0, 18, (96, 2))):
        pixels[index, row : row + 6 + index % 2 * 4, column : column + 6 + index % 2 * 4] = draw.integers(128, 255)
    ImageSet(pixels, np.arange(96) % 2, ("small", "large"), "squares", "made here", "CC0-1.0").save(folder)
    return folder


def order(pictures, **plan):
    options = {"width": 4, "critic_width": 4, "noise": 8, "batch": 8}
    plan = {"budget": PICTURES, "unit": "images", "threads": 1, "save_every": 1, **plan}
    return {"family": "gan", "size": "tiny", "set": str(pictures), "options": options, "plan": plan}


@pytest.fixture
def run(tmp_path, pictures):
    return Run.create(tmp_path / "runs", order(pictures), owner="me", name="Squares")


@pytest.fixture(scope="module")
def straight(tmp_path_factory, pictures):
    """A run that nobody ever stopped."""
    run = Run.create(tmp_path_factory.mktemp("straight") / "runs", order(pictures), name="Straight")
    assert runs.work(run.folder) == "finished"
    return run


def wait(run, *states, seconds=60):
    end = time.monotonic() + seconds
    while (now := run.look()).state not in states:
        assert time.monotonic() < end, f"still {now.state}, not {states}: {now.template} {now.details}"
        time.sleep(0.05)
    return now


def kill(run):
    child = look.children[run.folder]
    os.kill(child.pid, signal.SIGKILL)
    child.wait()


def weights(run):
    return load_file(run.look().result / "model.safetensors")


def same(run, other):
    mine, theirs = weights(run), weights(other)
    return mine.keys() == theirs.keys() and all(np.array_equal(mine[name], theirs[name]) for name in mine)


def asking(run, wish, images):
    """A watcher that asks for something once so many pictures have been seen."""
    done = []

    def watch(event):
        if isinstance(event, Progress) and event.images >= images and not done:
            done.append(wish())

    return watch


# ---- from start to end


def test_a_run_ends_in_a_model_with_its_story(straight):
    now = straight.look()
    assert (now.state, now.progress.fraction, now.place) == ("finished", 1.0, 0)
    assert now.progress.images == PICTURES
    assert now.previews
    assert all(sheet.file.exists() for sheet in now.previews)
    assert {"critic", "generator"} <= now.curves.keys()
    assert now.scores["variety"]
    found = Checkpoint.open(now.result)
    assert (found.name, found.family, found.trained["set"], found.trained["images"]) == (
        "Straight",
        "gan",
        "squares",
        PICTURES,
    )
    assert found.load().sample(1, range(3)).shape == (3, 1, 28, 28)
    assert (now.result / "timelapse.webp").stat().st_size
    told = [events.parse(line) for line in (now.result / "history.jsonl").read_text().splitlines()]
    assert all(told)
    assert isinstance(told[-1], Progress | events.Scored)


def test_killed_without_warning_it_loses_one_save_interval_at_most_and_continue_is_exact(tmp_path, pictures, straight):
    run = Run.create(tmp_path / "runs", order(pictures))
    assert run.look().state == "ready"
    run.start()
    assert run.look().state in ("starting", "running")
    while not (now := wait(run, "starting", "running")).points and (not now.progress or now.progress.fraction < 0.6):
        time.sleep(0.02)
    kill(run)
    now = run.look()
    assert now.state == "interrupted"
    assert "Continue" in now.template
    saved = now.points[-1].seconds if now.points else 0.0
    assert now.progress.seconds - saved < 1 + 1  # save_every and a slow machine's step
    with open(run.folder / "events.jsonl", "ab") as torn:
        torn.write(b'{"kind":"progress","fraction":0.9')
    assert run.look().state == "interrupted"
    run.resume()
    assert wait(run, "finished").progress.fraction == 1.0
    assert same(run, straight)


def test_pause_and_continue_change_nothing(run, straight):
    assert runs.work(run.folder, asking(run, run.pause, PICTURES // 3)) == "paused"
    now = run.look()
    assert now.state == "paused"
    assert now.points[-1].exact
    assert now.facts["images"] >= now.progress.images >= PICTURES // 3
    assert runs.work(run.folder) == "finished"
    assert same(run, straight)
    lines = [events.parse(line) for line in (run.folder / "events.jsonl").read_text().splitlines()]
    seen = [event.images for event in lines if isinstance(event, Progress)]
    assert seen == sorted(set(seen))
    assert not run.look().segments


def test_stop_and_keep_gives_a_model_at_once(run):
    assert runs.work(run.folder, asking(run, run.stop, PICTURES // 4)) == "finished"
    now = run.look()
    assert now.progress.fraction < 0.9
    assert now.result.name == "squares"
    assert Checkpoint.open(now.result).load().sample(0, [0]).isfinite().all()
    assert (now.result / "owner").read_text() == "me"


def test_what_is_paused_can_be_kept_too(run):
    runs.work(run.folder, asking(run, run.pause, PICTURES // 4))
    run.stop()
    assert wait(run, "finished").result is not None
    with pytest.raises(Trouble, match="finished"):
        run.resume()


# ---- the time machine


def test_repairs_and_ways_back_are_segments_that_can_be_undone(run):
    assert runs.work(run.folder, asking(run, lambda: run.repair("critic"), PICTURES // 4)) == "finished"
    now = run.look()
    (repair,) = now.segments
    config = Checkpoint.open(now.points[-1].folder).options
    assert (config["balance"], Checkpoint.open(now.points[0].folder).options["balance"]) == (0.5, 1.0)
    assert now.progress.images == PICTURES  # a repair takes nothing from the budget and adds nothing
    run.go_back(repair.point)
    now = wait(run, "finished")
    assert len(now.segments) == 2
    assert Checkpoint.open(now.points[-1].folder).options["balance"] == 1.0
    names = [point.images for point in now.points]
    assert names == sorted(set(names))
    assert now.progress.images == PICTURES + PICTURES - int(repair.point)
    assert now.result.name == "squares-2"


def test_collapse_goes_back_to_the_last_varied_point_with_more_penalty(run, monkeypatch):
    from genmodels.models.gan import PENALTY_GREY

    runs.work(run.folder, asking(run, run.pause, PICTURES // 2))
    monkeypatch.setattr(points, "VARIED", -1.0)
    monkeypatch.setattr(Run, "start", lambda self: None)
    run.repair("collapse")
    wish = files.read_json(run.folder / "next.json")
    assert wish["point"] == run.look().points[-1].name
    assert wish["options"] == {"penalty": 2 * PENALTY_GREY}
    with pytest.raises(Trouble, match="no repair"):
        run.repair("bad mood")


def test_a_point_without_its_state_is_gone_on_from_by_its_weights(run):
    runs.work(run.folder, asking(run, run.pause, PICTURES // 2))
    first = run.look().points[0]
    (first.folder / "state.safetensors").unlink(missing_ok=True)
    run.go_back(first.name)
    now = wait(run, "finished")
    assert now.progress.fraction == 1.0
    assert now.progress.images > PICTURES  # what came before still counts as seen


def test_any_point_can_be_kept_and_the_run_stays(straight):
    point = straight.look().points[0]
    kept = straight.keep(point.name, "Früh am Tag")
    assert kept.name == "fruh-am-tag"
    assert Checkpoint.open(kept).name == "Früh am Tag"
    assert Checkpoint.open(kept).load()
    with pytest.raises(Trouble, match="not there"):
        straight.keep("12345678")


def test_points_are_thinned_evenly_in_log_and_first_last_and_kept_stay():
    left: list[int] = []
    for images in range(1000, 400_000, 1000):
        left.append(images)
        gone = points.surplus(left, {37_000}, 24)
        left = [i for i in left if i not in gone]
    assert len(left) == 24
    assert {1000, 37_000, 399_000} <= set(left)
    gaps = np.diff(np.log(left))
    assert gaps[3:].max() < 0.75


# ---- the queue


def test_one_at_a_time_in_the_order_of_starting_and_the_dead_hold_up_nobody(tmp_path, pictures):
    root = tmp_path / "runs"
    first, second, third = (Run.create(root, order(pictures, budget=0), name=n) for n in ("first", "second", "third"))
    for run in (first, second, third):
        run.start()
        time.sleep(0.05)
    wait(first, "running")
    assert wait(second, "waiting").place == 1
    assert wait(third, "waiting").place == 2
    assert third.look().template.format(**third.look().facts) == "Waiting for its turn: number 2 in the queue."
    kill(second)
    assert wait(second, "interrupted").alive is False
    while wait(third, "waiting").place != 1:
        time.sleep(0.05)
    kill(first)  # a dead one frees the slot, too
    wait(third, "running")
    third.pause()
    wait(third, "paused")


def test_a_process_that_cannot_start_is_never_shown_as_running(run, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false" if pathlib.Path("/bin/false").exists() else "/usr/bin/false")
    run.start()
    now = wait(run, "interrupted", seconds=5)
    assert now.template == "Training could not start. The details say why."


def test_a_run_outlives_who_started_it_and_can_be_paused_while_it_waits(run):
    slot = runs.queue.free_slot(run.folder.parent)
    code = (
        "import os, pathlib, sys; from genmodels.runs import Run; Run(pathlib.Path(sys.argv[1])).start(); os.kill(0, 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(run.folder)], start_new_session=True)
    wait(run, "waiting")
    run.pause()
    assert wait(run, "paused").points == ()
    slot.release()


# ---- the disk


def test_a_full_disk_is_said_and_damages_nothing(run, straight, monkeypatch):
    real, saves = files.sync, []

    def sync(path):
        if path.name == "model.safetensors":
            saves.append(path)
            if len(saves) > 1:
                raise OSError(errno.ENOSPC, "No space left on device", str(path))
        real(path)

    with monkeypatch.context() as full:
        full.setattr(files, "sync", sync)
        assert runs.work(run.folder) == "failed"
    now = run.look()
    assert "disk is full" in now.template
    assert now.facts["images"] == now.points[-1].images > 0
    assert Checkpoint.open(now.points[-1].folder).load()
    assert [f.name for f in (run.folder / "points").iterdir()] == [now.points[-1].name]
    assert "Traceback" in now.details
    assert runs.work(run.folder) == "finished"
    assert same(run, straight)


def test_any_other_mistake_becomes_a_sentence(run, monkeypatch):
    monkeypatch.setattr(runs.queue, "turn", lambda *_: 1 / 0)
    assert runs.work(run.folder) == "failed"
    now = run.look()
    assert now.template.startswith("Training stopped because of a mistake")
    assert "ZeroDivisionError" in now.details


def test_nobody_ever_sees_half_a_point(run):
    seen, stop, wrong = set(), threading.Event(), []

    def watch():
        while not stop.is_set():
            for point in points.all_points(run.folder):
                try:
                    Checkpoint.open(point.folder).wall_pixels()
                    load_file(point.folder / "model.safetensors")
                    seen.add(point.name)
                except Exception as error:
                    wrong.append(error)
            time.sleep(0.02)

    reader = threading.Thread(target=watch)
    reader.start()
    runs.work(run.folder)
    stop.set()
    reader.join()
    assert not wrong
    assert seen


def test_the_reader_waits_for_a_torn_line_and_notices_a_file_that_was_cut_back(tmp_path):
    file = tmp_path / "events.jsonl"
    lines = [Progress(fraction=i / 10, images=i, seconds=i / 7, parts={"a": float(i)}).line() + "\n" for i in range(10)]
    reader = look.Reader(file)
    assert reader.read().progress is None
    file.write_text("".join(lines[:3]) + lines[3][:20])
    assert reader.read().progress.images == 2
    file.write_text("".join(lines[:4]) + '{"kind":"from tomorrow"}\n' + "".join(lines[4:6]))
    assert reader.read().progress.images == 5
    assert len(reader.curves["a"].values) == 6
    file.write_text("".join(lines[:2]))
    assert reader.read().progress.images == 1
    file.write_text(lines[0] + "".join(lines[5:]))  # shorter, then longer again between two looks
    assert [x for x, _ in reader.read().curves["a"].values] == [0, 5, 6, 7, 8, 9]


def test_a_long_curve_stays_short_and_keeps_its_shape():
    curve = look.Curve()
    for step in range(10_000):
        curve.add(step, step / 10_000)
    assert len(curve.values) < look.LONGEST
    assert all(abs(x / 10_000 - y) < 1e-9 for x, y in curve.values)


# ---- delete, owners, orders


def test_delete_ends_the_process_and_removes_the_run_alone(tmp_path, pictures, run):
    other = Run.create(run.folder.parent, order(pictures), name="Other")
    run.start()
    wait(run, "running")
    child = look.children[run.folder]
    run.delete()
    assert child.poll() is not None
    assert [folder.name for folder in files.folders(run.folder.parent)] == [other.folder.name]
    with pytest.raises(Trouble, match="not there"):
        run.look()
    link = run.folder.parent / "link"
    link.symlink_to(other.folder)
    with pytest.raises(Trouble, match="not there"):
        Run(link).delete()
    assert other.look().state == "ready"


def test_everyone_sees_their_own_runs(tmp_path, pictures, run):
    theirs = Run.create(run.folder.parent, order(pictures), owner="you")
    assert [r.folder for r in Run.all(run.folder.parent, "me")] == [run.folder]
    assert Run.find(run.folder.parent, theirs.folder.name, "you").look().owner == "you"
    for key in (theirs.folder.name, "../" + run.folder.name, "."):
        with pytest.raises(Trouble, match="no run called"):
            Run.find(run.folder.parent, key, "me")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"family": "cat"}, "no family called cat"),
        ({"size": "huge"}, "no size called huge"),
        ({"set": ""}, "Choose pictures"),
        ({"set": "nowhere"}, "nothing to use in nowhere"),
        ({"plan": {"budget": -1}}, "How long must be at least 0"),
        ({"options": {"loss": "grief"}}, "Loss must be one of"),
        ({"options": {"colour": 3}}, "no setting called colour"),
        ({"start_from": "/nowhere"}, "nothing to use in /nowhere"),
    ],
)
def test_an_order_that_cannot_be_carried_out_is_refused_in_words(tmp_path, pictures, change, words):
    with pytest.raises(Trouble, match=words):
        Run.create(tmp_path / "runs", {**order(pictures), **change})
    assert not list(tmp_path.iterdir())


def test_a_model_can_start_from_another_one_with_other_classes(tmp_path, pictures, straight):
    import torch

    from genmodels.images import PictureFormat
    from genmodels.runs.order import build

    wanted = {**order(pictures), "start_from": str(straight.look().result)}
    model = build(wanted, PictureFormat(28, 1, ("large", "round")), 64)
    known = Checkpoint.open(straight.look().result).load().state_dict()
    assert torch.equal(model.state_dict()["critic.classes.weight"][0], known["critic.classes.weight"][1])
    assert torch.equal(model.state_dict()["critic.verdict.weight"], known["critic.verdict.weight"])
    bigger = {**wanted, "options": {"width": 16, "critic_width": 24}}
    with pytest.raises(Trouble, match="too different"):
        build(bigger, PictureFormat(28, 1, ()), 64)


def test_a_promise_is_measured_once(tmp_path, pictures, monkeypatch):
    monkeypatch.setenv("GENMODELS_HOME", str(tmp_path))
    assert runs.promised(order(pictures)) is None
    promise = runs.promise(order(pictures))
    assert promise["images"] == PICTURES
    assert promise["seconds"] == pytest.approx(PICTURES / promise["images_per_second"], rel=0.9)
    assert promise["memory"] > 50e6
    assert runs.promised(order(pictures)) == promise
    assert runs.promised(order(pictures, budget=60, unit="seconds"))["seconds"] == 60
    assert runs.promised(order(pictures, budget=0))["seconds"] is None


def test_looking_after_runs_costs_no_torch():
    code = "import sys, genmodels, genmodels.runs, genmodels.runs.worker; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_save_is_said_when_it_is_there(straight):
    lines = [events.parse(line) for line in (straight.folder / "events.jsonl").read_text().splitlines()]
    saved = [event.point for event in lines if isinstance(event, Saved)]
    assert saved == [point.name for point in straight.look().points]
