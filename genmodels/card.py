"""The model card: README.md of a checkpoint, written from what its folder knows (Mitchell et al. 2019)."""

from __future__ import annotations

import pathlib
import re
import sys
from typing import TYPE_CHECKING, Any

from .checkpoint import Checkpoint
from .data import starters
from .evaluation.result import FILE, NAMES, Evaluation, Number
from .evaluation.verdict import in_words
from .markup import code, plain, word
from .models import FAMILIES

if TYPE_CHECKING:
    from huggingface_hub import ModelCardData

CARD = "README.md"
TASK = "unconditional-image-generation"
LICENCES = {"CC0-1.0": "cc0-1.0", "MIT": "mit", "Apache-2.0": "apache-2.0", "CC-BY-SA-3.0": "cc-by-sa-3.0"}
OFFERED = (  # the Hub's words for the licences that a person can choose
    *("cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-sa-3.0", "cc-by-nc-4.0", "mit", "apache-2.0", "openrail", "other"),
)
KINDS = 40  # named at most
HUB_WORD = re.compile(r"[a-z][a-z0-9.-]{0,40}")  # of a licence, as the Hub writes it
HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)


def write(folder: pathlib.Path) -> None:
    """Write a checkpoint folder's README.md from its config.json and, where there is one, its evaluation.json."""
    (folder / CARD).write_text(card(*known(folder)), encoding="utf-8")


def known(folder: pathlib.Path) -> tuple[Checkpoint, Evaluation | None]:
    """What a card is written from. Raises Trouble."""
    return Checkpoint.open(folder), Evaluation.open(folder) if (folder / FILE).exists() else None


def card(
    checkpoint: Checkpoint,
    evaluation: Evaluation | None = None,
    *,
    repo: str = "",
    licence: str = "",
    consent: str = "",
    dataset: str = "",
    pictures: bool = False,
    onnx: bool | None = None,
) -> str:
    """The whole card: YAML front matter for the Hub, then the page. Names and labels of people are shown as text.

    `repo` is where it is published, `licence` the Hub's word for what others may do with the model, `consent` who
    agreed, `dataset` a public data set on the Hub, `pictures` whether pictures.zip goes along, `onnx` whether
    model.onnx does (None: whether it is there).
    """
    dataset, licence = dataset or _dataset(checkpoint), licence or suggested(checkpoint)
    with_onnx = (checkpoint.folder / "model.onnx").exists() if onnx is None else onnx
    found = [
        f"# {plain(checkpoint.name)}",
        _opening(checkpoint),
        _shown(checkpoint),
        "## What it learned from\n\n" + _trained(checkpoint, dataset, consent, pictures),
        "## How good it is\n\n" + (_measured(evaluation) if evaluation else "It was not evaluated yet."),
        "## Limits\n\n" + _limits(checkpoint, evaluation),
        f"## Licence\n\nThis model: {plain(licence)}." if licence else "",
        "## Use it\n\n" + _use(checkpoint, repo, with_onnx),
        "## Make it again\n\n" + _again(checkpoint, pictures),
    ]
    front = data(checkpoint, evaluation, licence=licence, dataset=dataset).to_yaml()
    return f"---\n{front}\n---\n\n" + "\n\n".join(section for section in found if section) + "\n"


def data(
    checkpoint: Checkpoint, evaluation: Evaluation | None = None, *, licence: str = "", dataset: str = ""
) -> ModelCardData:
    """The front matter: what the Hub sorts and finds models by, and the measured numbers as a model-index."""
    from huggingface_hub import EvalResult, ModelCardData

    protocol = evaluation.protocol.model_dump() if evaluation else {}
    results = [
        EvalResult(
            task_type=TASK,
            dataset_type=dataset or evaluation.protocol.fingerprint or "pictures",
            dataset_name=" ".join(evaluation.protocol.set.split()) or "pictures",
            metric_type=number.name,
            metric_value=round(number.value, 4),
            metric_name=NAMES.get(number.name, number.name),
            metric_args=protocol,
        )
        for number in (evaluation.numbers if evaluation else ())
    ]
    of_pictures = _text(checkpoint.trained, "licence")
    named = re.sub(r"[^a-z0-9.]+", "-", of_pictures.lower()).strip("-.") if licence == "other" else ""
    return ModelCardData(
        library_name="genmodels",
        pipeline_tag=TASK,
        tags=["genmodels", checkpoint.family, TASK],
        license=licence or None,
        license_name=named or None,
        datasets=[dataset] if dataset else None,
        model_name=" ".join(checkpoint.name.split()),
        eval_results=results or None,
    )


