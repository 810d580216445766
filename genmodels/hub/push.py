"""Push: a checkpoint becomes a page on the Hub, or the next version of it, in one commit with a tag."""

from __future__ import annotations

import dataclasses
import functools
import json
import pathlib
import re
import tempfile
from collections.abc import Generator

from .. import __version__
from ..card import CARD
from ..checkpoint import PUBLIC, Checkpoint
from ..evaluation.result import FILE
from ..events import Event, Finished, Problem, Progress, Trouble
from ..files import write_whole
from . import page
from .client import SENTENCES, Address, api, endpoint, patiently, reach
from .download import Listing, listed
from .origin import Origin
from .publishing import (
    GENERATED,
    ONNX,
    PICTURES,
    PUBLISHED,
    Outgoing,
    Publishing,
    draft,
    gathered,
    generated,
    outgoing,
    told,
    with_onnx,
)
from .upload import Meter, commit, progress, spoken, waited

__all__ = ["Outgoing", "Published", "Publishing", "draft", "outgoing", "push"]
MADE_HERE = "Published with GenModels Studio"  # in the text of each commit of ours, and how we know them again
BESIDE = {".gitattributes", ".gitignore", "README.md", "LICENSE"}  # what a page may hold that is still empty
OURS = ({*PUBLIC, PICTURES} - BESIDE) - {"config.json", "model.safetensors"}  # goes when a version has it no more
MOST_TEXT = 1 << 21  # bytes of a card, a configuration or an evaluation on the Hub
TRIES = 3  # where somebody else changes the page at the same moment
SPAN, END = (0.05, 0.95), (0.97, 1.0)  # the parts of the progress bar that the bytes fill, and what comes after


@dataclasses.dataclass(frozen=True)
class Published:
    """Where it is now."""

    repo: str
    url: str
    commit: str
    tag: str  # "v3"
    new: bool  # the page was not there before
    changed: bool = True  # False: all of it was on the Hub already


@dataclasses.dataclass(frozen=True)
class There:
    """What is on the Hub."""

    listing: Listing
    texts: dict[str, str]  # of the card, the configuration and the evaluation
    tags: dict[str, str]  # "v1" -> commit
    untagged: str = ""  # a commit of ours that has no tag yet, as after a cut
    new: bool = False


def push(folder: pathlib.Path, publishing: Publishing, token: str | None) -> Generator[Event, None, Published]:
    """Publish a checkpoint folder in the name of whoever owns the token. Yields Progress, Problem and Finished.

    Pressed again after anything went wrong it sends what is missing, and nothing twice. What people wrote on the page
    by hand stays. Raises Trouble.
    """
    if not token:
        raise Trouble("Sign in to the Hub first: publishing happens in your name.")
    Checkpoint.open(folder)
    yield Progress(fraction=0.0)
    reach()
    repo = yield from waited(lambda: _named(publishing.repo, token))
    publishing = publishing.model_copy(update={"repo": repo})
    there = yield from waited(lambda: _look(repo, token))
    _allowed(there, publishing)
    onnx = yield from with_onnx(folder)
    files = gathered(folder, publishing, onnx)
    there = there or (yield from waited(lambda: _create(publishing, token)))
    if there.untagged:
        yield from waited(lambda: _tag(repo, there.untagged, token))
    before = there.listing.commit
    at = yield from _committed(folder, publishing, there, files, token)
    tag = yield from waited(lambda: _version(repo, at, token, anew=at != before), span=END)
    private = yield from _visible(there, publishing, token)
    Origin(repo, at, private=private, pulled=False).write(folder)
    changed = at != before or bool(there.untagged) or private != there.listing.private
    done = Published(repo, f"{endpoint()}/{repo}", at, tag, there.new, changed)
    template = "{repo} is on the Hub as {tag}. Everybody can see it."
    if not done.changed:
        template = "Nothing has changed since {tag}, so nothing was sent."
    elif private:
        template = "{repo} is on the Hub as {tag}. It is private."
    yield Finished(template=template, facts={"repo": repo, "tag": tag}, result=done.url)
    return done


