"""The model card: README.md of a checkpoint, written from what its folder knows (Mitchell et al. 2019)."""

from __future__ import annotations

import html
import pathlib
import re
import sys
from typing import TYPE_CHECKING, Any

from .checkpoint import Checkpoint
from .evaluation.result import FILE, NAMES, Evaluation, Number
from .models import FAMILIES

if TYPE_CHECKING:
    from huggingface_hub import ModelCardData

CARD = "README.md"
TASK = "unconditional-image-generation"
LICENCES = {"CC0-1.0": "cc0-1.0", "MIT": "mit", "Apache-2.0": "apache-2.0", "CC-BY-SA-3.0": "cc-by-sa-3.0"}


def write(folder: pathlib.Path) -> None:
    """Write a checkpoint folder's README.md from its config.json and, where there is one, its evaluation.json."""
    checkpoint = Checkpoint.open(folder)
    evaluation = Evaluation.open(folder) if (folder / FILE).exists() else None
    (folder / CARD).write_text(card(checkpoint, evaluation), encoding="utf-8")


def card(checkpoint: Checkpoint, evaluation: Evaluation | None = None) -> str:
    """The whole card: YAML front matter for the Hub, then the page. Names and labels of people are shown as text."""
    sections = [
        f"# {plain(checkpoint.name)}",
        _opening(checkpoint),
        "![Pictures it made](samples.webp)",
        "![The same seeds while it learned](timelapse.webp)" if _has(checkpoint, "timelapse.webp") else "",
        "## What it learned from\n\n" + _trained(checkpoint),
        "## How good it is\n\n" + (_measured(evaluation) if evaluation else "It was not evaluated yet."),
        "## Limits\n\n" + _limits(checkpoint, evaluation),
        "## Use it\n\n" + _use(checkpoint),
        "## Make it again\n\n" + _again(checkpoint),
    ]
    front = data(checkpoint, evaluation).to_yaml()
    return f"---\n{front}\n---\n\n" + "\n\n".join(section for section in sections if section) + "\n"


def data(checkpoint: Checkpoint, evaluation: Evaluation | None = None) -> ModelCardData:
    """The front matter: what the Hub sorts and finds models by, and the measured numbers as a model-index."""
    from huggingface_hub import EvalResult, ModelCardData

    protocol = evaluation.protocol.model_dump() if evaluation else {}
    results = [
        EvalResult(
            task_type=TASK,
            dataset_type=evaluation.protocol.fingerprint or "pictures",
            dataset_name=" ".join(evaluation.protocol.set.split()) or "pictures",
            metric_type=number.name,
            metric_value=round(number.value, 4),
            metric_name=NAMES.get(number.name, number.name),
            metric_args=protocol,
        )
        for number in (evaluation.numbers if evaluation else ())
    ]
    licence = str(checkpoint.trained.get("licence", ""))
    return ModelCardData(
        library_name="genmodels",
        tags=["genmodels", checkpoint.family, TASK],
        license=LICENCES.get(licence, "other"),
        license_name=None if licence in LICENCES or not licence else " ".join(licence.split()),
        model_name=" ".join(checkpoint.name.split()),
        eval_results=results or None,
    )


def _opening(checkpoint: Checkpoint) -> str:
    picture = checkpoint.picture
    kind = {"gan": "generative adversarial network", "vae": "variational autoencoder"}
    kinds = f" of {len(picture.classes)} kinds" if picture.classes else ""
    colour = "colour" if picture.channels == 3 else "grey"
    return (
        f"A small {kind.get(checkpoint.family, checkpoint.family)} that draws {colour} pictures{kinds}, "
        f"{picture.size} x {picture.size} pixels. Made with GenModels Studio."
    )


def _trained(checkpoint: Checkpoint) -> str:
    told, rows = checkpoint.trained, []
    if told.get("set"):
        held = told.get("held_out", 0)
        kept = f"{held:,} more were held out for judging" if held else "none could be held out"
        rows.append(f"Pictures: {plain(told['set'])}, {told.get('pictures', 0):,} of them; {kept}.")
    for key, title in (("origin", "From"), ("licence", "Licence of the pictures")):
        if told.get(key):
            rows.append(f"{title}: {plain(told[key])}.")
    if told.get("images"):
        rows.append(
            f"It looked at {told['images']:,} pictures in {told.get('seconds', 0):,.0f} seconds on "
            f"{plain(told.get('hardware', 'a computer'))} ({told.get('threads', 1)} thread(s)); "
            f"{plain(told.get('with', ''))}."
        )
    return _listed(rows) if rows else "Nothing is known about that."


