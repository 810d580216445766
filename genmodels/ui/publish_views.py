"""What is about to be published -> what is seen: the files with their sizes, and the card as it will look (pure)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from .views import hint, note, safe, spoken_of, strip
from .words import say, size

SENTENCES = {  # what each file is, for people
    "config.json": "what it is",
    "model.safetensors": "what it learned",
    "model.onnx": "the same for other programs",
    "README.md": "the card",
    "LICENSE": "the licence",
    "samples.webp": "pictures that it made",
    "timelapse.webp": "how it learned, as a film",
    "history.jsonl": "how it learned, as numbers",
    "evaluation.json": "how good it is",
    "pictures.zip": "the pictures that it learned from",
    ".gitattributes": "how the Hub keeps the files",
}
FRONT = re.compile(r"\A---\n(.*?)\n---\n", re.DOTALL)


def chosen(model: Any, language: str = "en") -> str:
    """The model that is about to be published, by its own pictures."""
    if model is None:
        return hint(say("Choose a model first.", language))
    return f'<div class="publish-model">{strip(model.strip)}</div>'


def destination(draft: Any, language: str = "en") -> str:
    """Where it will go, and whether something is there already."""
    who = draft.person
    if who.template:
        return note(spoken_of(who, language), "warn")
    if not who.name:
        return note(say("Sign in at the top of this page to publish.", language))
    if not who.may_publish:
        return note(
            say("This sign-in may only read. Sign in with an access token that may write to publish.", language), "warn"
        )
    words = say("It becomes a page of its own:", language)
    if not draft.new:
        words = say("It becomes the newest version of:", language)
    if draft.other:
        words = say("Another model has this page already, and this one would become its newest version:", language)
    return f'<p class="hint">{safe(words)} <b class="repo" title="{safe(draft.repo)}">{safe(draft.repo)}</b></p>'


def files(outgoing: Sequence[Any], language: str = "en") -> str:
    """Exactly what leaves this machine, each with its size, and all together."""
    rows = "".join(_file(each, language) for each in outgoing)
    whole = size(sum(each.bytes for each in outgoing), language)
    total = say("{n} files, {size} in all", language, n=len(outgoing), size=whole)
    title = safe(say("This leaves this machine, and nothing else", language))
    return f'<div class="outgoing"><h3>{title}</h3><ul>{rows}</ul><p>{safe(total)}</p></div>'


def _file(file: Any, language: str) -> str:
    kind, told, count = "", SENTENCES.get(file.name, ""), _size(file.bytes, language)
    if file.name == "pictures.zip":
        kind = "people"
    if file.made:  # on the way there, so nobody knows yet
        count = say("about {size}", language, size=count)
    told = say(told, language) if told else ""
    return f'<li class="{kind}"><b>{safe(file.name)}</b><span>{safe(told)}</span><span>{safe(count)}</span></li>'


def _size(count: int, language: str) -> str:
    return say("{n} bytes", language, n=count) if count < 1000 else size(count, language)


def card(text: str, shown: Mapping[str, str] | None = None, language: str = "en") -> str:
    """A model card as it will look. `shown` are its own pictures, name -> data-URI; any others stay words.

    HTML in the card is shown as text, and nothing in it is fetched.
    """
    import markdown_it

    front = FRONT.match(text)
    writer = markdown_it.MarkdownIt("commonmark", {"html": False}).enable("table")
    known = dict(shown or {})

    def picture(tokens: Any, index: int, *_: Any) -> str:
        token = tokens[index]
        source, words = known.get(str(token.attrs.get("src", ""))), safe(token.content)
        return f'<img src="{source}" alt="{words}">' if source else f'<span class="no-picture">{words}</span>'

    def opening(tokens: Any, index: int, options: Any, environment: Any) -> str:
        tokens[index].attrSet("target", "_blank")
        tokens[index].attrSet("rel", "noopener noreferrer")
        return writer.renderer.renderToken(tokens, index, options, environment)

    writer.renderer.rules.update(image=picture, link_open=opening)
    body = _tame(writer.render(text[front.end() :] if front else text))
    told = ""
    if front:
        words = safe(say("What the Hub sorts it by", language))
        told = f"<details><summary>{words}</summary><pre>{safe(front[1])}</pre></details>"
    return f'<article class="model-card">{told}{body}</article>'


def _tame(page: str) -> str:
    """What gradio's templates would read is written as characters."""
    return page.replace("{", "&#123;").replace("}", "&#125;").replace("$", "&#36;")
