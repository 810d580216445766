"""What a data set on the Hub holds: parts, columns, kinds, licence. A few requests, and no picture is downloaded."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

from ..events import Trouble
from . import dataset_layout as layout
from .client import Address, api, patiently, reach, talking
from .parquet import Column, Damaged, Parquet
from .remote import RemoteFile, Traffic

PATIENCE = 10.0  # seconds for one answer that is no file
MOST_FILES = 50_000  # names that are looked at
COUNTED = 8  # tables of a part whose footers are read only to count its pictures
VIEWER = "refs/convert/parquet"  # where the Hub keeps its own copy of a data set as Parquet
FOLDER = "folder"  # says the kinds where there are picture files instead of tables


@dataclasses.dataclass(frozen=True)
class Split:
    """One part of a data set."""

    name: str
    files: int
    bytes: int
    pictures: int | None  # None where nobody says


@dataclasses.dataclass(frozen=True)
class Labels:
    """Something that says what a picture shows."""

    name: str
    kinds: tuple[str, ...]  # their names; () where only the rows of the table tell


@dataclasses.dataclass(frozen=True)
class DatasetAbout:
    """What a person needs to know before they get pictures of a data set."""

    repo: str
    commit: str
    licence: str  # the Hub's word for it, "" where nothing is said
    splits: tuple[Split, ...]
    image_columns: tuple[str, ...]
    label_columns: tuple[Labels, ...]
    private: bool
    gated: bool
    tables: bool  # Parquet; else picture files in folders
    converted: bool  # read from the copy that the Hub's own viewer keeps
    piece: int = 1  # pictures in one row group
    footer: int = 0  # bytes of what says where they lie, in each table

    @classmethod
    def told(cls, plain: dict[str, Any]) -> DatasetAbout:
        """From plain data, as JSON leaves it."""
        parts = {
            "splits": tuple(Split(**each) for each in plain["splits"]),
            "image_columns": tuple(plain["image_columns"]),
            "label_columns": tuple(Labels(each["name"], tuple(each["kinds"])) for each in plain["label_columns"]),
        }
        return cls(**{**plain, **parts})

    @property
    def address(self) -> str:
        """What was looked at, exactly: get this."""
        return f"{self.repo}@{self.commit}"

    def split(self, name: str) -> Split | None:
        """A part by its name."""
        return next((each for each in self.splits if each.name == name), None)

    def labels(self, name: str) -> Labels | None:
        """A column of kinds by its name."""
        return next((each for each in self.label_columns if each.name == name), None)


@dataclasses.dataclass
class Looked:
    """What is known of a data set, and where its pictures lie."""

    repo: str
    token: str | None = dataclasses.field(repr=False)
    commit: str = ""  # of the files: the viewer's copy lies on a branch of its own
    files: layout.Files = dataclasses.field(default_factory=dict)
    parts: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    names: dict[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)  # of the numbers in a label column
    traffic: Traffic = dataclasses.field(default_factory=Traffic)
    about: DatasetAbout | None = None
    tables: dict[str, Parquet] = dataclasses.field(default_factory=dict, repr=False)  # whose footers were read

    def open(self, path: str) -> RemoteFile:
        """A file of it."""
        return RemoteFile(self.repo, self.commit, path, self.files[path], self.token, self.traffic)

    def table(self, path: str) -> Parquet:
        """A table of it, its footer read once. Raises Trouble."""
        try:
            self.tables[path] = self.tables.get(path) or Parquet(self.open(path))
            return self.tables[path]
        except Damaged as error:
            raise self.unreadable() from error

    def unreadable(self) -> Trouble:
        """What to say of a table that breaks the rules of its format."""
        template = "A table of {repo} is damaged, or of a form that is not read here. Choose another data set."
        return Trouble(template, repo=self.repo)


def look(address: Address, token: str | None) -> Looked:
    """Ask the Hub about a data set. Raises Trouble, also where it holds no pictures."""
    reach()
    looked = Looked(address.repo, token)
    with talking(looked.repo):
        ask, asked = api(token).dataset_info, ["sha", "cardData", "private", "gated"]
        told = {"revision": address.revision or None, "expand": asked, "timeout": PATIENCE}
        info = patiently(lambda: ask(looked.repo, **told))
        looked.commit, looked.files = info.sha, _files(looked, info.sha)
    card = info.card_data.to_dict() if hasattr(info.card_data, "to_dict") else {}
    looked.parts, files, converted = layout.tables(looked.files, card), layout.pictures(looked.files), False
    if not looked.parts and not files:
        converted = _take_copy(looked)
    tables = bool(looked.parts)
    looked.parts = looked.parts or files
    images, labels = _columns(looked, card) if tables else ((FOLDER,), _folders(looked.parts))
    looked.about = DatasetAbout(
        repo=looked.repo,
        commit=info.sha,
        licence=layout.licence(card),
        splits=_splits(looked, layout.counts(card) if tables else {}, tables),
        image_columns=images,
        label_columns=labels,
        private=bool(info.private),
        gated=bool(info.gated),
        tables=tables,
        converted=converted,
        piece=_piece(looked) if tables else 1,
        footer=looked.table(next(iter(looked.parts.values()))[0]).overhead if tables else 0,
    )
    return looked


def _piece(looked: Looked) -> int:
    groups = looked.table(next(iter(looked.parts.values()))[0]).groups
    return max((1, *(group.rows for group in groups)))


def picture_column(table: Parquet, name: str) -> Column | None:
    """The column whose values are the bytes of picture files: `name` itself, or the `bytes` in it."""
    fitting = (table.columns.get(path) for path in ((name, "bytes"), (name,)))
    return next((column for column in fitting if column and _holds_bytes(column)), None)


def _holds_bytes(column: Column) -> bool:
    return column.kind == "bytes" and not column.repeated


def _files(looked: Looked, commit: str) -> layout.Files:
    """Path -> bytes of every file at a commit."""
    from huggingface_hub.hf_api import RepoFile

    def listed() -> layout.Files:
        tree = api(looked.token).list_repo_tree(looked.repo, recursive=True, revision=commit, repo_type="dataset")
        found = (each for each in itertools.islice(tree, MOST_FILES) if isinstance(each, RepoFile))
        return {each.path: each.size for each in found if isinstance(each.size, int) and each.size >= 0}

    return patiently(listed)


def _take_copy(looked: Looked) -> bool:
    """The tables that the Hub's viewer made, where it did. Raises Trouble that says what is there instead."""
    from huggingface_hub.errors import RevisionNotFoundError

    there = looked.files
    with talking(looked.repo):
        try:
            info = patiently(
                lambda: api(looked.token).dataset_info(looked.repo, revision=VIEWER, expand=["sha"], timeout=PATIENCE)
            )
            looked.commit, looked.files = info.sha, _files(looked, info.sha)
            looked.parts = layout.converted(looked.files)
        except RevisionNotFoundError:
            pass
    if looked.parts:
        return True
    if any(path.lower().endswith(layout.ARCHIVES) for path in there):
        raise Trouble(
            "{repo} keeps its pictures in archives. Download one of its ZIPs from its page and give it under Files.",
            repo=looked.repo,
        )
    raise Trouble("There are no pictures in {repo}. Choose a data set of pictures.", repo=looked.repo)


