"""Six sets ship, small, whole and with their licences, and open without a network."""

import json
import subprocess
import sys

import numpy as np
import pytest

from genmodels.data import starters
from genmodels.events import Trouble
from genmodels.images import open_pixels


@pytest.mark.parametrize("name", starters.NAMES)
def test_a_set_opens_as_its_json_says(name):
    facts, pictures = starters.about(name), starters.open(name)
    assert len(pictures) == facts["count"]
    assert pictures.format.size == facts["size"]
    assert pictures.format.channels == facts["channels"]
    assert list(pictures.classes) == facts["classes"]
    assert pictures.names == tuple(facts["names"])
    assert len(pictures.names) in (0, len(pictures))
    assert pictures.licence
    assert pictures.origin
    assert len(starters.licence(name)) > 300
    if pictures.classes:
        assert np.bincount(pictures.labels).tolist() == facts["counts"]
        assert min(facts["counts"]) >= 16
        assert set(pictures.labels[: len(pictures.classes)]) == set(range(len(pictures.classes)))
    assert 0 < pictures.held_out.sum() <= 1000


@pytest.mark.parametrize("name", starters.NAMES)
def test_the_sheet_shows_the_first_pictures(name):
    pictures = starters.open(name)
    sheet = open_pixels(starters.sheet(name), pictures.format.channels)
    size = pictures.format.size
    assert sheet.shape[:2] == (4 * size, 8 * size)
    assert np.array_equal(sheet[:size, :size], pictures.images[0])


def test_together_they_stay_under_14_megabytes_and_each_under_5():
    weights = [sum(f.stat().st_size for f in (starters.ASSETS / n).iterdir()) for n in starters.NAMES]
    assert sum(weights) < 14e6
    assert max(weights) < 5e6


def test_an_unknown_name_is_answered_with_those_there_are():
    with pytest.raises(Trouble, match="avatars, digits"):
        starters.open("cats")


def test_making_a_set_gives_the_same_set_again(tmp_path):
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (300, 28, 28), dtype=np.uint8)
    images[7] = images[8]  # an equal picture is taken once
    labels = np.repeat([0, 1, 2], [150, 140, 10])  # too few of the last for a class
    np.savez(tmp_path / "digits.npz", images=images, labels=labels, label_names=np.array(["a", "b", "c"]))
    first = starters.make(tmp_path / "digits.npz", tmp_path / "one", "digits")
    assert first["classes"] == ["a", "b"]
    assert first["counts"] == [149, 140]
    starters.make(tmp_path / "digits.npz", tmp_path / "two", "digits")
    for file in ("atlas.webp", "sheet.webp", "set.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    assert json.loads((tmp_path / "one" / "set.json").read_text(encoding="utf-8")) == first


def test_opening_a_set_needs_no_torch():
    code = (
        "import sys; from genmodels.data import starters; starters.open('avatars'); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
