"""Export: the ONNX file draws what the model draws, and the card's lines run as they stand."""

from __future__ import annotations

import itertools
import json
import pathlib
import shutil
import sys

import numpy as np
import onnxruntime
import pytest
import torch

from genmodels import checkpoint
from genmodels.__main__ import main
from genmodels.checkpoint import PUBLIC, Checkpoint
from genmodels.events import Trouble
from genmodels.export import FILE, export, graph
from genmodels.images import PictureFormat
from genmodels.models import FAMILIES
from genmodels.models.base import latents
from genmodels.models.vae import Vae

ROOT = pathlib.Path(__file__).resolve().parents[1]
BATCHES = (1, 3, 16, 64)
DIVERSITIES = (0.0, 0.5, 1.0, 1.5)
CLASSES = ("left", "right", "both")


def fresh(family, size="tiny", classes=(), pixels=28):
    """A model with random weights everywhere, the mixture behind a VAE's samples included."""
    torch.manual_seed(1)
    picture = PictureFormat(pixels, 1 if pixels == 28 else 3, classes)
    model = FAMILIES[family](
        FAMILIES.sizes(family)[size].changed(**({"components": 5} if family == "vae" else {})), picture
    )
    with torch.no_grad():
        for buffer, value in model.named_buffers():
            if buffer == "weights":
                value.copy_(torch.rand_like(value).softmax(1))
                value[:, -1] = 0
            if buffer == "means" or buffer.endswith("running_mean"):
                value.normal_()
            if buffer == "factors":
                value.copy_(torch.randn_like(value).tril() / 4)
    return model.eval()


def drawn(session, model, count, diversity, seed=3):
    """Pictures of a runtime that knows nothing of torch, and what was asked for."""
    noise, choice = latents(seed, range(count), model.latent_size)
    asked = {"noise": noise, "choice": choice, "diversity": np.full(1, diversity, np.float32)}
    asked |= {"label": np.arange(count) % len(model.picture.classes)} if model.picture.classes else {}
    return session.run(None, asked)[0], asked


def agrees(file, model):
    session = onnxruntime.InferenceSession(file)
    for count, diversity in itertools.product(BATCHES, DIVERSITIES):
        images, asked = drawn(session, model, count, diversity)
        wanted = model.sample(3, range(count), asked.get("label"), diversity).numpy()
        assert images.shape == wanted.shape
        assert np.abs(images - wanted).max() < 1e-4


KINDS = (("tiny", 28, ()), ("tiny", 28, CLASSES), ("small", 32, ()), ("small", 32, CLASSES), ("classic", 28, CLASSES))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("size", "pixels", "classes"), KINDS)
def test_every_family_and_size(family, classes, size, pixels, tmp_path) -> None:
    model = fresh(family, size, classes, pixels)
    file = tmp_path / FILE
    file.write_bytes(graph.trace(model, {}).SerializeToString())
    agrees(file, model)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """Two checkpoints with their ONNX files: with classes in grey, without in colour."""
    shelf = tmp_path_factory.mktemp("shelf")
    for name in ("digits-gan", "avatars-vae"):
        shutil.copytree(ROOT / "checkpoints" / name, shelf / name)
        export(shelf / name)
    return shelf


def test_chance_chooses_among_the_components_of_a_mixture(shelf) -> None:
    session = onnxruntime.InferenceSession(shelf / "avatars-vae" / FILE)
    asked = {"noise": np.zeros((64, 32), np.float32), "diversity": np.ones(1, np.float32)}
    asked["choice"] = np.linspace(0, np.nextafter(np.float32(1), np.float32(0)), 64, dtype=np.float32)
    images = session.run(None, asked)[0]
    assert len({image.tobytes() for image in images}) > 5


def test_the_file_says_what_it_draws_and_nothing_of_where_it_was_made(shelf) -> None:
    folder = shelf / "digits-gan"
    said = onnxruntime.InferenceSession(folder / FILE).get_modelmeta().custom_metadata_map
    assert said.pop("identity") == Checkpoint.open(folder).identity
    assert json.loads(said.pop("classes")) == list("0123456789")
    assert said == {"family": "gan", "size": "28", "channels": "1", "latent": "64"}
    raw = (folder / FILE).read_bytes()
    assert not any(word in raw for word in (b"site-packages", str(ROOT).encode(), b".py"))
    assert FILE in PUBLIC


def test_the_same_weights_give_the_same_bytes(shelf) -> None:
    file = shelf / "avatars-vae" / FILE
    before = file.read_bytes()
    assert export(shelf / "avatars-vae") == file
    assert file.read_bytes() == before


def test_half_precision_takes_half_the_bytes_and_is_off_by_less_than_a_level(shelf, tmp_path) -> None:
    for name in ("digits-gan", "avatars-vae"):
        file, model = export(shelf / name, half=True), Checkpoint.open(shelf / name).load()
        assert file.stat().st_size < 0.55 * (shelf / name / FILE).stat().st_size
        images, asked = drawn(onnxruntime.InferenceSession(file), model, 64, 1.0)
        wanted = model.sample(3, range(64), asked.get("label")).numpy()
        assert np.abs(images - wanted).mean() * 127.5 < 1


def test_a_file_that_draws_something_else_never_appears(shelf, tmp_path, monkeypatch) -> None:
    honest = graph.trace

    def askew(model, facts):
        made = honest(model, facts)
        with torch.no_grad():
            next(model.generator.parameters()).add_(0.05)
        return made

    monkeypatch.setattr(graph, "trace", askew)
    with pytest.raises(Trouble, match="does not draw what the model draws"):
        export(shelf / "digits-gan", out=tmp_path / FILE)
    assert not list(tmp_path.iterdir())


def test_a_family_whose_batch_would_be_fixed_is_refused(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(Vae, "decode", lambda self, latents, labels: torch.zeros(len(latents), 3, 32, 32))
    with pytest.raises(Trouble, match="cannot be written as ONNX"):
        export(ROOT / "checkpoints" / "avatars-vae", out=tmp_path / FILE)


def test_where_onnx_is_missing_it_is_said_what_to_install(tmp_path, monkeypatch) -> None:
    monkeypatch.delitem(sys.modules, "genmodels.export.graph")
    monkeypatch.delattr("genmodels.export.graph")
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(Trouble, match="pip install onnx"):
        export(ROOT / "checkpoints" / "avatars-vae", out=tmp_path / FILE)


def test_from_a_terminal(tmp_path, capsys) -> None:
    checkpoint.save(tmp_path / "mine", fresh("gan"), name="mine", size="tiny", trained={})
    assert main(["export", str(tmp_path / "mine"), "--out", str(tmp_path / "there" / "mine.onnx")]) == 0
    assert "bytes" in capsys.readouterr().out
    agrees(tmp_path / "there" / "mine.onnx", fresh("gan"))
    assert main(["export", str(tmp_path / "nothing")]) == 2
    assert "There is no model" in capsys.readouterr().err
