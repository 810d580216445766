"""Intake in its own process: 200 hostile files, the memory they take, kills and stops."""

import json
import os
import pathlib
import time

import pytest
from hostile_files import encoded, picture, write_200

from genmodels.data import intake
from genmodels.data.imageset import ImageSet
from genmodels.data.intake import Intake
from genmodels.events import Failed, Finished, Judged, Trouble


def everything_under(folder):
    return {str(path): path.stat().st_size for path in folder.rglob("*")}


def test_200_mixed_files_in_a_child(tmp_path_factory, tmp_path):
    folder = tmp_path_factory.mktemp("mixed") / "my pictures"
    expected = write_200(folder)
    assert len(expected) >= 200
    before, outside = everything_under(folder), everything_under(folder.parent.parent)
    peak = child(tmp_path / "job", folder)
    events, _ = intake.read(tmp_path / "job")
    judged = {event.name: event for event in events if isinstance(event, Judged)}
    assert {name: event.reason for name, event in judged.items()} == expected
    assert all(event.kept == (expected[name] == "") for name, event in judged.items())
    assert all(len(event.template.format(**event.facts)) > 4 for event in judged.values())
    good = [name for name, reason in expected.items() if not reason]
    assert isinstance(events[-1], Finished)
    assert events[-1].facts["kept"] == len(good)
    pictures = ImageSet.open(tmp_path / "job" / "set")
    assert len(pictures) == len(good)
    assert set(pictures.names) == set(good)
    assert pictures.format.channels == 3
    assert pictures.names[judged[good[7]].index] == good[7]
    assert 0 < peak < 1_000_000_000
    assert everything_under(folder) == before
    written = set(everything_under(folder.parent.parent)) - set(outside)
    assert all(path.startswith(str(tmp_path)) for path in written)
    names = {path.name for path in (tmp_path / "job").iterdir()}
    assert names == {"order.json", "events.jsonl", "intake.lock", "intake.log", "preview.webp", "set"}
    reports = [json.loads(line) for line in (tmp_path / "job/set/judged.jsonl").read_bytes().splitlines()]
    assert len(reports) == len(judged)
    assert (tmp_path / "job/set/refused.webp").exists()


def child(job, *given):
    """Run intake in its child and return the most memory it had, in bytes."""
    intake.start(job, list(given), Intake(size="32"))
    started, peak = time.monotonic(), 0
    while not any(isinstance(event, (Finished, Failed)) for event in intake.read(job)[0]):
        assert time.monotonic() - started < 60
        peak = max(peak, memory_of(owner_of(job)))
        time.sleep(0.02)
    while intake.alive(job):
        time.sleep(0.02)
    return peak


def memory_of(process):
    """The high-water mark of a process so far, in bytes; 0 when it is gone."""
    try:
        lines = pathlib.Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0
    return max((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), default=0)


def test_a_killed_child_leaves_no_set_and_is_told_as_failed(tmp_path):
    (tmp_path / "in").mkdir()
    for seed in range(150):
        (tmp_path / "in" / f"{seed}.jpg").write_bytes(encoded(picture(seed, 700, 700), "JPEG"))
    job = tmp_path / "job"
    intake.start(job, [tmp_path / "in"], Intake())
    while not intake.alive(job):
        time.sleep(0.02)
    with pytest.raises(Trouble):
        intake.start(job, [tmp_path / "in"], Intake())
    while not any(isinstance(event, Judged) for event in intake.read(job)[0]):
        time.sleep(0.02)
    if not owner_of(job):
        pytest.skip("needs /proc to find the child")
    os.kill(owner_of(job), 9)
    while intake.alive(job):
        time.sleep(0.02)
    events, offset = intake.read(job)
    assert isinstance(events[-1], Failed)
    assert not (job / "set").exists()
    assert isinstance(intake.read(job, offset)[0][-1], Failed)
    peak = child(job, tmp_path / "in")  # and it can be started again
    assert 0 < peak < 1_000_000_000
    assert len(ImageSet.open(job / "set")) == 150
    assert not (job / "set.part").exists()


def owner_of(job):
    """The process that runs intake for this job, found by its command line."""
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"genmodels.data.intake" in words and str(job.resolve()).encode() in words:
            return int(process.name)
    return 0


def test_stop_leaves_the_older_set_alone(tmp_path):
    (tmp_path / "in").mkdir()
    for seed in range(100):
        (tmp_path / "in" / f"{seed}.jpg").write_bytes(encoded(picture(seed, 600, 600), "JPEG"))
    few = sorted((tmp_path / "in").iterdir())[:20]
    list(intake.take(few, Intake(), tmp_path / "job" / "set"))
    before = ImageSet.open(tmp_path / "job/set").fingerprint()
    intake.start(tmp_path / "job", [tmp_path / "in"], Intake())
    intake.stop(tmp_path / "job")
    while not any(isinstance(event, (Finished, Failed)) for event in intake.read(tmp_path / "job")[0]):
        time.sleep(0.05)
    assert "stopped" in intake.read(tmp_path / "job")[0][-1].template
    assert ImageSet.open(tmp_path / "job/set").fingerprint() == before