def _named(repo: str, token: str) -> str:
    """The whole name: one's own where only the second part is given."""
    if "/" in repo.strip("/"):
        return Address.parse(repo).repo
    with spoken(repo):
        return f"{patiently(api(token).whoami)['name']}/{repo.strip('/')}"


def _look(repo: str, token: str) -> There | None:
    """What is there; None where nothing is. Raises Trouble where it is something else than a model of this studio."""
    try:
        listing = listed(Address(repo), token)
    except Trouble as trouble:
        if trouble.template == SENTENCES[404]:
            return None
        raise
    names = [name for name in (CARD, "config.json", FILE) if name in listing.files]
    texts = {name: _text(listing, name, token) for name in names if listing.files[name] <= MOST_TEXT}
    if set(listing.files) - BESIDE and not _ours(texts.get("config.json", "")):
        raise Trouble(
            "{repo} on the Hub is something else already and was left as it is: choose another name.", repo=repo
        )
    tags = _tags(repo, token)
    return There(listing, texts, tags, _untagged(repo, tags, token))


def _text(listing: Listing, name: str, token: str) -> str:
    """One small file; "" where it is no text."""
    with tempfile.TemporaryDirectory(prefix="genmodels-hub-", ignore_cleanup_errors=True) as room, spoken(listing.repo):
        path = patiently(
            lambda: api(token).hf_hub_download(listing.repo, name, revision=listing.commit, cache_dir=room)
        )
        return pathlib.Path(path).read_text(encoding="utf-8", errors="replace")


def _ours(config: str) -> bool:
    """Whether a config.json is one of ours, of this version or another."""
    try:
        said = json.loads(config)
    except (ValueError, RecursionError):
        return False
    return isinstance(said, dict) and isinstance(said.get("format"), int) and {"family", "wall"} <= said.keys()


def _tags(repo: str, token: str) -> dict[str, str]:
    """The versions, oldest first, and their commits."""
    with spoken(repo):
        refs = patiently(lambda: api(token).list_repo_refs(repo))
    numbers = {int(tag.name[1:]): tag.target_commit for tag in refs.tags if re.fullmatch(r"v[1-9]\d{0,5}", tag.name)}
    return {f"v{number}": numbers[number] for number in sorted(numbers)}


def _untagged(repo: str, tags: dict[str, str], token: str) -> str:
    """The newest commit of ours after the last version, "" where there is none: a push that was cut before its tag."""
    with spoken(repo):
        for commit in patiently(lambda: api(token).list_repo_commits(repo)):
            if commit.commit_id in tags.values():
                break
            if MADE_HERE in f"{commit.title} {commit.message}":
                return commit.commit_id
    return ""


def _allowed(there: There | None, publishing: Publishing) -> None:
    """Refuse to show to everybody what somebody wants to keep private."""
    if there and publishing.private and not there.listing.private:
        raise Trouble(
            "{repo} is public on the Hub. Publish for everybody, or choose another name for a private page.",
            repo=publishing.repo,
        )


def _create(publishing: Publishing, token: str) -> There:
    """A new page with nothing on it."""
    repo, private = publishing.repo, publishing.private is not False
    taken = False
    try:
        with spoken(repo):
            patiently(lambda: api(token).create_repo(repo, private=private))
    except Trouble as trouble:
        taken = trouble.template == SENTENCES[409]
        if not taken:
            raise
    there = _look(repo, token)
    if there is None:
        raise Trouble("There is a {repo} already that this sign-in may not see: choose another name.", repo=repo)
    _allowed(there, publishing)
    return dataclasses.replace(there, new=not taken)


