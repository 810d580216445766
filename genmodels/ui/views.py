"""Plain data -> what is seen: walls, cards, reports (pure functions; every text from outside is escaped)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..images import grid
from ..markup import png_uri, safe, webp_uri
from ..markup import sheet_uri as sheet_uri
from .words import number, say, seconds, size

# One script for every picture or card that can be clicked: the button's data-* become the event's facts.
# Arrow keys walk through a wall, which is one stop for the tab key.
PICK = """
element.addEventListener('click', event => {
  const button = event.target.closest('[data-pick]');
  if (!button) return;
  const group = button.closest('[data-choose]');
  if (group) for (const other of group.querySelectorAll('[data-pick]'))
    other.setAttribute('aria-pressed', String(other === button));
  trigger('pick', {...button.dataset});
});
const show = () => {  // the chosen card is never out of sight
  const cards = element.querySelector('.cards'), chosen = cards && cards.querySelector('[aria-pressed=true]');
  const right = chosen && chosen.offsetLeft + chosen.offsetWidth - cards.clientWidth;
  if (chosen && (chosen.offsetLeft < cards.scrollLeft || right > cards.scrollLeft))
    cards.scrollLeft = chosen.offsetLeft - 12;
};
watch('value', show); new IntersectionObserver(show).observe(element);
element.addEventListener('keydown', event => {
  const wall = event.target.closest('.wall'), button = event.target.closest('.tile');
  if (!wall || !button) return;
  const tiles = [...wall.querySelectorAll('.tile')], columns = Number(wall.dataset.columns);
  const step = {ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns}[event.key];
  const next = step && tiles[tiles.indexOf(button) + step];
  if (!next) return;
  event.preventDefault();
  button.tabIndex = -1; next.tabIndex = 0; next.focus();
});
"""


def strip(pixels: np.ndarray, columns: int = 8) -> str:
    """The first pictures side by side, as an image tag that only decorates."""
    return f'<img class="strip" src="{webp_uri(grid(pixels[:columns], columns))}" alt="">'


def wall(
    pixels: np.ndarray,
    columns: int,
    names: Sequence[str] = (),
    labels: Sequence[int] | None = None,
    chosen: int | None = None,
    language: str = "en",
) -> str:
    """Pictures in columns, each a button. `names` are the classes and `labels` each picture's class."""
    tiles = []
    for index, picture in enumerate(pixels):
        label = None if labels is None else int(labels[index])
        spoken = say("Picture {n}", language, n=index + 1) if label is None else f"{names[label]}, {index + 1}"
        tiles.append(
            f'<button type="button" class="tile" data-pick="tile" data-index="{index}" '
            f'data-label="{"" if label is None else label}" aria-pressed="{str(index == chosen).lower()}" '
            f'tabindex="{0 if index == (chosen or 0) else -1}">'
            f'<img src="{png_uri(picture)}" alt="{safe(spoken)}" draggable="false"></button>'
        )
    return (
        f'<div class="wall" role="group" data-choose data-columns="{columns}" style="--columns:{columns}" '
        f'aria-label="{safe(say("Pictures that the model made", language))}">{"".join(tiles)}</div>'
    )


def empty_wall(sentence: str) -> str:
    """The place of a wall before there are pictures."""
    return f'<div class="wall wall-empty"><p>{safe(sentence)}</p></div>'


def live(uri: str, spoken: str) -> str:
    """A wall that is only looked at: one picture, redrawn often, and what it is."""
    return (
        f'<figure class="live-wall"><img src="{uri}" alt="{safe(spoken)}">'
        f"<figcaption>{safe(spoken)}</figcaption></figure>"
    )


def model_cards(models: Sequence, chosen: str, language: str = "en") -> str:
    """Every model as a card with its own pictures on it."""
    cards = []
    for model in models:
        about = f"{model.family.upper()} · {model.picture.size} px"
        if model.origin and model.origin.pulled:  # people call their models alike
            about += f" · {model.origin.repo.split('/')[0]}"
        cards.append(
            f'<button type="button" class="card" data-pick="model" data-model="{safe(model.key)}" '
            f'aria-pressed="{str(model.key == chosen).lower()}">{strip(model.strip)}'
            f'<span class="card-name">{safe(model.name)}</span><span class="card-about">{safe(about)}</span></button>'
        )
    spoken = safe(say("Models to make pictures with", language))
    return f'<div class="cards" role="group" data-choose aria-label="{spoken}">{"".join(cards)}</div>'


def shelf(models: Sequence, chosen: str, language: str = "en") -> str:
    """The library: every model with its pictures, whose it is, and how large."""
    cards = []
    for model in models:
        whose = say("ships with the studio", language) if model.ours else size(model.bytes, language)
        if model.origin and model.origin.pulled:
            whose = model.origin.repo
        cards.append(
            f'<button type="button" class="card" data-pick="model" data-model="{safe(model.key)}" '
            f'aria-pressed="{str(model.key == chosen).lower()}">{strip(model.strip)}'
            f'<span class="card-name">{safe(model.name)}</span>'
            f'<span class="card-about">{safe(model.family.upper())} · {safe(whose)}</span></button>'
        )
    spoken = safe(say("Models in the library", language))
    return f'<div class="shelf" role="group" data-choose aria-label="{spoken}">{"".join(cards)}</div>'


