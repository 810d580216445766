"""Guest schemas: what each configuration of a diffusers model may say, and within which limits."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pydantic

from ..events import Trouble

Whole = Annotated[int, pydantic.Field(strict=True)]
Width = Annotated[int, pydantic.Field(strict=True, ge=1, le=2048)]
Blocks = Annotated[int, pydantic.Field(strict=True, ge=0, le=8)]
Side = Annotated[int, pydantic.Field(strict=True, ge=4, le=4096)]
Widths = Annotated[list[Width], pydantic.Field(min_length=1, max_length=8)]
Groups = Annotated[int, pydantic.Field(strict=True, ge=1, le=512)]
Channels = Literal[1, 3]
Activation = Literal["silu", "swish", "mish", "gelu", "relu"]


class Said(pydantic.BaseModel):
    """Part of a configuration: these names and no others, each of its own type."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class UNet(Said):
    """UNet2DModel: from a noisy picture to the noise in it."""

    sample_size: Side | list[Side]
    in_channels: Channels = 3
    out_channels: Literal[1, 2, 3, 6] = 3
    center_input_sample: bool = False
    time_embedding_type: Literal["positional", "learned"] = "positional"
    time_embedding_dim: Annotated[Whole, pydantic.Field(ge=1, le=8192)] | None = None
    freq_shift: Annotated[float, pydantic.Field(ge=0, le=1)] = 0
    flip_sin_to_cos: bool = True
    down_block_types: list[Literal["DownBlock2D", "AttnDownBlock2D", "ResnetDownsampleBlock2D"]]
    mid_block_type: Literal["UNetMidBlock2D"] | None = "UNetMidBlock2D"
    up_block_types: list[Literal["UpBlock2D", "AttnUpBlock2D", "ResnetUpsampleBlock2D"]]
    block_out_channels: Widths
    layers_per_block: Annotated[Whole, pydantic.Field(ge=1, le=8)] = 2
    mid_block_scale_factor: Annotated[float, pydantic.Field(gt=0, le=100)] = 1
    downsample_padding: Annotated[Whole, pydantic.Field(ge=0, le=1)] = 1
    downsample_type: Literal["conv", "resnet"] = "conv"
    upsample_type: Literal["conv", "resnet"] = "conv"
    dropout: Annotated[float, pydantic.Field(ge=0, le=1)] = 0
    act_fn: Activation = "silu"
    attention_head_dim: Width | None = 8
    norm_num_groups: Groups = 32
    attn_norm_num_groups: Groups | None = None
    norm_eps: Annotated[float, pydantic.Field(gt=0, le=1)] = 1e-5
    resnet_time_scale_shift: Literal["default", "scale_shift"] = "default"
    add_attention: bool = True
    class_embed_type: None = None
    num_class_embeds: None = None
    num_train_timesteps: Annotated[Whole, pydantic.Field(ge=1, le=10_000)] | None = None


Chance = Annotated[float, pydantic.Field(gt=0, lt=1)]


class Schedule(Said):
    """DDPMScheduler or DDIMScheduler: how much noise there is at which step."""

    num_train_timesteps: Annotated[Whole, pydantic.Field(ge=1, le=10_000)] = 1000
    beta_start: Chance = 0.0001
    beta_end: Chance = 0.02
    beta_schedule: Literal["linear", "scaled_linear", "squaredcos_cap_v2", "sigmoid"] = "linear"
    trained_betas: Annotated[list[Chance], pydantic.Field(max_length=10_000)] | None = None
    variance_type: Literal[
        "fixed_small", "fixed_small_log", "fixed_large", "fixed_large_log", "learned", "learned_range"
    ] = "fixed_small"
    clip_sample: bool = True
    clip_sample_range: Annotated[float, pydantic.Field(gt=0, le=1000)] = 1.0
    prediction_type: Literal["epsilon", "sample", "v_prediction"] = "epsilon"
    thresholding: bool = False
    dynamic_thresholding_ratio: Annotated[float, pydantic.Field(gt=0, le=1)] = 0.995
    sample_max_value: Annotated[float, pydantic.Field(gt=0, le=1000)] = 1.0
    timestep_spacing: Literal["linspace", "leading", "trailing"] = "leading"
    steps_offset: Annotated[Whole, pydantic.Field(ge=0, le=1)] = 0
    rescale_betas_zero_snr: bool = False
    set_alpha_to_one: bool = True


