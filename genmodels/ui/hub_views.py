"""Plain data of the Hub -> what is seen: models found there, transfers, who somebody is (pure functions)."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

from ..hub.client import Address
from .views import bar, hint, left, note, safe, sheet_uri, spoken_of
from .words import number, say

# What is a button in a card of the Hub raises `pull` or `use`.
FOUND = """
element.addEventListener('click', event => {
  const button = event.target.closest('button[data-pick]');
  if (!button) return;
  trigger(button.dataset.pick === 'use' ? 'use' : 'pull', {...button.dataset});
});
"""

# The pictures come after the cards. The page keeps those it has seen, so they need no second journey.
PICTURES = """
const kept = new Map();
const hang = () => {
  for (const frame of document.querySelectorAll('#found [data-frame]')) {
    const source = kept.get(frame.dataset.frame);
    if (!source || frame.querySelector('img')) continue;
    const picture = document.createElement('img');
    picture.src = source; picture.alt = '';
    frame.append(picture);
  }
};
const take = () => {
  for (const picture of element.querySelectorAll('img')) kept.set(picture.dataset.repo, picture.src);
  hang();
};
watch('value', take); take();
const look = () => {
  const room = document.querySelector('#found');
  if (room) { new MutationObserver(hang).observe(room, {childList: true, subtree: true}); hang(); }
  else setTimeout(look, 100);
};
look();
"""

COPY = """
element.addEventListener('click', async event => {
  const button = event.target.closest('button[data-copy]');
  if (!button) return;
  const field = element.querySelector('input');
  try { await navigator.clipboard.writeText(button.dataset.copy); }
  catch { field.select(); document.execCommand('copy'); }
  button.textContent = button.dataset.done;
});
"""


def day(moment: Any) -> str:
    """A date as everybody reads it, from a text in ISO form, seconds since 1970 or a datetime."""
    if not moment:
        return ""
    if isinstance(moment, (int, float)):
        moment = datetime.datetime.fromtimestamp(moment)
    return str(moment)[:10]


# ---- found on the Hub


def found(models: Sequence[Any], here: Mapping[str, str], busy: str = "", language: str = "en") -> str:
    """Every model found as a card. `here` are those on the shelf, repository -> key; `busy` is on its way."""
    cards = "".join(_found(model, here.get(model.repo, ""), model.repo == busy, language) for model in models)
    spoken = safe(say("Models on the Hub", language))
    return f'<div class="found" role="group" aria-label="{spoken}">{cards}</div>'


def _found(model: Any, key: str, busy: bool, language: str) -> str:
    downloads = say("{n} downloads", language, n=number(model.downloads))
    if model.downloads == 1:
        downloads = say("1 download", language)
    about = " · ".join(filter(None, (downloads, day(model.updated))))
    tags = [model.family.upper() if len(model.family) < 4 else model.family, model.licence]
    tags += [say("private", language)] if model.private else []
    tags += [say("with conditions", language)] if model.gated else []
    shown = "".join(f'<span class="tag" title="{safe(tag)}">{safe(tag)}</span>' for tag in tags if tag)
    repo = safe(model.repo)
    return (
        f'<article class="card found-card" data-model="{repo}">'
        f'<span class="found-frame" data-frame="{repo}"><i aria-hidden="true">{safe(model.name[:1].upper())}</i></span>'
        f'<span class="card-name" title="{safe(model.name)}">{safe(model.name)}</span>'
        f'<span class="found-repo" title="{repo}">{repo}</span>'
        f'<span class="card-about">{safe(about)}</span><span class="tags">{shown}</span>'
        f'<span class="found-row">{_button(model.repo, key, busy, language)}{_page_link(model.repo, language)}</span>'
        "</article>"
    )


def _button(repo: str, key: str, busy: bool, language: str) -> str:
    """What can be done with a model that was found: pull it, or use it where it is here."""
    words, pick = say("Pull", language), f'data-pick="pull" data-repo="{safe(repo)}"'
    if key:
        words, pick = say("Make pictures with it", language), f'data-pick="use" data-key="{safe(key)}"'
    elif busy:
        words, pick = say("On its way …", language), "disabled"
    look = "small" if key else "small first"
    return (
        f'<button type="button" class="{look}" {pick} aria-label="{safe(words)}: {safe(repo)}">{safe(words)}</button>'
    )


def _page_link(repo: str, language: str) -> str:
    words = safe(say("its page", language))
    return f'<a class="away" href="{safe(Address(repo).page)}" target="_blank" rel="noopener noreferrer">{words} ↗</a>'


def waiting(count: int = 6, language: str = "en") -> str:
    """Where the cards will be, while the Hub is asked."""
    card = '<div class="card found-card found-waiting"><span class="found-frame"></span><i></i><i></i><i></i></div>'
    spoken = safe(say("Asking the Hub …", language))
    return f'<div class="found waiting" role="status" aria-label="{spoken}">{card * count}</div>'


def nothing(words: str, guests: bool, language: str = "en") -> str:
    """Nothing was found, and what to do."""
    if words:
        return hint(say("The Hub has nothing for “{words}”. Try fewer words, or another kind.", language, words=words))
    if guests:
        return hint(say("The Hub has no guests to show. Give an address beside this.", language))
    return hint(say("There are no models of this studio on the Hub yet. Publish the first one.", language))


def pictures(fetched: Mapping[str, bytes]) -> str:
    """Preview pictures (WebP), each for the card of its repository."""
    return "".join(
        f'<img data-repo="{safe(repo)}" src="{sheet_uri(content)}" alt="">'
        for repo, content in fetched.items()
        if content
    )


# ---- on its way


def transfer(going: Any, language: str = "en") -> str:
    """How a transfer stands, or what came of it."""
    if going.end is None:
        done = going.progress
        told = bar(
            done.fraction if done else 0.0, spoken_of(going, language), left(done.remaining if done else None, language)
        )
    else:
        told = note(spoken_of(going.end, language), "good" if going.end.kind == "finished" else "warn")
    notes = "".join(note(spoken_of(each, language), "warn") for each in going.notes)
    return f'<div class="report">{told}{notes}</div>'


def link(url: str, language: str = "en") -> str:
    """The address of what was published: to open and to copy."""
    if not url.startswith(("https://", "http://")):
        return ""
    copy, copied = safe(say("Copy the link", language)), safe(say("Copied", language))
    spoken, leads = safe(say("Its address", language)), safe(say("Open its page", language))
    return (
        f'<div class="published"><input readonly value="{safe(url)}" aria-label="{spoken}">'
        f'<a class="save" href="{safe(url)}" target="_blank" rel="noopener noreferrer">{leads} ↗</a>'
        f'<button type="button" class="small" data-copy="{safe(url)}" data-done="{copied}">{copy}</button></div>'
    )


# ---- who


def person(who: Any, language: str = "en") -> str:
    """Who is signed in on the Hub."""
    if who.template:
        return f'<p class="who"><span>{safe(spoken_of(who, language))}</span></p>'
    if not who.name:
        words = say("Not signed in on the Hub", language)
        return f'<p class="who"><span>{safe(words)}</span></p>'
    mark = f'<b class="who-mark" aria-hidden="true">{safe(who.name[:1].upper())}</b>'
    words = say("Signed in as {name}", language, name=who.name)
    if who.how == "login":
        words = say("{name}, signed in on this machine", language, name=who.name)
    return f'<p class="who">{mark}<span>{safe(words)}</span></p>'


def about_tokens(language: str = "en") -> str:
    """Where a token comes from, and what becomes of it here."""
    return hint(
        say(
            "Make an access token that may write, in the settings of your account on the Hub, and paste it here. It is "
            "kept in memory until you sign out or the studio ends, and nowhere else.",
            language,
        )
    )


# ---- versions


def revisions(told: Any, known: Sequence[Any], language: str = "en") -> str:
    """The versions of a model on the Hub, newest first: which one is here, and the others to go to."""
    update, newest = "", known[0] if known else None
    if newest is not None and newest.commit != told.commit:
        words = say("An update is available: {name}, {day}.", language, name=newest.name, day=day(newest.when))
        button = f'<button type="button" class="small first" data-pick="go" data-commit="{safe(newest.commit)}">'
        button += f"{safe(say('Update', language))}</button>"
        update = f'<div class="update" role="status"><span>{safe(words)}</span>{button}</div>'
    rows = "".join(_revision(each, told.commit, language) for each in known)
    return f'{update}<ul class="revisions">{rows}</ul>'


def origin(told: Any, language: str = "en") -> str:
    """Where a model came from or went to."""
    words = say("From the Hub", language) if told.pulled else say("On the Hub", language)
    commit = f'<span class="commit" title="{safe(told.commit)}">{safe(told.commit[:7])}</span>'
    repo = f'<b class="repo" title="{safe(told.repo)}">{safe(told.repo)}</b>'
    return f'<p class="origin"><span>{safe(words)}</span>{repo}{commit}{_page_link(told.repo, language)}</p>'


def _revision(revision: Any, here: str, language: str) -> str:
    if revision.commit == here:
        side = f'<span class="tag tag-live">{safe(say("here", language))}</span>'
    else:
        spoken = safe(say("Use version {name}", language, name=revision.name))
        words = safe(say("Use this one", language))
        side = (
            f'<button type="button" class="small" data-pick="go" data-commit="{safe(revision.commit)}" '
            f'aria-label="{spoken}">{words}</button>'
        )
    return (
        f'<li><span class="revision"><b title="{safe(revision.commit)}">{safe(revision.name)}</b>'
        f"<small>{safe(day(revision.when))}</small></span>"
        f'<span class="revision-title" title="{safe(revision.title)}">{safe(revision.title)}</span>{side}</li>'
    )
