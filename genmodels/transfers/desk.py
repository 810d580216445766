"""Desk: what the screens ask of the Hub. Every call is in the name of one visitor; nobody speaks as another."""

from __future__ import annotations

import dataclasses
import pathlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..checkpoint import Checkpoint
from ..data import starters
from ..data.intake import Intake
from ..events import Trouble
from ..hub.client import Address
from ..hub.origin import Origin
from ..library import Library
from ..runs.order import filled
from ..runs.result import slug
from ..sets import Sets
from . import Transfer, Transfers
from .identity import Identity, Person

if TYPE_CHECKING:
    from ..hub.datasets import DatasetAbout
    from ..hub.find import Page
    from ..hub.push import Outgoing, Publishing
    from ..hub.revisions import Revision

FRESH, MOST = 15.0, 100  # seconds that a page is known to be there, and how many are remembered
Owner = Callable[[str | None], str]


@dataclasses.dataclass(frozen=True)
class Draft:
    """What publishing a model would do, before anything leaves."""

    repo: str  # "user/name"; only the name while nobody is signed in
    where: str  # the name alone
    files: tuple[Outgoing, ...]
    card: str
    licence: str  # the one chosen, else the one that its pictures suggest
    licences: tuple[str, ...]  # to choose from, as the Hub calls them
    person: Person
    new: bool  # there is no page of this name, as far as anybody knows
    other: bool  # there is one, and this model was not published there before
    trainable: bool  # the pictures it learned from are still here and could go along

    @property
    def bytes(self) -> int:
        """Of all files."""
        return sum(file.bytes for file in self.files)


