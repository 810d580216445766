"""Judging as visitors meet it: in a process of its own, one at a time, theirs alone, and nothing is measured twice."""

from __future__ import annotations

import json
import pathlib
import time

import numpy as np
import pytest

from genmodels import checkpoint
from genmodels.data.imageset import ImageSet
from genmodels.evaluation.result import FILE, Evaluation, Nearest, Number, Protocol
from genmodels.evaluations import Judging, __main__, desk
from genmodels.events import Trouble
from genmodels.images import PictureFormat
from genmodels.library import OWN, Library
from genmodels.runs import queue
from genmodels.studio import Studio

ANNA, BEN = "a" * 32, "b" * 32
FEW = {"count": 32}
PATIENCE = 120.0  # seconds on a busy machine
KINDS = ("dark", "bright")


@pytest.fixture
def studio(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Studio:
    """A shared studio in which Anna has a set of 160 pictures and two models, which know nothing."""
    import torch

    from genmodels.models import FAMILIES

    monkeypatch.setenv("GENMODELS_HOME", str(tmp_path))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    made = Studio(shared=True)
    made.library = made.walls.library = made.evaluations.library = Library(tmp_path / "shipped", tmp_path / "models")
    owner = made._owner(ANNA)
    for family in ("gan", "vae"):
        torch.manual_seed(0)
        fresh = FAMILIES[family](FAMILIES.sizes(family)["tiny"], PictureFormat(28, 1, KINDS)).eval()
        checkpoint.save(tmp_path / "models" / family, fresh, name=family.upper(), size="tiny", trained={"set": "Blobs"})
        (tmp_path / "models" / family / "owner").write_text(owner)
    keep_set(tmp_path / "sets" / "blobs", owner)
    return made


def keep_set(folder: pathlib.Path, owner: str, size: int = 28, channels: int = 1, kinds: tuple = KINDS) -> None:
    random, labels = np.random.default_rng(0), np.arange(160) % 2
    pixels = random.integers(0, 120, (160, size, size, channels)) + 120 * labels[:, None, None, None]
    given = {"labels": labels.astype(np.int64), "classes": kinds} if kinds else {}
    ImageSet(pixels.astype(np.uint8), name=folder.name.capitalize(), **given).save(folder / "set")
    (folder / "owner").write_text(owner)


def wait(studio: Studio, key: str, *states: str) -> Judging:
    deadline = time.monotonic() + PATIENCE
    while (seen := studio.evaluations.look(ANNA, key)).state not in states:
        assert time.monotonic() < deadline, seen
        time.sleep(0.1)
    return seen


def test_a_model_is_judged_apart_and_once_and_for_its_owner(studio: Studio, tmp_path: pathlib.Path) -> None:
    judging = studio.evaluations
    assert judging.home(ANNA, "own/gan") == "blobs"
    key = judging.start(ANNA, "own/gan", "blobs", {**FEW, "features": "/etc/passwd"})
    assert judging.start(ANNA, "own/gan", "blobs", FEW) == key, "pressed twice"
    later = Studio(shared=True)  # the page was reloaded, the server too
    assert later.evaluations.look(ANNA).key == key
    assert later.evaluations.look(BEN) is None
    assert later.evaluations.look(BEN, key) is None
    seen = wait(studio, key, "finished", "failed")
    assert seen.state == "finished", seen.details
    assert later.evaluations.look(ANNA).key == key, "a page that comes back a moment too late sees its end"
    found = seen.evaluation
    assert found.protocol.made == 32
    assert found.number("precision").low <= found.number("precision").high
    assert judging.known(ANNA, "own/gan", "blobs") == found
    assert Evaluation.open(tmp_path / "models" / "gan") == found, "the model carries its own evaluation"
    assert later.evaluations.evidence(ANNA, "own/gan", found).pairs.shape[1:] == (2, 28, 28, 1)

    stamp = (judging.jobs.root / key / "events.jsonl").stat().st_mtime_ns
    assert judging.start(ANNA, "own/gan", "blobs", FEW) == key
    assert judging.look(ANNA, key).state == "finished"
    assert (judging.jobs.root / key / "events.jsonl").stat().st_mtime_ns == stamp, "what is known is not measured twice"
    judging.cancel(BEN, key)
    assert judging.look(ANNA, key) is not None
    for foreign in (lambda: judging.start(BEN, "own/gan", "blobs", FEW), lambda: judging.start("", "x", "y", FEW)):
        with pytest.raises(Trouble):
            foreign()
    page = studio.report(ANNA, "own/gan", "blobs")
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_one_waits_for_the_other_and_cancel_works_at_once(studio: Studio) -> None:
    judging = studio.evaluations
    judging.jobs.root.mkdir(parents=True)
    slot = queue.free_slot(judging.jobs.root)  # as if something else were being judged
    first = judging.start(ANNA, "own/gan", "blobs", FEW)
    second = judging.start(ANNA, "own/vae", "blobs", FEW)
    for key, place in ((first, 1), (second, 2)):
        while (seen := wait(studio, key, "waiting")).facts["place"] != place:
            time.sleep(0.05)
        assert "number {place} in the queue" in seen.template
    process = judging.jobs.children[first]
    judging.cancel(ANNA, first)
    assert process.poll() is not None, "the process is over when cancel returns"
    assert judging.look(ANNA, first) is None
    assert not (judging.jobs.root / first).exists()
    orphan = judging.jobs.children.pop(second)  # the server was restarted meanwhile: the process has to see it alone
    judging.cancel(ANNA, second)
    orphan.wait(timeout=20)
    assert judging.look(ANNA) is None
    slot.release()


def test_what_ended_without_a_word_is_said(studio: Studio) -> None:
    folder = studio.evaluations.jobs.root / "cut"
    folder.mkdir(parents=True)
    order = {"owner": studio._owner(ANNA), "key": "own/gan", "set_key": "blobs", "name": "GAN", "created": 0.0}
    (folder / "order.json").write_text(json.dumps(order))
    (folder / "events.jsonl").write_text('{"kind":"progress","fraction":0.5}\n{"kind":"prog')
    seen = studio.evaluations.look(ANNA, "cut")
    assert (seen.state, seen.progress.fraction) == ("failed", 0.5)
    assert "cut short" in seen.template


def test_what_cannot_be_judged_gets_a_sentence(studio: Studio, tmp_path: pathlib.Path) -> None:
    owner, judging = studio._owner(ANNA), studio.evaluations
    keep_set(tmp_path / "sets" / "large", owner, size=32)
    keep_set(tmp_path / "sets" / "colour", owner, channels=3)
    keep_set(tmp_path / "sets" / "other", owner, kinds=("a", "b"))
    keep_set(tmp_path / "sets" / "plain", owner, kinds=())
    for name, words in (("large", "28 pixels a side"), ("colour", "grey set"), ("other", "other kinds")):
        assert words in str(judging.misfit(ANNA, "own/gan", name))
        with pytest.raises(Trouble):
            judging.start(ANNA, "own/gan", name, FEW)
    assert judging.misfit(ANNA, "own/gan", "plain") is None
    found = desk.look(judging, ANNA, "own/gan", "large")
    assert found.misfit is not None
    assert found.reports == ()


def test_a_mistake_in_an_order_ends_in_a_sentence(studio: Studio, tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "evaluations" / "wrong"
    folder.mkdir(parents=True)
    (folder / "order.json").write_text(json.dumps({"settings": {"count": -5}}))
    __main__.work(folder)
    assert '"kind":"failed"' in (folder / "events.jsonl").read_text()


def known(studio: Studio, key: str, model: str, value: float, **protocol) -> None:
    """An evaluation of one of Anna's models as if it had been measured."""
    fingerprint = studio.evaluations.fingerprints.of(studio._owner(ANNA), "blobs")
    numbers = (Number(name="frechet", value=value, low=value - 1, high=value + 1, better="lower", reference=4.0),)
    about = {"features": "f", "made": 100, "real": 16, "set": "Blobs", "fingerprint": fingerprint, **protocol}
    found = Evaluation(
        model=model,
        identity=studio.model(ANNA, f"{OWN}{model}").identity,
        protocol=Protocol(**about),
        numbers=numbers,
        nearest=(Nearest(index=3, label=1, row=2, distance=1.0, typical=2.0, mirrored=True),),
        rebuilt=(5, 6) if model == "vae" else (),
    )
    folder = studio.evaluations.jobs.root / key
    folder.mkdir(parents=True, exist_ok=True)
    order = {"owner": studio._owner(ANNA), "key": f"{OWN}{model}", "set_key": "blobs", "created": time.time()}
    (folder / "order.json").write_text(json.dumps(order))
    found.save(folder)


def test_two_stand_side_by_side_only_under_one_protocol(studio: Studio) -> None:
    judging, asked = studio.evaluations, (ANNA, "own/gan", "blobs", "own/vae")
    assert desk.look(judging, *asked).reports == ()
    known(studio, "one", "gan", 9.0)
    missing = desk.look(judging, *asked)
    assert "has not been judged" in str(missing.refusal)
    assert missing.alike
    known(studio, "two", "vae", 20.0, made=900)
    differ = desk.look(judging, *asked)
    assert "different numbers of made pictures" in str(differ.refusal)
    assert len(differ.reports) == 1
    known(studio, "three", "vae", 20.0)
    both = desk.look(judging, *asked)
    assert [each.evaluation.protocol.made for each in both.reports] == [100, 100], "the one taken the same way"
    assert (both.walls[0].ask.seed, both.walls[0].labels) == (both.walls[1].ask.seed, both.walls[1].labels)
    assert judging.known(ANNA, "own/vae", "blobs").protocol.made == 900
    assert judging.known(ANNA, "own/vae", "blobs", job="three").protocol.made == 100
    proven = desk.prove(judging, ANNA, both.reports)[1].evidence
    pictures = studio.pictures.open(studio._owner(ANNA), "blobs")
    assert (proven.pairs[0, 1] == pictures.images[2][:, ::-1]).all(), "the nearest picture, as it was compared"
    assert (proven.rebuilt[:, 0] == pictures.images[5:7]).all()
    assert not (judging.jobs.root / "one" / FILE).read_text().startswith("[")


def test_a_smaller_judgement_does_not_replace_what_a_model_carries(tmp_path) -> None:
    from genmodels.evaluation.result import Evaluation, Protocol
    from genmodels.evaluations.__main__ import _weaker

    def judged(**protocol: float) -> Evaluation:
        about = {"features": "studio-1", "made": 1000, "real": 500} | protocol
        return Evaluation(model="mine", identity="a", protocol=Protocol(**about))

    assert not _weaker(judged(), tmp_path)
    judged().save(tmp_path)
    assert _weaker(judged(made=16), tmp_path)
    assert _weaker(judged(diversity=0.3), tmp_path)
    assert not _weaker(judged(made=2000), tmp_path)