def title(text: str) -> str:
    """The title of a part of a room."""
    return f'<h2 class="shelf-title">{safe(text)}</h2>'


def picked(made, language: str = "en") -> str:
    """One picture, large, with the recipe that makes it again."""
    recipe, enlarged = made.recipe, made.pixels.repeat(10, axis=0).repeat(10, axis=1)
    place = say("{seed}, picture {n}", language, seed=recipe["seed"], n=recipe["index"] + 1)
    rows = [(say("Model", language), recipe["name"]), (say("Seed", language), place)]
    if recipe["class"]:
        rows.append((say("What", language), recipe["class"]))
    rows.append((say("Diversity", language), f"{recipe['diversity']:g}"))
    facts = "".join(f"<dt>{safe(key)}</dt><dd>{safe(value)}</dd>" for key, value in rows)
    text, name = {"recipe": made.text}, safe(made.file)
    return (
        f'<div class="picked"><img class="picked-picture" src="{png_uri(made.pixels)}" '
        f'alt="{safe(say("The chosen picture", language))}">'
        f'<div class="picked-side"><dl class="recipe">{facts}</dl>'
        f'<a class="save" id="save_picture" download="{name}.png" href="{png_uri(enlarged, text)}">'
        f"{safe(say('Save this picture', language))}</a>"
        f'<a class="save-small" download="{name}-{made.pixels.shape[0]}px.png" href="{png_uri(made.pixels, text)}">'
        f"{safe(say('in its own size, {n} px', language, n=made.pixels.shape[0]))}</a></div></div>"
    )


def model_facts(model, language: str = "en") -> str:
    """What is known of a model, in a few lines."""
    trained, rows = model.trained, []
    rows.append((say("Kind", language), f"{model.family.upper()}, {say(model.size, language)}"))
    rows.append((say("Pictures", language), f"{model.picture.size} × {model.picture.size}"))
    if model.picture.classes:
        rows.append((say("Can make", language), ", ".join(model.picture.classes[:12])))
    if trained.get("set"):
        rows.append((say("Learned from", language), str(trained["set"])))
    if trained.get("images"):
        rows.append((say("Pictures seen", language), number(trained["images"])))
    if trained.get("seconds"):
        rows.append((say("Time to learn", language), seconds(trained["seconds"], language)))
    rows.append((say("On the disk", language), size(model.bytes, language)))
    facts = "".join(f"<dt>{safe(key)}</dt><dd>{safe(value)}</dd>" for key, value in rows)
    return f'<dl class="recipe">{facts}</dl>'


def hint(sentence: str) -> str:
    """A line of help."""
    return f'<p class="hint">{safe(sentence)}</p>'


def kind(caption: str, language: str = "en") -> str:
    """A family's caption as a choice: its name, and the sentence on a line of its own."""
    name, _, sentence = say(caption, language).partition(": " if language == "en" else "：")
    return f"{name}\n{sentence[:1].upper()}{sentence[1:]}"


def bar(share: float, spoken: str, aside: str = "") -> str:
    """How far something is."""
    percent = round(100 * min(1.0, max(0.0, share)))
    return (
        f'<div class="bar-words"><span>{safe(spoken)}</span><span>{safe(aside)}</span></div>'
        f'<div class="bar" role="progressbar" aria-valuenow="{percent}" aria-valuemin="0" aria-valuemax="100" '
        f'aria-label="{safe(spoken)}"><i style="width:{percent}%"></i></div>'
    )


def left(remaining: float | None, language: str = "en") -> str:
    """How long something still takes, where anybody knows."""
    return "" if remaining is None else say("{time} left", language, time=seconds(remaining, language))


def spoken_of(said: Any, language: str = "en") -> str:
    """The sentence of an event or a look, its large numbers made readable."""
    facts = {key: number(v) if isinstance(v, int) and v >= 1000 else v for key, v in said.facts.items()}
    return say(said.template, language, **facts)


def note(sentence: str, kind: str = "plain") -> str:
    """One sentence in a quiet box; kinds: plain, good, warn."""
    return f'<p class="note note-{kind}" role="status">{safe(sentence)}</p>' if sentence else ""


def heading(number_: int, title: str, state: str) -> str:
    """The title of a step; `state` is now, done or later, and only a look."""
    mark = "✓" if state == "done" else str(number_)
    return f'<h2 class="step-title step-{state}"><span class="step-mark">{mark}</span>{safe(title)}</h2>'


MARK = (
    '<svg class="mark" viewBox="0 0 32 32" aria-hidden="true"><rect x="2" y="2" width="12" height="12" rx="3"/>'
    '<rect x="18" y="2" width="12" height="12" rx="6"/><rect x="2" y="18" width="12" height="12" rx="6"/>'
    '<path d="M18 30V21a3 3 0 0 1 3-3h9v9a3 3 0 0 1-3 3Z"/></svg>'
)


def masthead(language: str = "en") -> str:
    """The name over the door."""
    return (
        f'<header class="masthead">{MARK}<h1>GenModels Studio</h1>'
        f"<p>{safe(say('From a folder of pictures to a model of your own', language))}</p></header>"
    )