class Desk:
    """Search, pull, publish, versions, data sets; `reader` and `owner` turn a visitor's token into an owner."""

    def __init__(
        self,
        root: pathlib.Path,
        library: Library,
        sets: Sets,
        reader: Owner,
        owner: Owner,
        fingerprint: Callable[[str, str], str],
        *,
        alone: bool,
    ) -> None:
        self.library, self.sets, self._fingerprint = library, sets, fingerprint
        self._reader, self._owner, self.alone = reader, owner, alone
        self._seen: dict[tuple[str, int], tuple[bool, float]] = {}  # pages that were found, and by whom
        self.transfers, self.identity = Transfers(root), Identity(alone)

    # ---- who

    def sign_in(self, visitor: str, token: str) -> Person:
        """Take a pasted token for this visitor, while the studio is open. Raises Trouble."""
        return self.identity.sign_in(self._owner(visitor), token)

    def sign_out(self, visitor: str) -> None:
        """Forget it."""
        self.identity.sign_out(self._owner(visitor))

    def who(self, visitor: str | None, oauth: str | None = None) -> Person:
        """Who the visitor is on the Hub."""
        return self.identity.who(self._reader(visitor), oauth)

    # ---- what the Hub has

    def search(
        self, visitor: str | None, words: str, sort: str, kind: str, cursor: str = "", oauth: str | None = None
    ) -> Page:
        """A page of models. Raises Trouble."""
        from ..hub import find

        token = self.identity.token(self._reader(visitor), oauth)
        return find.search(words, sort=sort, kind=kind, cursor=cursor, token=token)

    def preview(self, visitor: str | None, repo: str, oauth: str | None = None) -> bytes:
        """A small picture of a model on the Hub, WebP; b"" where there is none."""
        from ..hub import find

        return find.preview(repo, self.identity.token(self._reader(visitor), oauth))

    def pull(self, visitor: str, text: str, revision: str = "", oauth: str | None = None) -> str:
        """Begin to pull a model or a guest, by its name or a pasted address; returns the transfer's key."""
        address = Address.parse(text)
        return self._pull(visitor, dataclasses.replace(address, revision=revision or address.revision), "", oauth)

    # ---- versions

    def revisions(self, visitor: str, key: str, oauth: str | None = None) -> tuple[Revision, ...]:
        """The versions of a model that came from the Hub or went there; () for any other."""
        from ..hub import revisions

        owner, origin = self._reader(visitor), self._origin(visitor, key)
        return revisions.of(origin.repo, self.identity.token(owner, oauth)) if origin else ()

    def newer(self, visitor: str, key: str, oauth: str | None = None) -> Revision | None:
        """The version to update to, if there is one."""
        from ..hub import revisions

        owner, origin = self._reader(visitor), self._origin(visitor, key)
        return revisions.newer(origin, self.identity.token(owner, oauth)) if origin else None

    def go_to(self, visitor: str, key: str, commit: str, oauth: str | None = None) -> str:
        """Begin to put another version into the place of a model; returns the transfer's key."""
        origin = self._origin(visitor, key)
        if origin is None:
            raise Trouble("This model has no versions on the Hub.")
        return self._pull(visitor, Address(origin.repo, commit), key, oauth)

    # ---- publishing

    def publishing(self, visitor: str, key: str, choices: dict[str, Any], oauth: str | None = None) -> Draft:
        """What `publish` with these choices would do. Nothing leaves."""
        from ..card import OFFERED, suggested
        from ..hub.push import draft, outgoing

        folder, person = self.library.folder(self._reader(visitor), key), self.who(visitor, oauth)
        chosen, pictures = self._chosen(visitor, folder, choices, person)
        origin, licence = Origin.of(folder), chosen.licence or suggested(Checkpoint.open(folder))
        mine = origin is not None and origin.repo == chosen.repo
        there = self._there(chosen.repo, self.identity.token(self._reader(visitor), oauth)) if person.name else None
        text = draft(folder, chosen)
        return Draft(
            repo=chosen.repo,
            where=chosen.repo.split("/")[-1],
            files=outgoing(folder, chosen, text),
            card=text,
            licence=licence,
            licences=tuple(OFFERED),
            person=person,
            new=not (mine if there is None else there),
            other=bool(there) and not mine,
            trainable=pictures,
        )

    def _there(self, repo: str, token: str | None) -> bool | None:
        """Whether a repository is on the Hub; None where nobody answers soon. Its being there is remembered a while."""
        from ..hub.find import exists

        asked = (repo, hash(token))
        known, since = self._seen.get(asked, (None, -FRESH))
        if time.monotonic() - since > FRESH:
            try:
                known = exists(repo, token)
            except Trouble:  # publishing itself will say it
                known = None
            if known:  # what is not there may be in a moment
                self._seen = {**dict(list(self._seen.items())[-MOST:]), asked: (known, time.monotonic())}
        return known

    def publish(self, visitor: str, key: str, choices: dict[str, Any], oauth: str | None = None) -> str:
        """Begin to publish a model; returns the transfer's key. Raises Trouble where nobody is signed in."""
        owner = self._owner(visitor)
        person, token = self.identity.publisher(owner, oauth)
        key = self._own(owner, key)
        folder = self.library.folder(owner, key)
        chosen, _ = self._chosen(visitor, folder, choices, person)
        address = Address.parse(chosen.repo)
        order = {"key": key, "folder": str(folder.resolve()), "publishing": chosen.model_dump(mode="json")}
        order["link"] = address.page
        return self.transfers.start(owner, "push", chosen.repo, order, token)

    def _own(self, owner: str, key: str) -> str:
        """The model, or a copy of it that the owner may write to where it ships with the studio."""
        found = self.library.find(owner, key)
        if not found.ours:
            return key
        copies = [each for each in self.library.models(owner) if not each.ours and each.identity == found.identity]
        if copies:
            return copies[0].key
        return self.library.copy(owner, key)

    def _chosen(
        self, visitor: str, folder: pathlib.Path, choices: dict[str, Any], person: Person
    ) -> tuple[Publishing, bool]:
        """The choices as the Hub's side wants them, and whether the model's pictures could go along."""
        from ..hub.push import Publishing

        found, origin = Checkpoint.open(folder), Origin.of(folder)
        name = str(choices.get("name") or "").strip()
        if not name:
            mine = origin is not None and origin.repo.split("/")[0] == person.name
            name = origin.repo.split("/")[1] if mine else slug(found.name, 60)
        repo = f"{person.name}/{name}" if person.name and "/" not in name else name
        pictures = self._pictures(visitor, found)
        if choices.get("pictures") and pictures is None:
            raise Trouble("The pictures that it learned from are not here any more, so they cannot go along.")
        plain = ("licence", "message", "consent", "card")
        told = {word: str(choices.get(word) or "").strip() for word in plain}
        private = choices.get("private")  # None: a new page is private, an old one stays as it is
        given = pictures if choices.get("pictures") else None
        return Publishing(repo=repo, private=private, pictures=given, **told), pictures is not None

    def _pictures(self, visitor: str, found: Checkpoint) -> pathlib.Path | None:
        """The folder of the visitor's own set that a model learned from; sets that ship need not travel."""
        owner, mark, called = self._reader(visitor), found.trained.get("fingerprint"), found.trained.get("set")
        for each in self.sets.all(owner) if mark and called not in starters.NAMES else ():
            if not each.ours and each.title == called and self._fingerprint(owner, each.key) == mark:
                return self.sets.folder(owner, each.key) / "set"
        return None

    # ---- data sets

    def dataset(self, visitor: str, text: str, oauth: str | None = None) -> DatasetAbout:
        """What a data set on the Hub holds. Raises Trouble."""
        from .asking import told_about

        return told_about(Address.parse(text, "dataset"), self.identity.token(self._reader(visitor), oauth))

    def glimpse(self, visitor: str, text: str, oauth: str | None = None) -> bytes:
        """A sheet of some pictures of a data set (WebP), b"" where they cannot be had for little. Raises Trouble."""
        from .asking import sheet

        return sheet(Address.parse(text, "dataset"), self.identity.token(self._reader(visitor), oauth))

    def take_dataset(
        self,
        visitor: str,
        text: str,
        choice: dict[str, Any],
        name: str,
        settings: dict[str, Any],
        oauth: str | None = None,
    ) -> str:
        """Begin to fetch pictures of a data set; returns the transfer's key, whose result is the key of a set."""
        from ..hub.datasets import Choice

        owner, token = self._owner(visitor), self.identity.token(self._owner(visitor), oauth)
        address = Address.parse(text, "dataset")
        choice, settings = filled(Choice, choice).model_dump(), filled(Intake, settings).model_dump()
        order = {"address": dataclasses.asdict(address), "choice": choice, "name": name, "settings": settings}
        order["link"] = address.page
        return self.transfers.start(owner, "pictures", address.repo, order, token)

    # ---- transfers

    def look(self, visitor: str | None, transfer: str) -> Transfer | None:
        """How a transfer stands; None where there is none of this key (any more)."""
        return self.transfers.look(self._reader(visitor), transfer)

    def cancel(self, visitor: str, transfer: str) -> None:
        """End a transfer at once."""
        self.transfers.cancel(self._owner(visitor), transfer)

    # ---- inside

    def _origin(self, visitor: str | None, key: str) -> Origin | None:
        return Origin.of(self.library.folder(self._reader(visitor), key))

    def _pull(self, visitor: str, address: Address, replace: str, oauth: str | None) -> str:
        owner = self._owner(visitor)
        order = {"address": dataclasses.asdict(address), "replace": replace, "alone": self.alone}
        order |= {"shipped": str(self.library.shipped), "link": Address(address.repo).page}
        return self.transfers.start(owner, "pull", address.repo, order, self.identity.token(owner, oauth))
