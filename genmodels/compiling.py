"""Compiling: torch.compile for networks that prove on a copy that they still learn the same; the others stay as is."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn

from .models.base import GenerativeModel, Moment

STEPS = (0, 1)  # one with all that is due every few steps, such as a gradient penalty, and one without
MODES = {"cuda": ("reduce-overhead", "default"), "cpu": ("default",)}  # tried in this order; the first records graphs
APART = {torch.float32: 1e-3}  # relative distance that two ways of computing may have; 16 bits round more
APART_ROUGH = 5e-2

Compile = Callable[[nn.Module, str], None]


def in_place(module: nn.Module, mode: str) -> None:
    """Compile a module's forward; its parameters, their names and what is saved stay as they are."""
    module.compile(mode=mode, dynamic=False)


def undo(module: nn.Module) -> None:
    """Back to how it was before `in_place`."""
    module._compiled_call_impl = None


def compile_proven(
    model: GenerativeModel, images: Tensor, labels: Tensor | None, dtype: torch.dtype, compiler: Compile = in_place
) -> dict[str, str]:
    """Compile the networks of `model` that pass; name -> mode of those that did.

    Each one is compiled on a copy of the model first, and every player's loss and gradients of two steps on `images`
    must come out as without. What raises or gives something else is left alone: torch.compile cannot be differentiated
    twice, so a critic with a gradient penalty stays eager, and so does everything where there is no compiler at all.
    """
    expected = _learned(copy.deepcopy(model), images, labels, dtype)
    passed: dict[str, str] = {}
    for name, _ in model.named_children():
        for mode in MODES.get(images.device.type, ()):
            trial = copy.deepcopy(model)
            try:
                for each, proven in {**passed, name: mode}.items():  # together with those that have passed
                    compiler(trial.get_submodule(each), proven)
                found = _learned(trial, images, labels, dtype)
            except Exception:  # whatever a compiler may raise: without it, everything works
                continue
            if _alike(found, expected, APART.get(dtype, APART_ROUGH)):
                passed[name] = mode
                break
    for name, mode in passed.items():
        compiler(model.get_submodule(name), mode)
    return passed


def _learned(model: GenerativeModel, images: Tensor, labels: Tensor | None, dtype: torch.dtype) -> list[Tensor]:
    """Losses and gradients of every turn; the model itself learns nothing."""
    found: list[Tensor] = []
    players = {name: list(player.parameters()) for name, player in model.players().items()}
    for step in STEPS:
        draws = torch.Generator(images.device).manual_seed(step)
        moment = Moment(step, 0.0, draws, lambda seen: seen)
        with torch.autocast(images.device.type, dtype, enabled=dtype is not torch.float32):
            for player, loss, _ in model.turns(images, labels, moment):
                gradients = torch.autograd.grad(loss, players[player], allow_unused=True, retain_graph=True)
                found += [loss.detach().clone(), *(each.clone() for each in gradients if each is not None)]
    return found


def _alike(found: list[Tensor], expected: list[Tensor], apart: float) -> bool:
    if len(found) != len(expected):
        return False
    whole = torch.stack([each.float().norm() for each in expected]).norm()
    pairs = zip(found, expected, strict=True)  # one by one; those that are nothing but rounding count for little
    return all((a - b).float().norm() <= apart * (b.float().norm() + whole / 10) for a, b in pairs)
