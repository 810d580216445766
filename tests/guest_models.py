"""Tiny diffusers models with random weights, as `save_pretrained` writes them: a pipeline and three autoencoders."""

from __future__ import annotations

import json
import pathlib
import shutil

import torch

SIDE = 16  # pixels of all of them


def pipeline(
    folder: pathlib.Path, *, channels: int = 1, old: bool = False, scheduler: str = "DDPM", **options: object
) -> pathlib.Path:
    """A DDPMPipeline or DDIMPipeline of 0.04 M parameters; `old` puts its configurations at the root, as of 2022."""
    import diffusers

    torch.manual_seed(0)
    known = {
        "sample_size": SIDE,
        "in_channels": channels,
        "out_channels": channels,
        "layers_per_block": 1,
        "block_out_channels": (8, 16),
        "norm_num_groups": 4,
        "down_block_types": ("DownBlock2D", "AttnDownBlock2D"),
        "up_block_types": ("AttnUpBlock2D", "UpBlock2D"),
    }
    unet = diffusers.UNet2DModel(**{**known, **options})
    steps = getattr(diffusers, f"{scheduler}Scheduler")(num_train_timesteps=1000)
    getattr(diffusers, f"{scheduler}Pipeline")(unet=unet, scheduler=steps).save_pretrained(folder)
    if old:
        for file in [*(folder / "unet").iterdir(), *(folder / "scheduler").iterdir()]:
            file.rename(folder / file.name)
        shutil.rmtree(folder / "unet")
        shutil.rmtree(folder / "scheduler")
        _age(folder)
    return folder


def autoencoder(folder: pathlib.Path, kind: str = "AutoencoderKL", *, channels: int = 3) -> pathlib.Path:
    """An AutoencoderKL, AutoencoderTiny or VQModel at the root of a folder."""
    import diffusers

    torch.manual_seed(0)
    blocks = {
        "down_block_types": ("DownEncoderBlock2D",) * 2,
        "up_block_types": ("UpDecoderBlock2D",) * 2,
        "block_out_channels": (8, 16),
        "norm_num_groups": 4,
        "sample_size": SIDE,
        "latent_channels": 4,
    }
    known = {
        "AutoencoderKL": blocks,
        "VQModel": {**blocks, "num_vq_embeddings": 32},
        "AutoencoderTiny": {
            "encoder_block_out_channels": (8, 8),
            "decoder_block_out_channels": (8, 8),
            "num_encoder_blocks": (1, 1),
            "num_decoder_blocks": (1, 1),
        },
    }[kind]
    model = getattr(diffusers, kind)(in_channels=channels, out_channels=channels, **known)
    model.save_pretrained(folder)
    return folder


def _age(folder: pathlib.Path) -> None:
    """Write weights under the names that attention had in 2022."""
    from safetensors.torch import load_file, save_file

    file = folder / "diffusion_pytorch_model.safetensors"
    names = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    state = load_file(file)
    for new, then in names.items():
        state = {name.replace(f".{new}.", f".{then}."): tensor for name, tensor in state.items()}
    save_file(state, file, metadata={"format": "pt"})
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    kept = {name: value for name, value in config.items() if value is not None and name != "add_attention"}
    (folder / "config.json").write_text(json.dumps(kept), encoding="utf-8")