def suggested(checkpoint: Checkpoint) -> str:
    """The Hub's word for the licence of the pictures; "other" for one that it has no word for, "" for none known."""
    licence = _text(checkpoint.trained, "licence")
    of_hub = bool(checkpoint.trained.get("dataset")) and HUB_WORD.fullmatch(licence)
    return LICENCES.get(licence) or (licence if of_hub or licence in OFFERED else "other" if licence else "")


def _opening(checkpoint: Checkpoint) -> str:
    picture = checkpoint.picture
    kind = {"gan": "generative adversarial network", "vae": "variational autoencoder"}
    kinds = f" of {len(picture.classes)} kinds" if picture.classes else ""
    colour = "colour" if picture.channels == 3 else "grey"
    return (
        f"A small {kind.get(checkpoint.family, checkpoint.family)} that draws {colour} pictures{kinds}, "
        f"{picture.size} x {picture.size} pixels. Made with GenModels Studio."
    )


def _shown(checkpoint: Checkpoint) -> str:
    made = "![Pictures it made](samples.webp)"
    if not (checkpoint.folder / "timelapse.webp").exists():
        return made
    learned = "![The same seeds while it learned](timelapse.webp)"
    return f"| Pictures it made | The same seeds while it learned |\n|---|---|\n| {made} | {learned} |"


def _trained(checkpoint: Checkpoint, dataset: str, consent: str, pictures: bool) -> str:
    told, rows = checkpoint.trained, []
    if name := _text(told, "set"):
        held = _number(told, "held_out")
        kept = f"{held:,.0f} more were held out for judging" if held else "none could be held out"
        title = starters.about(name)["title"] if starters.learned(told) else name
        rows.append(f"Pictures: {plain(title)}, {_number(told, 'pictures'):,.0f} of them; {kept}.")
        if checkpoint.picture.classes:
            kinds = checkpoint.picture.classes
            rest = " and others" if len(kinds) > KINDS else ""
            rows.append(f"Kinds: {', '.join(map(plain, kinds[:KINDS]))}{rest}.")
        rows.append(_cleaning(told))
    if dataset:
        rows.append(f"Data set: `{code(dataset)}` on the Hugging Face Hub.")
    private = isinstance(told.get("dataset"), dict) and told["dataset"].get("private")
    if (origin := _text(told, "origin")) and not private:
        rows.append(f"From: {plain(origin)}.")
    if licence := _text(told, "licence"):
        rows.append(f"Licence of the pictures: {plain(licence)}.")
    if consent:
        rows.append(f"Consent: {plain(consent)}")
    if pictures:
        rows.append("The pictures that it learned from lie in pictures.zip.")
    if images := _number(told, "images"):
        rows.append(
            f"It looked at {images:,.0f} pictures in {_number(told, 'seconds'):,.0f} seconds on "
            f"{plain(told.get('hardware', 'a computer'))} ({_number(told, 'threads') or 1:.0f} thread(s)); "
            f"{plain(told.get('with', ''))}."
        )
    return _listed([row for row in rows if row]) if rows else "Nothing is known about that."


def _cleaning(told: dict[str, Any]) -> str:
    """How the pictures were cleaned before anything learned from them; "" where nobody knows."""
    if starters.learned(told):
        return "Cleaning: a picture that is there twice was taken once; of every kind about as many were taken."
    from .data.intake import REASONS

    refused = told.get("cleaned")
    if not isinstance(refused, dict):
        return ""
    left_out = [REASONS[why].format(n=count) for why, count in refused.items() if why in REASONS and count]
    return (
        f"Cleaning: left out were {', '.join(map(plain, left_out))}." if left_out else "Cleaning: nothing to leave out."
    )


def _measured(evaluation: Evaluation) -> str:
    protocol = evaluation.protocol
    against = "pictures it never saw" if protocol.against == "held-out" else "the pictures it learned from"
    rows = ["| | value | 95 % band | real pictures get |", "|---|---|---|---|"]
    rows += [_row(number) for number in evaluation.numbers]
    headline, words = in_words(evaluation)
    how = (
        f"{protocol.made:,} made pictures against {protocol.real:,} real ones ({against}); features of the judge "
        f"`{code(protocol.features)}`, k = {protocol.neighbours}, seed {protocol.seed}, diversity "
        f"{protocol.diversity:g}. Numbers of other protocols or features cannot be compared with these."
    )
    return "\n\n".join(filter(None, (headline, _listed(words), how, "\n".join(rows))))


def _row(number: Number) -> str:
    reference = "" if number.reference is None else _figure(number.reference)
    band = f"{_figure(number.low)} to {_figure(number.high)}"
    name = number.name if number.name in NAMES else plain(number.name)
    return f"| {name}: {NAMES.get(number.name, '')} | {_figure(number.value)} | {band} | {reference} |"