def _committed(
    folder: pathlib.Path, publishing: Publishing, there: There, files: dict[str, bytes], token: str
) -> Generator[Event, None, str]:
    """Upload and commit, on top of whatever the page is by then; returns the commit. Keeps the card's two notes."""
    repo, title = publishing.repo, publishing.message or f"Publish {Checkpoint.open(folder).name}"
    words = (title, f"{MADE_HERE} {__version__}")
    for left in reversed(range(TRIES)):
        ours, card = _card(folder, publishing, there, files)
        whole = {**files, CARD: card.encode()}
        gone = sorted(OURS & there.listing.files.keys() - whole.keys())
        meter = Meter(sum(map(len, whole.values())))
        parent = there.listing.commit
        sending = functools.partial(commit, repo, parent, whole, gone, words, token, meter)
        try:
            at = yield from waited(sending, meter, SPAN)
            break
        except Trouble as trouble:
            if trouble.template != SENTENCES[412] or not left:
                raise
            there = (yield from waited(lambda: _look(repo, token))) or there
    yield progress(meter, SPAN)
    write_whole(folder / GENERATED, ours)
    write_whole(folder / PUBLISHED, card)
    return at


def _card(folder: pathlib.Path, publishing: Publishing, there: There, files: dict[str, bytes]) -> tuple[str, str]:
    """The card as we write it, and as it will be: with what people wrote by hand, on the Hub and here."""
    theirs = there.texts.get(CARD, "")
    chosen = page.chosen(theirs)
    plain = publishing.model_copy(update={"card": ""})
    ours = generated(folder, plain, *chosen, onnx=ONNX in files)
    origin = Origin.of(folder)
    base = told(folder / GENERATED) if origin and origin.repo == publishing.repo else ""
    merged = page.merge(base or _as_before(there, publishing.repo, chosen), theirs, ours)
    return ours, page.merge(draft(folder, plain), merged, publishing.card) if publishing.card else merged


def _as_before(there: There, repo: str, chosen: tuple[str, str]) -> str:
    """The card that we would have written for what is on the Hub now: what it says otherwise is by hand."""
    if "config.json" not in there.texts:
        return ""
    with tempfile.TemporaryDirectory(prefix="genmodels-hub-") as room:
        folder = pathlib.Path(room)
        for name in there.listing.files.keys() & set(PUBLIC):
            (folder / name).write_text(there.texts.get(name, ""), encoding="utf-8")
        was = Publishing(repo=repo, pictures=folder if PICTURES in there.listing.files else None)
        try:
            return generated(folder, was, *chosen, onnx=ONNX in there.listing.files)
        except (Trouble, KeyError, TypeError, ValueError):  # a page of a newer version, or one made by hand
            return ""


def _version(repo: str, at: str, token: str, anew: bool) -> str:
    """The tag of a commit: its own, a new one, or where nothing was committed that of the newest version."""
    tags = _tags(repo, token)
    own = [tag for tag, commit in tags.items() if commit == at]
    if own or not anew:
        return (own or list(tags) or [""])[-1]
    return _tag(repo, at, token)


def _tag(repo: str, at: str, token: str) -> str:
    """Make a commit the next version."""
    for left in reversed(range(TRIES)):
        tag = f"v{max((int(tag[1:]) for tag in _tags(repo, token)), default=0) + 1}"
        try:
            with spoken(repo):
                patiently(functools.partial(api(token).create_tag, repo, tag=tag, revision=at))
            return tag
        except Trouble as trouble:
            if trouble.template != SENTENCES[409] or not left:  # somebody else took the number
                raise
    raise AssertionError("unreachable")


def _visible(there: There, publishing: Publishing, token: str) -> Generator[Event, None, bool]:
    """Show a private page to everybody where that was chosen; returns whether it is private now."""
    private = publishing.private is not False if there.new else there.listing.private
    if not private or publishing.private is not False:
        return private

    def show() -> None:
        with spoken(publishing.repo):
            patiently(lambda: api(token).update_repo_settings(publishing.repo, private=False))

    try:
        yield from waited(show, span=END)
    except Trouble:
        yield Problem(
            name="private",
            template="{repo} stays private: this sign-in may not change that. Change it in the settings of its page.",
            facts={"repo": publishing.repo},
        )
        return True
    return False
