"""Revisions: the versions that a repository has had, newest first, and whether there is a newer one."""

from __future__ import annotations

import dataclasses

from .client import Address, api, patiently, reach, talking, within
from .download import PATIENCE
from .find import line
from .origin import Origin

MOST, FIRST = 50, "initial commit"  # versions shown; the one that the Hub makes itself, with nothing in it


@dataclasses.dataclass(frozen=True)
class Revision:
    """A version of a repository. Its words are other people's: show them as text."""

    name: str  # its tag, else the beginning of its commit
    commit: str
    title: str
    when: float  # seconds since 1970


def of(repo: str, token: str | None, branch: str = "") -> tuple[Revision, ...]:
    """The commits of a repository, each by its tag where it has one; newest first, at most 50. Raises Trouble.

    They are those of `branch` where it has a branch of this name, else those of its main one.
    """
    Address.parse(repo)
    reach()
    with talking(repo):
        ask = api(token)
        refs = patiently(lambda: within(PATIENCE, lambda: ask.list_repo_refs(repo)))
        there = branch if branch in {each.name for each in refs.branches} else None
        commits = patiently(lambda: within(PATIENCE, lambda: ask.list_repo_commits(repo, revision=there)))
    tags: dict[str, list[str]] = {}
    for tag in refs.tags:
        tags.setdefault(tag.target_commit, []).append(tag.name)
    return tuple(
        Revision(
            line(", ".join(sorted(tags.get(each.commit_id, ()))) or each.commit_id[:7]),
            each.commit_id,
            line(each.title),
            each.created_at.timestamp(),
        )
        for each in commits[:MOST]
        if each.title != FIRST
    )


def newer(origin: Origin, token: str | None) -> Revision | None:
    """The newest version of the branch that a folder came from, where that is another one. Raises Trouble."""
    newest = next(iter(of(origin.repo, token, origin.revision)), None)
    return newest if newest is not None and newest.commit != origin.commit else None