def _columns(looked: Looked, card: dict[str, Any]) -> tuple[tuple[str, ...], tuple[Labels, ...]]:
    """The columns that hold pictures, and those that could say what they show; the usual names first."""
    table = looked.table(next(iter(looked.parts.values()))[0])
    looked.names = layout.label_names(card, table.notes)
    tops = dict.fromkeys(path[0] for path in table.columns)
    images = [name for name in tops if picture_column(table, name)]
    if not images:
        raise Trouble("There are no pictures in {repo}. Choose a data set of pictures.", repo=looked.repo)
    labels = []
    for path, column in table.columns.items():
        if len(path) == 1 and column.kind in ("text", "int", "bool") and not column.repeated:
            labels.append(Labels(path[0], looked.names.get(path[0], ())))
    labels.sort(key=lambda each: (not each.kinds, "label" not in each.name.lower()))
    images.sort(key=lambda name: not any(word in name.lower() for word in ("image", "img", "picture")))
    return tuple(images), tuple(labels)


def _folders(parts: dict[str, list[str]]) -> tuple[Labels, ...]:
    kinds = sorted({layout.kind_of(path) for paths in parts.values() for path in paths} - {""})
    return (Labels(FOLDER, tuple(kinds)),) if len(kinds) > 1 else ()


def _splits(looked: Looked, counts: dict[str, int], tables: bool) -> tuple[Split, ...]:
    found = []
    for name, paths in looked.parts.items():
        known = counts.get(name) if tables else len(paths)
        if known is None and len(paths) <= COUNTED and len(looked.parts) <= COUNTED:
            known = sum(looked.table(path).rows for path in paths)
        found.append(Split(name, len(paths), sum(looked.files[path] for path in paths), known))
    return tuple(found)
