"""Guests: diffusers models draw as diffusers draws, and whatever is wrong with one is refused with its reason."""

from __future__ import annotations

import json
import pathlib
import shutil
from collections.abc import Callable

import guest_models
import numpy as np
import pytest
import torch
from loopback import Claimed, Hub
from PIL import Image
from safetensors.torch import load_file, save_file

from genmodels.__main__ import main
from genmodels.events import Finished, Trouble
from genmodels.guests.shelf import card_of
from genmodels.hub.client import Address
from genmodels.hub.guest import pull_guest
from genmodels.hub.origin import Origin
from genmodels.images import to_pixels
from genmodels.models import guest
from genmodels.models.base import latents
from genmodels.models.guest_config import opened

SIDE = guest_models.SIDE
UNET = "unet/diffusion_pytorch_model.safetensors"


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A folder with one of each."""
    root = tmp_path_factory.mktemp("kept")
    guest_models.pipeline(root / "new")
    guest_models.pipeline(root / "old", old=True)
    for kind in ("AutoencoderKL", "AutoencoderTiny", "VQModel"):
        guest_models.autoencoder(root / kind, kind)
    return root


@pytest.fixture
def new(kept: pathlib.Path, tmp_path: pathlib.Path) -> pathlib.Path:
    """A copy of the pipeline, to be spoilt."""
    return pathlib.Path(shutil.copytree(kept / "new", tmp_path / "new"))


@pytest.fixture
def coder(kept: pathlib.Path, tmp_path: pathlib.Path) -> pathlib.Path:
    """A copy of the KL autoencoder."""
    return pathlib.Path(shutil.copytree(kept / "AutoencoderKL", tmp_path / "coder"))


def finished(
    model: guest.Denoiser, seed: int, indices: list[int], steps: int = 6, sampler: str = "DDIM"
) -> torch.Tensor:
    return list(model.draw(seed, indices, steps, sampler))[-1].noisy


# ---- drawing


@pytest.mark.parametrize("sampler", ["DDIM", "DDPM"])
def test_a_guest_draws_what_diffusers_draws(kept: pathlib.Path, sampler: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import diffusers
    from diffusers.pipelines.ddim import pipeline_ddim
    from diffusers.pipelines.ddpm import pipeline_ddpm

    start = torch.from_numpy(latents(7, range(3), SIDE**2)[0]).view(3, 1, SIDE, SIDE)
    for module in (pipeline_ddim, pipeline_ddpm):
        monkeypatch.setattr(module, "randn_tensor", lambda *given, **told: start.clone())
    monkeypatch.setattr("diffusers.schedulers.scheduling_ddpm.randn_tensor", lambda shape, **told: torch.ones(shape))
    loaded = getattr(diffusers, f"{sampler}Pipeline").from_pretrained(kept / "new", use_safetensors=True)
    loaded.set_progress_bar_config(disable=True)
    theirs = loaded(batch_size=3, num_inference_steps=6, output_type="pt", return_dict=False)[0]
    ours = finished(guest.load(kept / "new"), 7, [0, 1, 2], 6, sampler)
    torch.testing.assert_close((ours / 2 + 0.5).clamp(0, 1), theirs, atol=1e-5, rtol=0)


@pytest.mark.parametrize("sampler", ["DDIM", "DDPM"])
def test_same_seed_same_picture_alone_or_among_others(kept: pathlib.Path, sampler: str) -> None:
    model = guest.load(kept / "new")
    many = finished(model, 3, list(range(18)), sampler=sampler)
    assert torch.equal(finished(model, 3, [16], sampler=sampler)[0], many[16])
    assert torch.equal(finished(model, 3, [5, 17, 2], sampler=sampler), many[[5, 17, 2]])
    assert not torch.equal(finished(model, 4, [16], sampler=sampler)[0], many[16])


def test_each_step_is_told_and_becomes_the_picture(kept: pathlib.Path) -> None:
    steps = list(guest.load(kept / "new").draw(0, [0, 1], 5))
    assert [(step.number, step.steps) for step in steps] == [(n, 5) for n in range(1, 6)]
    assert all(step.clean.shape == (2, 1, SIDE, SIDE) for step in steps)
    assert torch.equal(steps[-1].clean, steps[-1].noisy)


def test_the_layout_and_the_names_of_2022_are_read(kept: pathlib.Path) -> None:
    old, new = guest.load(kept / "old"), guest.load(kept / "new")
    assert torch.equal(finished(old, 1, [0]), finished(new, 1, [0]))


def test_half_precision_weights_are_taken(new: pathlib.Path, kept: pathlib.Path) -> None:
    state = {name: tensor.half() for name, tensor in load_file(new / UNET).items()}
    (new / UNET).unlink()
    save_file(state, new / "unet/diffusion_pytorch_model.fp16.safetensors")
    apart = finished(guest.load(new), 1, [0]) - finished(guest.load(kept / "new"), 1, [0])
    assert 0 < apart.abs().max() < 0.05


@pytest.mark.parametrize("steps", [0, 1001])
def test_impossible_steps_are_refused(kept: pathlib.Path, steps: int) -> None:
    with pytest.raises(Trouble, match="Steps go from 1 to 1000"):
        finished(guest.load(kept / "new"), 0, [0], steps)


@pytest.mark.parametrize("kind", ["AutoencoderKL", "AutoencoderTiny", "VQModel"])
def test_an_autoencoder_rebuilds_as_diffusers_does(kept: pathlib.Path, kind: str) -> None:
    import diffusers

    model = guest.load(kept / kind)
    images = torch.rand((3, 3, model.size, model.size), generator=torch.Generator().manual_seed(0)) * 2 - 1
    theirs = getattr(diffusers, kind).from_pretrained(kept / kind, use_safetensors=True).eval()
    with torch.no_grad():
        said = theirs.encode(images)  # its forward would round AutoencoderTiny's latents to bytes
        code = said.latent_dist.mode() if kind == "AutoencoderKL" else said.latents
        expected = theirs.decode(code).sample.clamp(-1, 1)
    torch.testing.assert_close(model.decode(model.encode(images)), expected, atol=1e-5, rtol=0)
    assert torch.equal(model.decode(model.encode(images[1:2]))[0], model.decode(model.encode(images))[1])


# ---- what is refused


def say(folder: pathlib.Path, file: str, **changes: object) -> None:
    """Change what a configuration says."""
    said = json.loads((folder / file).read_text(encoding="utf-8"))
    (folder / file).write_text(json.dumps({**said, **changes}), encoding="utf-8")


FOREIGN = [
    ("model_index.json", {"unet": ["subprocess", "Popen"]}, "asks for"),
    ("model_index.json", {"unet": ["os", "system"]}, "asks for"),
    ("model_index.json", {"unet": ["torch.nn", "Linear"]}, "asks for"),
    ("model_index.json", {"unet": ["antigravity", "UNet2DModel"]}, "asks for"),
    ("model_index.json", {"safety_checker": ["diffusers", "UNet2DModel"]}, "asks for"),
    ("model_index.json", {"_class_name": ["pipeline", "DDPMPipeline"]}, "brings program code"),
    ("model_index.json", {"auto_map": {"x": "code.X"}}, "brings program code"),
    ("model_index.json", {"_class_name": "StableDiffusionPipeline"}, "is a StableDiffusionPipeline"),
    ("model_index.json", {"_class_name": "<script>alert(1)</script>"}, "which is not taken in"),
    ("model_index.json", {"_class_name": 7}, "no diffusers model"),
    ("unet/config.json", {"_class_name": "UNet2DConditionModel"}, "not what diffusers writes"),
    ("scheduler/scheduler_config.json", {"_class_name": "PNDMScheduler"}, "not what diffusers writes"),
]
IMPOSSIBLE = [
    ("unet/config.json", {"block_out_channels": [100_000, 100_000]}, "block_out_channels"),
    ("unet/config.json", {"block_out_channels": [8] * 9}, "block_out_channels"),
    ("unet/config.json", {"layers_per_block": 1_000_000}, "layers_per_block"),
    ("unet/config.json", {"sample_size": 1_000_000}, "sample_size"),
    ("unet/config.json", {"sample_size": 2_048, "block_out_channels": [512, 512]}, "too large"),
    ("unet/config.json", {"block_out_channels": [2_048, 2_048], "layers_per_block": 8}, "too large"),
    ("unet/config.json", {"sample_size": 512}, "too large"),  # attention at 256 pixels
    ("unet/config.json", {"sample_size": None}, "sample_size"),
    ("unet/config.json", {"sample_size": [16, 32]}, "not what diffusers writes"),
    ("unet/config.json", {"sample_size": 17}, "not what diffusers writes"),
    ("unet/config.json", {"norm_num_groups": -4}, "norm_num_groups"),
    ("unet/config.json", {"norm_num_groups": 3}, "do not fit together"),
    ("unet/config.json", {"layers_per_block": "1"}, "layers_per_block"),
    ("unet/config.json", {"layers_per_block": True}, "layers_per_block"),
    ("unet/config.json", {"norm_eps": float("nan")}, "norm_eps"),
    ("unet/config.json", {"dropout": float("inf")}, "dropout"),
    ("unet/config.json", {"in_channels": 4}, "in_channels"),
    ("unet/config.json", {"out_channels": 2}, "not what diffusers writes"),
    ("unet/config.json", {"down_block_types": ["DownBlock2D", {"a": 1}]}, "down_block_types"),
    ("unet/config.json", {"down_block_types": ["DownBlock2D"]}, "not what diffusers writes"),
    ("unet/config.json", {"brand_new_switch": 3}, "brand_new_switch"),
    ("unet/config.json", {"num_class_embeds": 10}, "num_class_embeds"),
    ("scheduler/scheduler_config.json", {"num_train_timesteps": 10**9}, "num_train_timesteps"),
    ("scheduler/scheduler_config.json", {"trained_betas": [0.1] * 9}, "not what diffusers writes"),
    ("scheduler/scheduler_config.json", {"beta_start": -1}, "beta_start"),
    ("scheduler/scheduler_config.json", {"beta_end": "0.02"}, "beta_end"),
]


@pytest.mark.parametrize(("file", "changes", "reason"), FOREIGN + IMPOSSIBLE)
def test_a_wrong_configuration_is_refused_before_weights_are_read(
    new: pathlib.Path, file: str, changes: dict[str, object], reason: str
) -> None:
    (new / UNET).write_bytes(b"never looked at")
    say(new, file, **changes)
    with pytest.raises(Trouble, match=reason):
        guest.load(new)


@pytest.mark.parametrize(
    "changes",
    [
        {"block_out_channels": [8, -16]},
        {"latent_channels": 10**6},
        {"sample_size": 8_192},
        {"up_block_types": ["UpDecoderBlock2D"]},
        {"out_channels": 1},
        {"norm_type": "spatial"},
    ],
)
def test_a_wrong_autoencoder_is_refused(coder: pathlib.Path, changes: dict[str, object]) -> None:
    say(coder, "config.json", **changes)
    with pytest.raises(Trouble, match=r"coder cannot be taken in"):
        guest.load(coder)


def test_what_is_switched_off_may_be_unknown(new: pathlib.Path) -> None:
    say(new, "unet/config.json", of_a_later_version=None, another=False)
    assert opened(new).size == SIDE


@pytest.mark.parametrize(
    "text", ["", "[]", "{", "<html></html>", "[" * 100_000, '{"a": ' * 50_000, "\xff", "{}" + " " * 2_000_000]
)
@pytest.mark.parametrize("file", ["model_index.json", "unet/config.json", "scheduler/scheduler_config.json"])
def test_a_configuration_that_is_none_is_refused(new: pathlib.Path, file: str, text: str) -> None:
    (new / file).write_text(text, encoding="latin-1")
    with pytest.raises(Trouble, match="not what diffusers writes"):
        opened(new)


def without_one(state: dict) -> None:
    state.pop("conv_in.weight")


def one_more(state: dict) -> None:
    state["virus"] = torch.zeros(1)


def misshapen(state: dict) -> None:
    state["conv_in.weight"] = torch.zeros(8, 1, 5, 5)


def not_finite(state: dict) -> None:
    state["conv_out.bias"][0] = float("nan")


def not_floating(state: dict) -> None:
    state["conv_out.bias"] = torch.zeros(1, dtype=torch.int64)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (without_one, r"lack conv_in\.weight"),
        (one_more, "hold virus"),
        (misshapen, r"another shape or type at conv_in\.weight"),
        (not_finite, "not all finite"),
        (not_floating, r"another shape or type at conv_out\.bias"),
    ],
)
def test_wrong_weights_are_refused(new: pathlib.Path, spoil: Callable[[dict], None], reason: str) -> None:
    state = load_file(new / UNET)
    spoil(state)
    save_file(state, new / UNET)
    with pytest.raises(Trouble, match=reason):
        guest.load(new)


@pytest.mark.parametrize("content", [b"", b"version https://git-lfs.github.com/spec/v1\n", b"\xff" * 64])
def test_damaged_weights_are_refused(new: pathlib.Path, content: bytes) -> None:
    (new / UNET).write_bytes(content)
    with pytest.raises(Trouble, match="missing or damaged"):
        guest.load(new)


def test_pickles_code_and_pieces_are_refused(new: pathlib.Path) -> None:
    (new / "pipeline.py").write_text("boom", encoding="utf-8")
    with pytest.raises(Trouble, match=r"program code of its own \(pipeline\.py\)"):
        opened(new)
    (new / "pipeline.py").unlink()
    (new / UNET).rename(new / "unet/diffusion_pytorch_model.bin")
    with pytest.raises(Trouble, match="can hide programs"):
        opened(new)
    (new / "unet/diffusion_pytorch_model.safetensors.index.json").write_text("{}", encoding="utf-8")
    with pytest.raises(Trouble, match="too large"):
        opened(new)
    (new / "model_index.json").unlink()
    with pytest.raises(Trouble, match="no diffusers model"):
        opened(new)


# ---- from the Hub


def put(hub: Hub, folder: pathlib.Path, **more: object) -> Address:
    files = {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    hub.put("ada/guest", {**files, **more})
    return Address("ada/guest")


def pulled(address: Address, into: pathlib.Path) -> Origin:
    work = pull_guest(address, None, into)
    while True:
        try:
            last = next(work)
        except StopIteration as end:
            assert isinstance(last, Finished)
            return end.value


@pytest.fixture(autouse=True)
def own_home(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENMODELS_HOME", str(tmp_path / "home"))


@pytest.mark.parametrize("kind", ["new", "old", "VQModel"])
def test_a_guest_comes_whole_with_its_origin_and_licence(
    hub: Hub, kept: pathlib.Path, tmp_path: pathlib.Path, kind: str
) -> None:
    card = b"---\nlicense: cc-by-4.0\n---\n# <script>alert(1)</script>"
    address = put(hub, kept / kind, **{"README.md": card, "train.py": b"boom", "big.bin": b"never fetched"})
    origin = pulled(address, tmp_path / "in" / "guest")
    found = card_of(tmp_path / "in" / "guest")
    assert (found.repo, found.commit, found.licence) == ("ada/guest", origin.commit, "cc-by-4.0")
    assert not [file for file in (tmp_path / "in").rglob("*") if file.suffix in (".py", ".bin")]
    guest.load(tmp_path / "in" / "guest")


def test_what_is_refused_costs_no_weights_and_leaves_nothing(
    hub: Hub, new: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    say(new, "unet/config.json", block_out_channels=[4_000, 4_000])
    with pytest.raises(Trouble, match="block_out_channels"):
        pulled(put(hub, new), tmp_path / "in" / "guest")
    assert not any("safetensors" in row.path or "/lfs/" in row.path for row in hub.log)
    assert not list((tmp_path / "in").iterdir())


@pytest.mark.parametrize(
    ("size", "reason"),
    [(5_000_000_000, "takes 4768 MB"), (2_000_000, "not those that"), (50_000, "not those that")],
)
def test_weights_of_a_size_that_cannot_be_are_not_fetched(
    hub: Hub, new: pathlib.Path, tmp_path: pathlib.Path, size: int, reason: str
) -> None:
    address = put(hub, new, **{UNET: Claimed((new / UNET).read_bytes(), size)})
    with pytest.raises(Trouble, match=reason):
        pulled(address, tmp_path / "in" / "guest")
    assert not any("safetensors" in row.path or "/lfs/" in row.path for row in hub.log)


def test_spoilt_weights_can_be_mended_and_pulled_again(hub: Hub, new: pathlib.Path, tmp_path: pathlib.Path) -> None:
    good = (new / UNET).read_bytes()
    state = load_file(new / UNET)
    not_finite(state)
    save_file(state, new / UNET)
    with pytest.raises(Trouble, match="not all finite"):
        pulled(put(hub, new), tmp_path / "in" / "guest")
    assert not list((tmp_path / "in").iterdir())
    assert not list((tmp_path / "home").rglob("*.safetensors"))  # nor does it fill the cache
    hub.put("ada/guest", {UNET: good})
    pulled(Address("ada/guest"), tmp_path / "in" / "guest")
    assert np.isfinite(finished(guest.load(tmp_path / "in" / "guest"), 0, [0]).numpy()).all()


def test_a_guest_that_cannot_work_is_refused(hub: Hub, kept: pathlib.Path, tmp_path: pathlib.Path) -> None:
    folder = pathlib.Path(shutil.copytree(kept / "AutoencoderTiny", tmp_path / "tiny"))
    say(folder, "config.json", upsampling_scaling_factor=1)  # the weights fit all the same
    with pytest.raises(Trouble, match="does not give back pictures of the size"):
        pulled(put(hub, folder), tmp_path / "in" / "guest")


def test_what_was_pulled_once_needs_no_network(hub: Hub, kept: pathlib.Path, tmp_path: pathlib.Path) -> None:
    address = put(hub, kept / "new")
    first = pulled(address, tmp_path / "in" / "first")
    asked = len(hub.log)
    assert pulled(Address("ada/guest", first.commit), tmp_path / "in" / "second").commit == first.commit
    assert len(hub.log) == asked
    hub.down()
    assert pulled(address, tmp_path / "in" / "third").commit == first.commit
    with pytest.raises(Trouble, match="does not answer"):
        pulled(Address("ada/other"), tmp_path / "in" / "fourth")


def test_only_pickle_is_refused_with_the_way_out(hub: Hub, new: pathlib.Path, tmp_path: pathlib.Path) -> None:
    (new / UNET).rename(new / "unet/diffusion_pytorch_model.bin")
    with pytest.raises(Trouble, match="Ask for safetensors"):
        pulled(put(hub, new), tmp_path / "in" / "guest")


# ---- from a terminal


def test_a_terminal_draws_and_rebuilds(
    kept: pathlib.Path, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture
) -> None:
    assert (
        main(
            [
                "sample",
                str(kept / "new"),
                "--seed",
                "7",
                "--count",
                "4",
                "--steps",
                "5",
                "--out",
                str(tmp_path / "four"),
            ]
        )
        == 0
    )
    drawn = [np.asarray(Image.open(file)) for file in sorted((tmp_path / "four").iterdir())]
    expected = to_pixels(finished(guest.load(kept / "new"), 7, [0, 1, 2, 3], 5))
    assert np.array_equal(np.stack(drawn), expected[..., 0])
    pictures = [str(file) for file in sorted((tmp_path / "four").iterdir())]
    assert main(["rebuild", str(kept / "VQModel"), *pictures[:3], "--out", str(tmp_path / "three.png")]) == 0
    assert "0001.png: rebuilt to" in capsys.readouterr().out
    with Image.open(tmp_path / "three.png") as sheet:
        assert sheet.size == (3 * SIDE, 2 * SIDE)
    for how, given in (("--blend", pictures[:2]), ("--walk", pictures[:1])):
        film = tmp_path / f"{how}.webp"
        assert main(["rebuild", str(kept / "VQModel"), *given, how, "--frames", "5", "--out", str(film)]) == 0
        with Image.open(film) as opened_film:
            assert opened_film.n_frames == (8 if how == "--blend" else 5)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (["sample", "{new}", "--steps", "2000", "--out", "x.png"], "Steps go from 1 to 1000"),
        (["sample", "{new}", "--count", "65", "--out", "x.png"], "At most 64"),
        (["sample", "{VQModel}", "--out", "x.png"], "draws nothing by itself"),
        (["rebuild", "{new}", "{picture}", "--out", "x.png"], "cannot rebuild"),
        (["rebuild", "{VQModel}", "{picture}", "--blend", "--out", "x.png"], "takes 2 pictures"),
        (["rebuild", "{VQModel}", "nowhere.png", "--out", "x.png"], "no file called nowhere.png"),
        (["rebuild", "{VQModel}", "{picture}", "--out", "x.bmp"], "has to end in .png"),
    ],
)
def test_a_terminal_says_what_is_wrong(
    kept: pathlib.Path, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture, given: list[str], reason: str
) -> None:
    Image.new("L", (8, 8)).save(tmp_path / "picture.png")
    places = {"new": kept / "new", "VQModel": kept / "VQModel", "picture": tmp_path / "picture.png"}
    assert main([each.format(**places) for each in given]) == 2
    assert reason in capsys.readouterr().err
