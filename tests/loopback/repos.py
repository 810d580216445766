"""What a Hub keeps: repositories with commits, branches, tags and files, in memory."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import itertools
from collections.abc import Iterator

import yaml

LARGE = 10_000_000  # bytes from which a file goes by LFS whatever its name
LARGE_ENDINGS = (".safetensors", ".onnx", ".bin", ".pt", ".pth", ".ckpt", ".pkl", ".npz", ".npy", ".parquet", ".zip")
MOMENT = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
clock = itertools.count()


class Claimed(bytes):
    """A file that says it is larger than it is."""

    size: int

    def __new__(cls, content: bytes, size: int) -> Claimed:
        claimed = super().__new__(cls, content)
        claimed.size = size
        return claimed


@dataclasses.dataclass(frozen=True)
class File:
    """One file of a commit; its bytes lie in `Store.blobs` by their SHA-256, or in the xet store by `xet`."""

    sha256: str
    size: int
    large: bool  # goes by LFS or xet
    oid: str  # git's name for it
    xet: str = ""

    @property
    def etag(self) -> str:
        return self.sha256 if self.large else self.oid


@dataclasses.dataclass(frozen=True)
class Commit:
    """A state of a repository."""

    id: str
    title: str
    message: str
    author: str
    date: str
    files: dict[str, File]
    parent: Commit | None = None

    def line(self) -> list[Commit]:
        """This commit and those before it, newest first."""
        return [self, *(self.parent.line() if self.parent else [])]


@dataclasses.dataclass
class Repo:
    """A repository: who may see it, and its history."""

    id: str
    kind: str
    private: bool = False
    gated: bool | str = False
    tags_given: tuple[str, ...] = ()
    downloads: int = 0
    likes: int = 0
    by_app: bool = False  # made by a token that may only touch what it made
    readers: set[str] = dataclasses.field(default_factory=set)  # of a gated one
    branches: dict[str, Commit] = dataclasses.field(default_factory=dict)
    tags: dict[str, Commit] = dataclasses.field(default_factory=dict)
    created: str = dataclasses.field(default_factory=lambda: now())

    @property
    def owner(self) -> str:
        return self.id.split("/")[0]

    def commit(self, revision: str) -> Commit | None:
        """What a branch, a tag or a commit's name stands for."""
        if revision in self.branches:
            return self.branches[revision]
        if revision in self.tags:
            return self.tags[revision]
        heads = [*self.branches.values(), *self.tags.values()]
        return next((commit for head in heads for commit in head.line() if commit.id == revision), None)

    def advance(self, branch: str, changes: dict[str, File | None], title: str, message: str, author: str) -> Commit:
        """A new commit on a branch; None takes a file away."""
        parent = self.branches.get(branch)
        files = dict(parent.files) if parent else {}
        for path, file in changes.items():
            if file is None:
                files.pop(path, None)
            else:
                files[path] = file
        date = now()
        identity = f"{self.kind} {self.id} {parent.id if parent else ''} {title} {author} {date} {sorted(files)}"
        commit = Commit(hashlib.sha1(identity.encode()).hexdigest(), title, message, author, date, files, parent)
        self.branches[branch] = commit
        return commit


def now() -> str:
    """A moment as the Hub writes it; every call is a second later than the one before, so that order is certain."""
    return (MOMENT + datetime.timedelta(seconds=next(clock))).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def git_oid(content: bytes) -> str:
    """Git's name for a blob."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def is_large(path: str, size: int) -> bool:
    """Whether the Hub wants a file by LFS (or xet, which is the same to it)."""
    return size > LARGE or path.lower().endswith(LARGE_ENDINGS)


def pointer(sha256: str, size: int) -> bytes:
    """What git keeps of a large file."""
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n".encode()


def card_data(text: str) -> dict:
    """The YAML at the head of a card: ValueError where it cannot be read."""
    if not text.startswith("---\n"):
        return {}
    head, closed, _ = text[4:].partition("\n---")
    if not closed:
        raise ValueError("the front matter never ends")
    try:
        data = yaml.safe_load(head) or {}
    except yaml.YAMLError as error:
        raise ValueError(f"not YAML: {error}") from error
    if not isinstance(data, dict):
        raise ValueError("metadata must be a mapping")
    return data


class Store:
    """All repositories and the bytes of their files."""

    def __init__(self) -> None:
        self.repos: dict[tuple[str, str], Repo] = {}
        self.blobs: dict[str, bytes] = {}

    def keep(self, content: bytes) -> str:
        sha256 = hashlib.sha256(content).hexdigest()
        self.blobs[sha256] = bytes(content)
        return sha256

    def all_files(self) -> Iterator[File]:
        """Every file of every commit that a branch or a tag leads to."""
        for repo in self.repos.values():
            for head in [*repo.branches.values(), *repo.tags.values()]:
                for commit in head.line():
                    yield from commit.files.values()

    def file(self, path: str, content: bytes) -> File:
        """A file as the Hub would store it."""
        sha256 = self.keep(content)
        size = getattr(content, "size", len(content))
        large = is_large(path, size)
        return File(sha256, size, large, git_oid(pointer(sha256, size) if large else content))

    def create(self, kind: str, name: str, **facts: object) -> Repo:
        """A new repository, with the first commit that the Hub makes."""
        repo = self.repos[kind, name] = Repo(name, kind, **facts)  # type: ignore[arg-type]
        rules = "".join(f"*{ending} filter=lfs diff=lfs merge=lfs -text\n" for ending in LARGE_ENDINGS)
        first = {".gitattributes": self.file(".gitattributes", rules.encode())}
        repo.advance("main", first, "initial commit", "", repo.owner)
        return repo

    def card(self, repo: Repo, commit: Commit) -> dict:
        """What the card of a commit says in its head; nothing where there is no card, or no head one can read."""
        file = commit.files.get("README.md")
        try:
            return card_data(self.blobs.get(file.sha256, b"").decode(errors="replace")) if file else {}
        except ValueError:
            return {}

    def tags(self, repo: Repo, card: dict) -> list[str]:
        """What a search can filter by."""
        given = card.get("tags") or []
        tags = [*map(str, given if isinstance(given, list) else [given]), *repo.tags_given]
        for name in ("library_name", "pipeline_tag"):
            tags += [str(card[name])] if card.get(name) else []
        for name in ("license", "datasets", "language"):
            values = card.get(name) or []
            short = {"license": "license:", "datasets": "dataset:", "language": ""}[name]
            tags += [f"{short}{value}" for value in (values if isinstance(values, list) else [values])]
        return list(dict.fromkeys([*tags, "region:us"]))
