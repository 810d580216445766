"""Who somebody is, what a repository says of itself, search with its pages, and a page for browsers."""

from __future__ import annotations

import html
import urllib.parse
from typing import TYPE_CHECKING

from .repos import Commit, Repo, pointer
from .routes import FILES, REPO, commit_of, readable, route
from .wire import Answer, Call, Refusal

if TYPE_CHECKING:
    from .hub import Hub, Person


@route("GET", "/api/whoami-v2")
def whoami(hub: Hub, call: Call, person: Person | None) -> Answer:
    if person is None:
        raise Refusal(401, "Invalid username or password.")
    token = {"displayName": "loopback", "role": person.role, "createdAt": "2026-01-01T00:00:00.000Z"}
    told = {"id": person.id, "name": person.name, "fullname": person.fullname, "avatarUrl": f"{hub.url}/avatar.svg"}
    mail = {"email": f"{person.name}@example.org", "emailVerified": True, "canPay": False, "isPro": False}
    login = {"type": "access_token", "accessToken": token}
    return Answer({"type": "user", **told, **mail, "periodEnd": None, "orgs": [], "auth": login})


def paged(hub: Hub, call: Call, rows: list[dict], most: int) -> Answer:
    """One page of a list, with the link to the next."""
    limit = min(int(call.asked("limit") or most), most, hub.page or most)
    start = int(call.asked("cursor") or 0)
    headers = {}
    if start + limit < len(rows):
        query = urllib.parse.urlencode({**call.query, "cursor": [str(start + limit)]}, doseq=True)
        headers["Link"] = f'<{hub.url}{call.path}?{query}>; rel="next"'
    return Answer(rows[start : start + limit], 200, headers)


def described(hub: Hub, repo: Repo, commit: Commit, fields: set[str]) -> dict:
    """What the Hub says of a repository, as far as asked."""
    card = hub.store.card(repo, commit)
    told = {
        "id": repo.id,
        "modelId": repo.id if repo.kind == "model" else None,
        "author": repo.owner,
        "sha": commit.id,
        "createdAt": repo.created,
        "lastModified": repo.branches["main"].date,
        "private": repo.private,
        "gated": repo.gated,
        "disabled": False,
        "downloads": repo.downloads,
        "likes": repo.likes,
        "trendingScore": 0,
        "tags": hub.store.tags(repo, card),
        "library_name": card.get("library_name"),
        "pipeline_tag": card.get("pipeline_tag"),
        "cardData": card,
        "siblings": [{"rfilename": path} for path in sorted(commit.files)],
        "usedStorage": sum(file.size for file in commit.files.values()),
        "config": {},
        "spaces": [],
    }
    return {name: value for name, value in told.items() if name in {"id", *fields} and value is not None}


LISTED = {"modelId", "likes", "trendingScore", "private", "downloads", "tags", "pipeline_tag", "library_name"}
LISTED |= {"createdAt"}
IN_FULL = {"author", "gated", "lastModified", "sha", "siblings"}
ALL = LISTED | IN_FULL | {"disabled", "cardData", "usedStorage", "config", "spaces"}


@route("GET", f"{REPO}(?:/revision/(?P<revision>[^/]+))?")
def info(hub: Hub, call: Call, person: Person | None, kind: str, name: str, revision: str = "main") -> Answer:
    repo = readable(hub, person, kind, name)
    commit = commit_of(repo, revision)
    told = described(hub, repo, commit, set(call.query.get("expand", [])) or ALL)
    if call.asked("blobs").lower() in ("true", "1"):
        for sibling in told.get("siblings", []):
            file = commit.files[sibling["rfilename"]]
            sibling |= {"size": file.size, "blobId": file.oid}
            if file.large:
                size = len(pointer(file.sha256, file.size))
                sibling["lfs"] = {"sha256": file.sha256, "size": file.size, "pointerSize": size}
    return Answer(told)


@route("GET", r"/api/(?P<kind>model|dataset|space)s")
def search(hub: Hub, call: Call, person: Person | None, kind: str) -> Answer:
    wanted = {tag for given in call.query.get("filter", []) for tag in given.split(",")}
    words, author = call.asked("search").lower(), call.asked("author")
    fields = set(call.query.get("expand", [])) or set(LISTED)
    if "expand" not in call.query:
        fields |= IN_FULL if call.asked("full").lower() in ("true", "1") else set()
        fields |= {"cardData"} if call.asked("cardData").lower() in ("true", "1") else set()
    rows = []
    for repo in hub.store.repos.values():
        told = described(hub, repo, repo.branches["main"], ALL)
        seen = not repo.private or (person and person.name == repo.owner)
        fits = wanted <= set(told["tags"]) and words in repo.id.lower() and author in ("", repo.owner)
        if repo.kind == kind and seen and fits:
            rows.append(told)
    by = {"downloads": "downloads", "likes": "likes", "created_at": "createdAt", "createdAt": "createdAt"}
    by |= {"last_modified": "lastModified", "lastModified": "lastModified"}
    rows.sort(key=lambda row: row[by.get(call.asked("sort"), "trendingScore")], reverse=True)
    found = paged(hub, call, rows, 1000)
    found.body = [{name: value for name, value in row.items() if name in {"id", *fields}} for row in found.body]
    return found


@route("GET", rf"(?!/api/|/lfs/|/oauth/|/\.){FILES}(?:/(?:commit|tree)/(?P<revision>[^/]+))?")
def page(hub: Hub, call: Call, person: Person | None, name: str, kind: str = "model", revision: str = "main") -> Answer:
    """What a browser sees of a repository; being no visitor of this Hub, of public ones only."""
    repo = readable(hub, person, kind, name)
    files = commit_of(repo, revision).files
    card = hub.store.blobs[files["README.md"].sha256].decode(errors="replace") if "README.md" in files else ""
    rows = "".join(f"<li>{html.escape(path)}, {file.size:,} bytes</li>" for path, file in sorted(files.items()))
    body = f"<h1>{html.escape(repo.id)}</h1><ul>{rows}</ul><pre>{html.escape(card)}</pre>"
    return Answer(f"<!doctype html><meta charset=utf-8>{body}".encode(), 200, {"Content-Type": "text/html"})