class _Coder(Said):
    in_channels: Channels = 3
    out_channels: Channels = 3
    act_fn: Activation = "silu"
    latent_channels: Annotated[Whole, pydantic.Field(ge=1, le=64)] = 4
    scaling_factor: float | None = None  # of latents for diffusion: of no use here
    force_upcast: bool = False


class _Convolutional(_Coder):
    down_block_types: list[Literal["DownEncoderBlock2D", "AttnDownEncoderBlock2D"]]
    up_block_types: list[Literal["UpDecoderBlock2D", "AttnUpDecoderBlock2D"]]
    block_out_channels: Widths
    layers_per_block: Annotated[Whole, pydantic.Field(ge=1, le=8)] = 1
    norm_num_groups: Groups = 32
    sample_size: Side | list[Side] = 32
    mid_block_add_attention: bool = True


class AutoencoderKL(_Convolutional):
    """A variational autoencoder whose latents are a small picture."""

    shift_factor: float | None = None
    latents_mean: list[float] | None = None
    latents_std: list[float] | None = None
    use_quant_conv: bool = True
    use_post_quant_conv: bool = True


class VQModel(_Convolutional):
    """An autoencoder that knows so many words for a place in a picture, and no others."""

    num_vq_embeddings: Annotated[Whole, pydantic.Field(ge=2, le=65_536)] = 256
    vq_embed_dim: Annotated[Whole, pydantic.Field(ge=1, le=512)] | None = None
    norm_type: Literal["group"] = "group"
    lookup_from_codebook: bool = False


class AutoencoderTiny(_Coder):
    """A small fast stand-in for a large autoencoder."""

    encoder_block_out_channels: Widths = [64, 64, 64, 64]
    decoder_block_out_channels: Widths = [64, 64, 64, 64]
    num_encoder_blocks: Annotated[list[Blocks], pydantic.Field(min_length=1, max_length=8)] = [1, 3, 3, 3]
    num_decoder_blocks: Annotated[list[Blocks], pydantic.Field(min_length=1, max_length=8)] = [3, 3, 3, 1]
    act_fn: Activation = "relu"
    upsample_fn: Literal["nearest", "bilinear"] = "nearest"
    upsampling_scaling_factor: Literal[1, 2] = 2
    latent_magnitude: Annotated[float, pydantic.Field(gt=0, le=1000)] = 3
    latent_shift: float = 0.5
    shift_factor: float | None = 0.0
    block_out_channels: Widths | None = None  # the decoder's, said twice


SCHEMAS = {"AutoencoderKL": AutoencoderKL, "AutoencoderTiny": AutoencoderTiny, "VQModel": VQModel}
OF_OLD = {"timestep_values", "tensor_format", "predict_epsilon"}  # said in 2022 and no more


def checked(schema: type[Said], said: dict[str, Any], file: str, name: str) -> Any:
    """The configuration within our limits. What nobody here knows may be there only where it is switched off."""
    known = schema.model_fields
    told = {}
    for key, value in said.items():
        if key.startswith("_") or (key not in known and (key in OF_OLD or value is None or value is False)):
            continue
        told[key] = [str(each).removeprefix("UNetRes") for each in value] if key.endswith("block_types") else value
    try:
        return schema.model_validate(told)
    except (pydantic.ValidationError, TypeError) as error:
        where = ".".join(map(str, error.errors()[0]["loc"])) if isinstance(error, pydantic.ValidationError) else ""
        raise Trouble(
            "{name} cannot be taken in: its {file} says something that is not allowed here at {part}.",
            name=name,
            file=file,
            part=where[:80],
        ) from error
