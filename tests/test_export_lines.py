"""What stands on a card: every model that ships draws the same by ONNX, and the printed lines run as they stand."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from test_export import agrees

from genmodels.checkpoint import PUBLIC, Checkpoint
from genmodels.export import FILE, export, lines
from genmodels.images import grid, to_pixels

ROOT = pathlib.Path(__file__).resolve().parents[1]
SHIPPED = sorted(folder.parent for folder in (ROOT / "checkpoints").glob("*/model.safetensors"))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """ONNX files made so far, by the name of the model."""
    shelf, found = tmp_path_factory.mktemp("made"), {}

    def file(name):
        if name not in found:
            found[name] = export(ROOT / "checkpoints" / name, out=shelf / name / FILE)
        return found[name]

    return file


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda folder: folder.name)
def test_a_model_that_ships_draws_the_same_without_torch(folder, made) -> None:
    file = made(folder.name)
    agrees(file, Checkpoint.open(folder).load())
    assert file.stat().st_size < (folder / "model.safetensors").stat().st_size


@pytest.mark.parametrize("name", ["digits-gan", "avatars-vae"])
@pytest.mark.parametrize("way", ["genmodels", "onnx"])
def test_the_lines_of_the_card_run_as_they_stand(name, way, made, hub, hub_environment, tmp_path) -> None:
    found = Checkpoint.open(ROOT / "checkpoints" / name)
    files = {file: (found.folder / file).read_bytes() for file in PUBLIC if (found.folder / file).exists()}
    hub.put("maria/drawings", files | {FILE: made(name).read_bytes()})
    (tmp_path / "lines.py").write_text(lines(found, "maria/drawings")[way], encoding="utf-8")
    missing = ("torch", "genmodels", "diffusers", "onnx", "gradio") if way == "onnx" else ("onnxruntime", "diffusers")
    code = f"import runpy, sys; sys.modules.update(dict.fromkeys({missing})); runpy.run_path('lines.py')"
    environment = hub_environment(hub, tmp_path / "cache")
    environment |= {"PYTHONPATH": str(ROOT), "GENMODELS_HOME": str(tmp_path / "home"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    wanted = grid(to_pixels(_by_torch(found.load(), way)), 4)
    drawn = np.asarray(Image.open(tmp_path / "pictures.png")).reshape(wanted.shape)
    assert np.abs(drawn.astype(int) - wanted).max() <= 1


def _by_torch(model, way):
    """The sixteen pictures that the lines draw."""
    if way == "genmodels":
        return model.sample(7, range(16))
    chance, kinds = np.random.default_rng(7), len(model.picture.classes)
    noise = torch.from_numpy(chance.standard_normal((16, model.latent_size), np.float32))
    choice = torch.from_numpy(chance.random(16, np.float32))
    labels = torch.arange(16) % kinds if kinds else None
    with torch.no_grad():
        return model.decode(model.draw(noise, choice, labels, 1.0), labels)
