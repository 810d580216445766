"""Be the critic: the band of guessing, coins that cannot be counted, classes and bytes that give nothing away."""

from __future__ import annotations

import json
import math
import pathlib
import types

import numpy as np
import pytest

from genmodels.data.imageset import ImageSet
from genmodels.events import Trouble
from genmodels.images import PictureFormat
from genmodels.quizzes import COUNT, Quizzes, Room, Shown, Verdict, band, choose, rate, verdict
from genmodels.ui import quiz_views

ANNA, BEN = "anna", "ben"
CLASSES = ("a", "b", "c")


def pictures(count: int = 400, labelled: bool = True) -> ImageSet:
    """Pictures whose grey says their class: 10, 11, 12."""
    labels = np.arange(count) % 3
    pixels = np.broadcast_to((10 + labels).astype(np.uint8)[:, None, None, None], (count, 28, 28, 1))
    return ImageSet(np.array(pixels), labels if labelled else None, CLASSES if labelled else (), name="greys")


class Drawing:
    """A model that makes the same pictures, 100 lighter, and remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[list[int] | None] = []

    def draw(self, folder, seed, indices, labels, diversity, asker="") -> np.ndarray:
        self.asked.append(labels)
        shades = np.full(len(indices), 110) if labels is None else 110 + np.array(labels)
        return np.broadcast_to(shades.astype(np.uint8)[:, None, None, None], (len(indices), 28, 28, 1))


@pytest.fixture
def table(tmp_path: pathlib.Path):
    """(quizzes, what draws): one model of three classes and one set of the same."""
    return quizzes(tmp_path, pictures())


def quizzes(folder: pathlib.Path, real: ImageSet, classes: tuple[str, ...] = CLASSES):
    drawing = Drawing()
    model = types.SimpleNamespace(name="Greys", identity="f00d", picture=PictureFormat(28, 1, classes))
    library = types.SimpleNamespace(find=lambda owner, key: model, folder=lambda owner, key: folder / key)
    known = types.SimpleNamespace(title="Greys", size=28, channels=1, classes=real.classes)
    sets = types.SimpleNamespace(find=lambda owner, key: known, open=lambda owner, key: real)
    walls = types.SimpleNamespace(sampler=drawing)
    marks = (lambda visitor: visitor or "", lambda owner, key: real.fingerprint())
    return Quizzes(folder / "counts", library, sets, walls, *marks), drawing


def play(made: Quizzes, visitor: str = ANNA, said=lambda pixels: True):
    """A whole round; `said` looks at a picture and says whether it is made."""
    quiz = made.begin(visitor, "model", "set")
    while quiz.verdict is None:
        quiz = made.answer(visitor, quiz.key, quiz.number, said(quiz.pixels))
    return quiz


def is_made(pixels: np.ndarray) -> bool:
    """In this room a made picture is a light one."""
    return int(pixels.max()) > 100


@pytest.mark.parametrize(("count", "low", "high"), [(20, 6, 14), (10, 2, 8), (100, 40, 60), (5, 0, 5)])
def test_the_band_holds_95_of_100_who_guess(count: int, low: int, high: int) -> None:
    assert band(count) == (low, high)
    inside = sum(math.comb(count, hits) for hits in range(low, high + 1)) / 2**count
    assert inside >= 0.95
    assert inside - 2 * math.comb(count, low) / 2**count < 0.95  # a narrower one would not


def test_a_share_has_its_exact_interval() -> None:
    assert rate(0, 10) == pytest.approx((0, 0, 1 - 0.025**0.1))
    assert rate(10, 10) == pytest.approx((1, 0.025**0.1, 1))
    assert rate(13, 20) == pytest.approx((0.65, 0.4078, 0.8461), abs=1e-4)  # a table of Clopper and Pearson
    assert rate(0, 0) == (0, 0, 1)


@pytest.mark.parametrize(("right", "outcome"), [(5, "turned"), (6, "could not"), (14, "could not"), (15, "could")])
def test_what_a_result_means(right: int, outcome: str) -> None:
    blank = np.zeros((28, 28, 1), np.uint8)
    shown = tuple(Shown(blank, "", made=True, said_made=number < right) for number in range(20))
    assert verdict(shown).outcome == outcome


def test_a_coin_decides_each_picture(table) -> None:
    counts = [sum(each.made for each in play(table[0]).verdict.shown) for _ in range(60)]
    assert 8.5 < np.mean(counts) < 11.5
    assert np.std(counts) > 1.2  # a fair coin gives 2.2; ten and ten would give 0
    assert len(set(counts)) > 3


def test_who_sees_the_truth_is_told_right_and_who_says_always_the_same_is_not(table) -> None:
    assert play(table[0], said=is_made).verdict.right == COUNT
    rounds = [play(table[0]).verdict for _ in range(40)]
    assert sum(each.outcome == "could not" for each in rounds) >= 33  # 96 of 100 are expected


def test_made_pictures_come_in_the_classes_of_those_they_replace(table) -> None:
    quiz = play(table[0])
    for each in quiz.verdict.shown:
        shade = int(each.pixels.max()) - (110 if each.made else 10)
        assert CLASSES[shade] == each.kind
    assert table[1].asked[-1] is not None


def test_without_labels_on_both_sides_nothing_is_matched(tmp_path) -> None:
    made, drawing = quizzes(tmp_path, pictures(labelled=False))
    assert {each.kind for each in play(made).verdict.shown} == {""}
    assert drawing.asked == [None]


def test_real_ones_are_held_out_and_none_comes_twice() -> None:
    real = pictures()
    rows, seen = choose(real, np.random.default_rng(0))
    assert not seen
    assert real.held_out[rows].all()
    assert len(set(rows.tolist())) == COUNT
    rows, seen = choose(pictures(30), np.random.default_rng(0))
    assert seen
    assert len(set(rows.tolist())) == COUNT


def test_the_page_knows_no_answer(table) -> None:
    made = table[0]
    pages = {}
    for _ in range(30):
        quiz = made.begin(ANNA, "model", "set")
        truth, pixels = is_made(quiz.pixels), np.full((28, 28, 1), 7, np.uint8)
        same = types.SimpleNamespace(**{**vars(quiz), "pixels": pixels, "kind": "a"})
        pages.setdefault(truth, set()).add(quiz_views.shown(same))
        assert quiz.key not in quiz_views.shown(quiz)
    assert pages[True] == pages[False]  # the same picture gives the same page, whatever it is
    assert len(pages[True]) == 1


def test_an_answer_is_heard_once_and_only_from_who_plays(table) -> None:
    quiz = table[0].begin(ANNA, "model", "set")
    second = table[0].answer(ANNA, quiz.key, 1, True)
    assert second.number == 2
    assert table[0].answer(ANNA, quiz.key, 1, False).number == 2  # the same key again, or a click that came late
    assert table[0].answer(ANNA, quiz.key, 7, False).number == 2
    for visitor, key in ((BEN, quiz.key), (ANNA, "0" * 32)):
        with pytest.raises(Trouble, match="round is over"):
            table[0].answer(visitor, key, 2, True)


def test_of_the_room_only_counts_are_kept(table, tmp_path) -> None:
    assert table[0].room(ANNA, "model", "set") == Room()
    first = play(table[0], ANNA).verdict.shown
    second = play(table[0], BEN, said=lambda pixels: False).verdict.shown
    shown = [*first, *second]
    room = table[0].room(BEN, "model", "set")
    assert room == Room(2, sum(s.made for s in shown), sum(s.made for s in second), 40 - room.made, room.trusted)
    assert room.trusted == sum(not s.made for s in second)
    (file,) = (tmp_path / "counts").glob("*.json")
    assert set(json.loads(file.read_text())) == {"rounds", "made", "fooled", "real", "trusted"}
    file.write_text("{half")
    assert table[0].room(ANNA, "model", "set") == Room()


def test_what_does_not_go_together_is_refused(tmp_path) -> None:
    made, _ = quizzes(tmp_path, pictures(), classes=("x", "y"))
    with pytest.raises(Trouble, match="other kinds"):
        made.begin(ANNA, "model", "set")
    with pytest.raises(Trouble, match="Choose the pictures"):
        made.begin(ANNA, "model", None)


def test_the_verdict_shows_every_picture_and_what_was_said(table) -> None:
    page = quiz_views.shown(play(table[0], said=is_made))
    assert "You told 20 of 20 right." in page
    assert "at least 95 of 100 people get 6 to 14" in page
    assert "So you could tell them apart." in page
    assert page.count("<li") == COUNT
    assert "1 round" in page
    assert isinstance(play(table[0]).verdict, Verdict)
    assert "再来一轮" in quiz_views.shown(play(table[0]), "zh")
