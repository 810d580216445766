"""Odd one out: a stranger ranks first, the heat lies where the change is, and bad files cost one sentence."""

from __future__ import annotations

import csv
import io
import pathlib
import time
import types
import zipfile

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from sklearn.metrics import roc_auc_score

from genmodels import oddities, oddity
from genmodels.checkpoint import Checkpoint
from genmodels.data import starters
from genmodels.data.imageset import ImageSet
from genmodels.events import Finished, Judged, Problem, Progress, Trouble
from genmodels.images import png, to_images
from genmodels.library import Library
from genmodels.oddities import looking
from genmodels.oddities.looking import kinds_of, looked_at
from genmodels.oddity import eyes
from genmodels.sets import Sets
from genmodels.ui import odd_views

SHIPPED = pathlib.Path(__file__).resolve().parents[1] / "checkpoints"
ANNA, BEN = "a", "b"


@pytest.fixture(scope="module")
def digits() -> ImageSet:
    return starters.open("digits")


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer pictures to compare with: the promises are the same, and the test is quick."""
    monkeypatch.setattr(oddity, "FITTED", 1_500)
    monkeypatch.setattr(oddity, "ORDINARY", 200)
    monkeypatch.setattr(eyes, "MADE", 400)
    torch.set_num_threads(1)


@pytest.fixture(params=["vae", "gan"])
def model(request: pytest.FixtureRequest):
    """One with an encoder, and one without."""
    return Checkpoint.open(SHIPPED / f"digits-{request.param}").load()


def some(digits: ImageSet, count: int = 23) -> np.ndarray:
    """Held-out digits that are not among the ordinary ones here."""
    rows = np.random.default_rng(0).permutation(np.flatnonzero(digits.held_out))[oddity.ORDINARY :]
    return digits.images[rows[:count]]


def test_a_planted_stranger_ranks_first(model, digits: ImageSet) -> None:
    stranger = starters.open("fashion").images[:1]
    pixels = np.concatenate([some(digits), stranger])
    found = oddity.score(model, to_images(pixels), None, digits)
    assert found.scores.argmax() == len(pixels) - 1
    assert found.scores[-1] > 1
    assert found.beyond[-1] > 0.99
    assert np.median(found.beyond[:-1]) == pytest.approx(0.5, abs=0.25)  # the others are as ordinary as they are
    assert found.heat.shape == (len(pixels), 28, 28)
    assert found.answers.shape == pixels.shape
    assert not found.seen


def test_the_heat_lies_where_a_patch_was_planted(model, digits: ImageSet) -> None:
    pixels = some(digits, 6).copy()
    places = [(2, 2), (2, 20), (20, 2), (20, 20), (22, 11), (11, 1)]
    for picture, (top, left) in zip(pixels, places, strict=True):
        picture[top : top + 5, left : left + 5] = 255
    heat = oddity.score(model, to_images(pixels), None, digits).heat
    for each, (top, left) in zip(heat, places, strict=True):
        inside = each[top : top + 5, left : left + 5].mean()
        assert inside > 2 * each.mean(), (top, left)


def test_a_label_that_somebody_knows_is_taken(digits: ImageSet) -> None:
    vae = Checkpoint.open(SHIPPED / "digits-vae").load()
    held, labels = digits.held()
    images, labels = to_images(held[:40]), torch.from_numpy(labels[:40])
    right = oddity.score(vae, images, labels, digits).readings["place"]
    wrong = oddity.score(vae, images, (labels + 1) % 10, digits).readings["place"]
    guessed = oddity.score(vae, images, None, digits).readings["place"]
    assert (wrong > right).mean() > 0.9
    assert np.median(np.abs(guessed - right)) < 0.1  # for most, the class is found


def test_progress_rises_and_another_format_is_refused(digits: ImageSet) -> None:
    vae = Checkpoint.open(SHIPPED / "digits-vae").load()
    events = list(oddity.scoring(vae, to_images(some(digits, 3)), None, digits))
    told = [event.fraction for event in events if isinstance(event, Progress)]
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1)
    assert isinstance(events[-1], Finished)
    faces = starters.open("avatars")
    with pytest.raises(Trouble, match="another size"):
        oddity.score(vae, to_images(faces.images[:1]), None, faces)


def test_a_set_too_small_to_hold_any_out_says_so(digits: ImageSet) -> None:
    vae = Checkpoint.open(SHIPPED / "digits-vae").load()
    small = ImageSet(digits.images[:60], digits.labels[:60], digits.classes)
    found = oddity.score(vae, to_images(some(digits, 2)), None, small)
    assert found.seen
    assert found.ordinary == 60


def test_auroc_is_the_share_of_pairs_in_order() -> None:
    odd = np.array([0, 0, 1, 0, 1, 1], bool)
    value, low, high = oddity.auroc(np.array([1, 2, 3, 4, 5, 6.0]), odd)
    assert value == pytest.approx(8 / 9)  # of nine pairs, (3, 4) is the wrong way round
    assert low <= value <= high
    random = np.random.default_rng(0)
    odd, scores = random.random(400) < 0.5, random.integers(0, 50, 400)  # with ties
    value, low, high = oddity.auroc(scores, odd)
    assert value == pytest.approx(roc_auc_score(odd, scores))
    assert low < 0.5 < high
    assert high - low < 0.2
    with pytest.raises(Trouble, match="odd and ordinary"):
        oddity.auroc(scores, np.ones(400, bool))


def test_lost_structure_by_hand() -> None:
    random = np.random.default_rng(0)
    one = random.normal(size=(1, 1, 32, 32))
    assert eyes.lost(one, one) == pytest.approx(0, abs=1e-6)
    assert eyes.lost(one, one + 0.5) == pytest.approx(0, abs=1e-6)  # brightness alone is no structure
    assert eyes.lost(one, -one).mean() == pytest.approx(2, abs=0.05)
    spread, c2 = 1.0, 0.0036  # half the contrast: 1 - (2 * 0.5 + c2) / (1 + 0.25 + c2)
    expected = 1 - (2 * 0.5 * spread + c2) / (1.25 * spread + c2)
    assert eyes.lost(one, one / 2).mean() == pytest.approx(expected, abs=0.01)


def test_surprise_is_a_density() -> None:
    factor = np.array([[1.0, 0], [0.5, 2]])
    mixture = [np.array([0.3, 0.7]), np.array([[0.0, 0], [3, 1]]), np.stack([np.eye(2), factor])]
    points = np.random.default_rng(0).normal(size=(5, 2))
    parts = zip(*mixture, strict=True)
    density = sum(w * multivariate_normal(m, f @ f.T).pdf(points) for w, m, f in parts)
    assert eyes.surprise(mixture, points) == pytest.approx(-np.log(density))


# ---- files


def bring(folder: pathlib.Path, digits: ImageSet) -> pathlib.Path:
    """A ZIP of digits and one shoe in folders, with a text and a torn picture among them."""
    shoe = starters.open("fashion").images[0]
    file = folder / "brought.zip"
    with zipfile.ZipFile(file, "w") as packed:
        for number, picture in enumerate(some(digits, 9)):
            packed.writestr(f"good/{number}.png", png(picture))
        packed.writestr("strange/shoe.png", png(shoe))
        packed.writestr("strange/words.png", b"only words")
        packed.writestr("strange/torn.png", png(np.zeros((90, 90, 3), np.uint8))[:60])
    return file


def test_bad_files_cost_one_sentence_each(tmp_path, digits: ImageSet, monkeypatch) -> None:
    file, folder = bring(tmp_path, digits), SHIPPED / "digits-vae"
    events, looked = [], looked_at(folder, "digits", [file])
    while True:
        try:
            events.append(next(looked))
        except StopIteration as end:
            found = end.value
            break
    refused = [event for event in events if isinstance(event, Judged)]
    assert sorted(event.name.rpartition("/")[2] for event in refused) == ["torn.png", "words.png"]
    assert all(event.template.endswith(".") and not event.kept for event in refused)
    assert found.names[found.oddity.scores.argmax()].endswith("shoe.png")
    assert sorted(set(found.kinds)) == ["good", "strange"]
    assert found.pixels.shape == (10, 28, 28, 1)
    words = tmp_path / "words.png"
    words.write_bytes(b"only words")
    with pytest.raises(Trouble, match="None of these files"):
        list(looked_at(folder, "digits", [words]))
    monkeypatch.setattr(looking, "MOST", 4)
    told = list(looked_at(folder, "digits", [file]))
    assert any(isinstance(event, Problem) and event.name == "many" for event in told)
    assert told[-1].facts == {"n": 4}


def test_kinds_are_folders_or_how_names_begin() -> None:
    assert kinds_of(["z.zip/a/1.png", "z.zip/b/2.png"], ["a", "b"]) == ["a", "b"]
    assert kinds_of(["Normal-12.png", "ill_3.png", "7.png"], ["", "", ""]) == ["normal", "ill", ""]


def test_in_a_process_of_its_own(tmp_path, digits: ImageSet, monkeypatch) -> None:
    monkeypatch.setenv("GENMODELS_HOME", str(tmp_path / "home"))
    room = oddities.Oddities(
        tmp_path / "odd", Library(SHIPPED, tmp_path / "models"), Sets(tmp_path / "sets"), lambda visitor: visitor or ""
    )
    for wrong, words in (
        ((ANNA, "digits-vae", "digits", []), "Choose some pictures"),
        ((ANNA, "digits-vae", "avatars", ["x"]), "pixels a side"),
    ):
        with pytest.raises(Trouble, match=words):
            room.start(*wrong)
    file = bring(tmp_path, digits)
    key = room.start(ANNA, "digits-vae", "digits", [str(file)])
    assert room.look(BEN, key) is None
    end = time.monotonic() + 120
    while (ranking := room.look(ANNA, key)).alive and time.monotonic() < end:
        time.sleep(0.1)
    assert isinstance(ranking.end, Finished), ranking.end
    assert ranking.items[0].name.endswith("shoe.png")
    scores = [item.score for item in ranking.items]
    assert scores == sorted(scores, reverse=True)
    assert ranking.kinds == ("good", "strange")
    assert oddities.told_apart(ranking, "strange")[0] == 1.0
    assert oddities.told_apart(ranking, "nothing") is None
    again = room.start(ANNA, "digits-vae", "digits", [str(file)])  # what was looked at before goes
    assert room.look(ANNA, key) is None
    room.cancel(ANNA, again)
    assert room.look(ANNA, again) is None
    assert not list((tmp_path / "odd").glob("[!.]*"))


def test_names_from_outside_are_made_safe() -> None:
    blank = np.zeros((28, 28, 1), np.uint8)
    item = oddities.Item("=cmd<b>", "odd", 1.5, 0.97, blank, blank, np.zeros((28, 28)))
    ranking = oddities.Ranking("k", "", {}, end=Finished(template=""), items=(item,), kinds=("odd",), name="Model")
    page = odd_views.ranked(ranking)
    assert "<b>" not in page.replace('<b class="', "")
    assert "odder than 97 of 100" in page
    row = list(csv.reader(io.StringIO(odd_views.listed(ranking))))[1]
    assert row[1] == "'=cmd<b>"
    assert "Model ranked 1 pictures; 1 are odder" in odd_views.status(ranking)


def test_heat_glows_and_the_rest_stays_grey() -> None:
    heat = np.zeros((28, 28))
    heat[3, 4] = 50
    glowing = odd_views.glow(np.full((28, 28, 1), 100, np.uint8), heat)
    assert glowing.shape == (28, 28, 3)
    assert np.ptp(glowing[20, 20].astype(int)) == 0
    assert np.ptp(glowing[3, 4].astype(int)) > 60
    assert odd_views.told_apart(None, "odd", types.SimpleNamespace(items=())) == ""
