"""The judge earns its trust: damage is ranked, noise is no picture, classes are recognised, wrong files are refused."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from genmodels.data import starters
from genmodels.data.imageset import ImageSet
from genmodels.events import Progress, Trouble
from genmodels.images import to_images
from genmodels.judge import Judge, classifier, digit_judge, judge, learn_classes, learn_features, named, ranking, train
from genmodels.judge.classifiers import NETWORKS
from genmodels.judge.degrade import KINDS
from genmodels.judge.digits import DigitJudge
from genmodels.judge.inception import Inception
from genmodels.judge.network import ASSETS, StudioJudge, folded


def some(name: str, count: int = 40) -> torch.Tensor:
    """The first pictures of a starter set, [n, c, h, w] in [-1, 1]."""
    return to_images(starters.open(name).images[:count])


@pytest.mark.parametrize("name", starters.NAMES)
def test_any_picture_of_the_studio_has_features(name: str) -> None:
    features = judge().features(some(name))
    assert features.shape == (40, judge().width)
    assert features.dtype == np.float32
    assert np.isfinite(features).all()
    assert np.abs(features).mean() < 10
    assert features.std(0).min() > 0


def test_features_do_not_depend_on_company_or_on_how_grey_is_written() -> None:
    images = some("digits")
    together = judge().features(images)
    assert np.allclose(together[7], judge().features(images[7:8])[0], atol=1e-3)
    assert np.allclose(together, judge().features(images.repeat(1, 3, 1, 1)), atol=1e-3)
    assert judge().features(images[:0]).shape == (0, judge().width)
    assert named("studio") is judge()


@pytest.mark.parametrize("name", ["avatars", "digits"])
def test_every_step_of_damage_is_seen_and_noise_is_far_from_all(name: str) -> None:
    found = list(ranking.rank(name, starters.open(name).images, judge(), 120))
    rows = [row for row in found if isinstance(row, ranking.Row)]
    assert len(rows) == len(KINDS) + 2
    assert not {row.kind: row.frechet for row in rows if row.inversions}
    strange = found[-1]
    assert strange.noise_density < 0.01
    assert strange.coverage > 0.9


def test_a_judge_that_sees_only_brightness_is_found_out() -> None:
    class Dim(Judge):
        width = 2

        def __init__(self) -> None:
            super().__init__("dim")
            self.gain = torch.nn.Parameter(torch.ones(()), requires_grad=False)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            mean = self.gain * images.mean((1, 2, 3))
            return torch.stack([mean, mean.square()], 1)

    rows = [r for r in ranking.rank("digits", starters.open("digits").images, Dim(), 60) if hasattr(r, "kind")]
    assert sum(row.inversions for row in rows) > 5


def test_a_row_counts_steps_that_do_not_grow() -> None:
    row = ranking.Row("set", "blur", (1.0, 2.0, 3.0), (1.0, 2.0, 2.0, 3.0), (0.1, 0.2, 0.3, 0.2))
    assert row.inversions == 2


@pytest.mark.parametrize(("name", "least"), [("digits", 0.99), ("fashion", 0.91), ("letters", 0.88)])
def test_our_networks_recognise_what_they_never_learnt_from(name: str, least: float) -> None:
    pictures = starters.open(name)
    found = classifier(pictures)
    held, labels = pictures.held()
    assert found.accuracy > least
    assert (found.predict(to_images(held)) == labels).mean() > least
    assert found is classifier(pictures)


def test_other_labelled_sets_get_a_probe_fitted_once() -> None:
    whole = starters.open("letters")
    rows = whole.labels < 6
    pictures = ImageSet(whole.images[rows], whole.labels[rows], whole.classes[:6], name="six letters")
    found = classifier(pictures)
    assert found.accuracy > 0.85
    assert "probe" in found.name
    assert found.predict(to_images(pictures.images[:5])).dtype == np.int64
    assert classifier(dataclasses.replace(pictures)) is found


def test_without_two_classes_nothing_is_recognised() -> None:
    assert classifier(starters.open("avatars")) is None
    digits = starters.open("digits")
    ones = ImageSet(digits.images[:100], np.zeros(100, np.int64), ("all",), name="one class")
    assert classifier(ones) is None


def test_digits_of_somebody_else_are_not_taken_for_ours() -> None:
    digits = starters.open("digits")
    renamed = ImageSet(digits.images[:400], digits.labels[:400], tuple("abcdefghij"), name="digits")
    assert "probe" in classifier(renamed).name


def test_wrong_files_are_refused(tmp_path) -> None:
    with pytest.raises(Trouble, match="lack"):
        StudioJudge.open(ASSETS / "digits.safetensors", "wrong")
    half = tmp_path / "half.safetensors"
    half.write_bytes((ASSETS / "studio.safetensors").read_bytes()[:100_000])
    with pytest.raises(Trouble, match="damaged"):
        StudioJudge.open(half, "half")
    state = load_file(ASSETS / "studio.safetensors")
    save_file({**state, "centre": state["centre"] * np.nan}, tmp_path / "nan.safetensors")
    with pytest.raises(Trouble, match="finite"):
        StudioJudge.open(tmp_path / "nan.safetensors", "nan")
    with pytest.raises(Trouble, match="missing"):
        digit_judge(tmp_path / "nowhere.safetensors")


def test_a_digit_judge_is_read_from_its_file(tmp_path) -> None:
    torch.manual_seed(0)
    made = DigitJudge("mine").eval()
    save_file(made.state_dict(), tmp_path / "mine.safetensors")
    read = named(str(tmp_path / "mine.safetensors"))
    assert read.name == "mine"
    with torch.no_grad():
        assert np.allclose(read.features(some("digits")), made(some("digits")), atol=1e-5)
    assert read.features(some("emoji", 3)).shape == (3, 128)
    assert read.predict(some("digits")).shape == (40,)


def test_inception_is_the_published_network_and_is_never_called_fid(tmp_path, monkeypatch) -> None:
    torch.manual_seed(0)
    made = Inception().eval()
    assert sum(each.numel() for each in made.parameters()) == 23_834_568  # torchvision's, without the side classifier
    assert made.features(some("digits", 2)).shape == (2, 2048)
    assert "FID" not in made.name
    with pytest.raises(Trouble, match="lack"):
        Inception.open(ASSETS / "studio.safetensors", "wrong")

    def unreachable(*_: str) -> str:
        raise FileNotFoundError("no network")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", unreachable)
    with pytest.raises(Trouble, match="network"):
        named("inception")


def test_what_is_held_out_is_never_learnt_from(tmp_path) -> None:
    digits = starters.open("digits")
    held, _ = digits.held()
    images = np.concatenate([held[:30], digits.training()[0][:50]])[..., 0]
    test = {"test_images": images[:5], "test_labels": np.zeros(5, int)}
    np.savez(tmp_path / "digits.npz", images=images, labels=np.arange(80) % 10, **test)
    lesson = learn_classes.Lesson.open("digits", tmp_path)
    assert len(lesson.pixels) == 50
    assert np.array_equal(lesson.labels, np.arange(30, 80) % 10)
    assert len(learn_classes.Lesson.open("digits").pixels) == 17_000
    learnt = learn_features.Lessons.open().small[:, 0, 2:30, 2:30].numpy()
    pile = {each.tobytes() for each in learnt}
    assert digits.training()[0][0, ..., 0].tobytes() in pile
    assert not any(each[..., 0].tobytes() in pile for each in held)


def test_learning_repeats_exactly() -> None:
    def last(lessons) -> dict[str, torch.Tensor]:
        return [each for each in lessons if not isinstance(each, Progress)][-1].state_dict()

    lesson = learn_classes.Lesson.open("digits")
    first, second = (last(learn_classes.learn(lesson, 640, mirror=False)) for _ in range(2))
    assert all(torch.equal(first[part], second[part]) for part in first)
    assert first["accuracy"] > 0


def test_folding_changes_nothing_that_is_seen() -> None:
    torch.manual_seed(0)
    network = StudioJudge(norm=True)
    network(some("avatars"))  # statistics other than 0 and 1
    network.eval()
    assert np.allclose(network.features(some("avatars")), folded(network).features(some("avatars")), atol=1e-4)


def test_the_card_says_what_lies_there() -> None:
    card = (ASSETS / "README.md").read_text(encoding="utf-8")
    assert card == train.card()
    for name in ("studio", *NETWORKS):
        assert f"{name}.safetensors" in card
        assert train.facts_of(name)["seed"]
        assert (ASSETS / f"{name}.safetensors").stat().st_size < 2e6