def _limits(checkpoint: Checkpoint, evaluation: Evaluation | None) -> str:
    told = ["It knows nothing but the pictures it learned from, and draws at one size only."]
    tested = evaluation is not None and evaluation.number("copies") is not None
    answer = "the copy score above says how often that happened" if tested else "whether it copies was not tested"
    told.append(f"A made picture may resemble one of them; {answer}.")
    if checkpoint.family == "vae":
        told.append("Its pictures are a little softer than real ones, as is usual for a variational autoencoder.")
    if _number(checkpoint.trained, "pictures") < 1_000:
        told.append("It learned from few pictures, so its variety is small.")
    told.append("Do not take its pictures for real ones, or use them where it matters that something is true.")
    return _listed(told)


def _use(checkpoint: Checkpoint, repo: str, onnx: bool) -> str:
    if not repo:
        return (
            "```python\nimport genmodels\n\n"
            f'model = genmodels.load("{code(checkpoint.folder.name)}")  # the folder that holds this card\n'
            "images = model.sample(seed=7, indices=range(16))  # float [16, c, h, w] in [-1, 1]\n```"
        )
    from .export import lines

    told = lines(checkpoint, repo)
    text = f"With GenModels Studio (in its folder, or installed):\n\n```python\n{told['genmodels'].strip()}\n```"
    if onnx:
        needed = "onnxruntime, numpy, pillow and huggingface_hub"
        text += f"\n\nWithout it, and without torch: {needed} are enough.\n\n```python\n{told['onnx'].strip()}\n```"
    return text


def _again(checkpoint: Checkpoint, pictures: bool) -> str:
    told = checkpoint.trained
    family, sizes = FAMILIES[checkpoint.family], FAMILIES.sizes(checkpoint.family)
    size = checkpoint.size if checkpoint.size in sizes else "small"
    usual = family.suited(sizes[size], checkpoint.picture, 10**9)
    changed = {
        name: value
        for name, value in checkpoint.options.items()
        if name in type(usual).model_fields and value != getattr(usual, name)
    }
    words = [_pictures_of(told, pictures), f"--family {checkpoint.family}", f"--size {size}"]
    words.append(f"--budget {_number(told, 'images'):.0f} --unit images")
    words += [f"--{name.replace('_', '-')} {word(value)}" for name, value in {**changed, **_planned(told)}.items()]
    return "```sh\npython -m genmodels train " + " ".join(words) + "\n```"


def _pictures_of(told: dict[str, Any], pictures: bool) -> str:
    """The words that name the pictures for the training command."""
    source = told.get("dataset")
    if isinstance(source, dict) and source.get("id") and not source.get("private"):
        asked = "--set " + word(f"hub:{source['id']}@{source.get('commit', '')}")
        for key, option in (("split", "--split"), ("label", "--label"), ("most", "--most")):
            asked += f" {option} {word(source[key])}" if source.get(key) else ""
        return asked
    name = _text(told, "set") or "digits"
    if starters.learned(told) or not pictures:
        return f"--set {re.sub(r'[^a-z0-9-]+', '-', name.lower()).strip('-') or 'pictures'}"
    return "--set pictures.zip"


def _planned(told: dict[str, Any]) -> dict[str, Any]:
    """What was planned otherwise than usual, but for how long it took."""
    from .training import Plan

    usual, given = Plan(), told.get("plan", {})
    left_out = ("budget", "unit", "threads", "preview_every", "save_every", "score_share")
    given = given if isinstance(given, dict) else {}
    given = {name: value for name, value in given.items() if name in Plan.model_fields and name not in left_out}
    return {"seed": 0} | {name: value for name, value in given.items() if value != getattr(usual, name)}


def _dataset(checkpoint: Checkpoint) -> str:
    """The public data set on the Hub that it learned from, "" where there is none."""
    told = checkpoint.trained.get("dataset")
    name = told.get("id") if isinstance(told, dict) and not told.get("private") else ""
    return name if isinstance(name, str) and HUB_NAME.fullmatch(name) else ""


def _text(told: dict[str, Any], key: str) -> str:
    return " ".join(str(told.get(key) or "").split())


def _number(told: dict[str, Any], key: str) -> float:
    value = told.get(key)
    return value if isinstance(value, int | float) else 0


def _listed(rows: list[str]) -> str:
    return "\n".join(f"- {row}" for row in rows)


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.4g}"


if __name__ == "__main__":  # python -m genmodels.card FOLDER ...
    for name in sys.argv[1:]:
        write(pathlib.Path(name))
