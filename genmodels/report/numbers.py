"""The numbers behind a report card, in the field's own terms, and how they were taken."""

from __future__ import annotations

from typing import Any

from ..evaluation.result import NAMES, Evaluation, Number, Protocol
from ..markup import safe
from .base import Say, figure, plain, title_of

TERMS = {  # the field's own
    "frechet": "Fréchet distance",
    "kernel": "Kernel distance (MMD²)",
    "precision": "Precision",
    "recall": "Recall",
    "f1": "F1",
    "density": "Density",
    "coverage": "Coverage",
    "right": "Class accuracy",
    "copies": "Copy score",
    "copies_features": "Copy score, features",
    "copies_pixels": "Copy score, pixels",
    "critic": "Critic, area under the curve",
    "critic_real": "Critic, real kept",
    "critic_made": "Critic, made found",
    "mse": "MSE",
    "psnr": "PSNR [dB]",
    "ssim": "SSIM",
    "elbo": "ELBO [nats]",
    "importance": "Importance-weighted bound [nats]",
    "bits": "Bits per dimension",
    "elbo_binary": "ELBO, binarised [nats]",
    "importance_binary": "Importance-weighted bound, binarised [nats]",
}


def numbers(evaluation: Evaluation, say: Say = plain) -> str:
    """Every number in the field's own terms, with its band, and how it was taken."""
    names = (say("Number"), say("Value"), say("95 % band"), say("Real pictures"), say("Pictures"), say("How"))
    head = "".join(f"<th>{safe(name)}</th>" for name in names)
    rows = "".join(_number(number) for number in evaluation.numbers)
    return (
        f'<div class="numbers"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
        f'{_kinds_table(evaluation, say)}<p class="protocol">{_protocol(evaluation, say)}</p>'
    )


def _number(number: Number) -> str:
    real = "–" if number.reference is None else figure(number.reference)
    how = " · ".join(part for part in (number.band, number.by) if part)
    band = f"{figure(number.low)} – {figure(number.high)}"
    cells = (figure(number.value), band, real, f"{number.pictures:,}" if number.pictures else "–", how)
    name, about = safe(TERMS.get(number.name, number.name)), safe(NAMES.get(number.name, ""))
    shown = "".join(f"<td>{safe(cell)}</td>" for cell in cells)
    return f'<tr><th scope="row">{name}<small>{about}</small></th>{shown}</tr>'


def _kinds_table(evaluation: Evaluation, say: Say) -> str:
    if not evaluation.classes:
        return ""
    names = (say("Kind"), say("Asked"), say("Precision"), say("Recall"), "F1")
    head = "".join(f"<th>{safe(name)}</th>" for name in names)
    rows = "".join(
        f'<tr><th scope="row">{safe(each.name)}</th><td>{each.asked}</td>'
        f"<td>{each.precision:.3f}</td><td>{each.recall:.3f}</td><td>{each.f1:.3f}</td></tr>"
        for each in evaluation.classes
    )
    return f'<div class="numbers"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def _protocol(evaluation: Evaluation, say: Say) -> str:
    asked = evaluation.protocol
    parts = [
        say("Features: {name}.", name=asked.features),
        say("Seed {seed}, diversity {diversity}, {k} neighbours.", **_chosen(asked)),
        say("Set {set}, fingerprint {mark}; protocol {version}.", **_of_set(asked)),
    ]
    if evaluation.seconds:
        parts.append(say("Took {n} seconds.", n=round(evaluation.seconds)))
    parts += [f"{text}." for text in (evaluation.hardware, evaluation.made_with) if text]
    parts.append(say("Numbers taken otherwise cannot be compared with these."))
    return safe(" ".join(parts))


def _chosen(asked: Protocol) -> dict[str, Any]:
    return {"seed": asked.seed, "diversity": f"{asked.diversity:g}", "k": asked.neighbours}


def _of_set(asked: Protocol) -> dict[str, Any]:
    return {"set": title_of(asked.set), "mark": asked.fingerprint or "–", "version": asked.version}