def _measured(evaluation: Evaluation) -> str:
    protocol = evaluation.protocol
    against = "pictures it never saw" if protocol.against == "held-out" else "the pictures it learned from"
    rows = ["| | value | 95 % band | real pictures get |", "|---|---|---|---|"]
    rows += [_row(number) for number in evaluation.numbers]
    return (
        f"{protocol.made:,} made pictures against {protocol.real:,} real ones ({against}); features of the judge "
        f"`{protocol.features}`, k = {protocol.neighbours}, seed {protocol.seed}, diversity {protocol.diversity:g}. "
        "Numbers of other protocols or features cannot be compared with these.\n\n" + "\n".join(rows)
    )


def _row(number: Number) -> str:
    reference = "" if number.reference is None else _figure(number.reference)
    band = f"{_figure(number.low)} to {_figure(number.high)}"
    return f"| {number.name}: {NAMES.get(number.name, '')} | {_figure(number.value)} | {band} | {reference} |"


def _limits(checkpoint: Checkpoint, evaluation: Evaluation | None) -> str:
    told = ["It knows nothing but the pictures it learned from, and draws at one size only."]
    tested = evaluation is not None and evaluation.number("copies") is not None
    known = "the copy score above says how often that happened" if tested else "whether it copies was not tested"
    told.append(f"A made picture may resemble one of them; {known}.")
    if checkpoint.family == "vae":
        told.append("Its pictures are a little softer than real ones, as is usual for a variational autoencoder.")
    if checkpoint.trained.get("pictures", 0) < 1_000:
        told.append("It learned from few pictures, so its variety is small.")
    return _listed(told)


def _use(checkpoint: Checkpoint) -> str:
    return (
        "```python\nimport genmodels\n\n"
        f'model = genmodels.load("{checkpoint.folder.name}")  # the folder that holds this card\n'
        "images = model.sample(seed=7, indices=range(16))  # float [16, c, h, w] in [-1, 1]\n```"
    )


def _again(checkpoint: Checkpoint) -> str:
    told = checkpoint.trained
    family = FAMILIES[checkpoint.family]
    sizes = FAMILIES.sizes(checkpoint.family)
    usual = family.suited(sizes.get(checkpoint.size, sizes["small"]), checkpoint.picture, 10**9)
    changed = {
        name: value
        for name, value in checkpoint.options.items()
        if name not in ("components",) and value != getattr(usual, name, value)
    }
    words = [f"--set {re.sub(r'[^a-z0-9-]+', '-', str(told.get('set', 'digits')).lower())}"]
    words += [f"--family {checkpoint.family}", f"--size {checkpoint.size or 'small'}"]
    words.append(f"--budget {told.get('images', 0)} --unit images")
    words += [f"--{name.replace('_', '-')} {plain(value)}" for name, value in {**changed, **_planned(told)}.items()]
    return "```sh\npython -m genmodels train " + " ".join(words) + "\n```"


def _planned(told: dict[str, Any]) -> dict[str, Any]:
    """What was planned otherwise than usual, but for how long it took."""
    from .training import Plan

    usual, given = Plan(), told.get("plan", {})
    left_out = ("budget", "unit", "threads", "preview_every", "save_every", "score_share")
    given = {name: value for name, value in given.items() if hasattr(usual, name) and name not in left_out}
    return {"seed": 0} | {name: value for name, value in given.items() if value != getattr(usual, name)}


def _has(checkpoint: Checkpoint, file: str) -> bool:
    return (checkpoint.folder / file).exists()


def _listed(rows: list[str]) -> str:
    return "\n".join(f"- {row}" for row in rows)


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.4g}"


def plain(text: Any) -> str:
    """A word of people's as text: one line, no HTML, no Markdown."""
    line = " ".join(str(text).split())
    return re.sub(r"([\\`*_\[\]|#<>!])", lambda found: html.escape("\\" + found[0], quote=False), line)


if __name__ == "__main__":  # python -m genmodels.card FOLDER ...
    for name in sys.argv[1:]:
        write(pathlib.Path(name))
