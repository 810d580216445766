"""Which request goes to which handler, and who may do what; the handlers are in the files beside this one."""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Callable
from typing import TYPE_CHECKING

from .repos import Commit, Repo
from .wire import Answer, Call, Refusal

if TYPE_CHECKING:
    from .hub import Hub, Person

Handler = Callable[..., Answer]
ROUTES: list[tuple[str, re.Pattern[str], Handler]] = []
REPO = r"/api/(?P<kind>model|dataset|space)s/(?P<name>[^/]+/[^/]+)"
FILES = r"/(?:(?P<kind>dataset|space)s/)?(?P<name>[^/]+/[^/]+)"


def route(method: str, pattern: str) -> Callable[[Handler], Handler]:
    """Enter a handler in the table: it is called with the hub, the request, who asks, and the pattern's groups."""

    def enter(handler: Handler) -> Handler:
        ROUTES.append((method, re.compile(pattern), handler))
        return handler

    return enter


def answer(hub: Hub, call: Call) -> Answer:
    """The Hub's answer to one request, errors included."""
    try:
        person = hub.person(call.bearer)
        for method, pattern, handler in ROUTES:
            found = pattern.fullmatch(call.path)
            if found and call.method in method.split("|"):
                parts = {name: urllib.parse.unquote(part) for name, part in found.groupdict().items() if part}
                return handler(hub, call, person, **parts)
        raise Refusal(404, f"Sorry, we can't find the page you are looking for: {call.path}")
    except Refusal as refusal:
        return refusal.answer


def readable(hub: Hub, person: Person | None, kind: str, name: str, content: bool = False) -> Repo:
    """A repository for someone who may see it; with `content`, for someone who may read its files."""
    repo = hub.store.repos.get((kind, name))
    mine = repo is not None and person is not None and person.name == repo.owner
    if repo is None or (repo.private and not mine):
        if person is None:
            raise Refusal(401, "Invalid username or password.", "RepoNotFound")
        raise Refusal(404, "Repository not found", "RepoNotFound")
    if content and repo.gated and not mine and (person is None or person.name not in repo.readers):
        how = "You must have access to it and be authenticated to access it. Please log in."
        if person:
            how = "Visit its page to ask for access."
        raise Refusal(403 if person else 401, f"Access to {repo.kind} {repo.id} is restricted. {how}", "GatedRepo")
    return repo


def writable(hub: Hub, person: Person | None, kind: str, name: str) -> Repo:
    """A repository for someone who may change it."""
    repo = readable(hub, person, kind, name)
    if person is None:
        raise Refusal(401, "Invalid username or password.")
    if person.role == "read":
        raise Refusal(403, "Forbidden: you must use a write token to upload to a repository.")
    if person.name != repo.owner:
        raise Refusal(403, "Forbidden: pass `create_pr=1` as a query parameter to create a Pull Request")
    if person.role == "contribute-repos" and not repo.by_app:
        raise Refusal(403, "Forbidden: this app may only change the repositories that it made")
    return repo


def commit_of(repo: Repo, revision: str) -> Commit:
    commit = repo.commit(revision)
    if commit is None:
        raise Refusal(404, f"Invalid rev id: {revision}", "RevisionNotFound")
    return commit


def page_of(repo: Repo) -> str:
    return f"{'' if repo.kind == 'model' else repo.kind + 's/'}{repo.id}"
