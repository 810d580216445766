"""What is read of a repository: its files, with the large ones from another origin, its tree and its history."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .listing import paged
from .repos import Commit, pointer
from .routes import FILES, REPO, commit_of, readable, route
from .wire import Answer, Call, Refusal, ranged

if TYPE_CHECKING:
    from .hub import Hub, Person


@route("GET|HEAD", f"{FILES}/resolve/(?P<revision>[^/]+)/(?P<path>.+)")
def resolve(
    hub: Hub, call: Call, person: Person | None, name: str, revision: str, path: str, kind: str = "model"
) -> Answer:
    repo = readable(hub, person, kind, name, content=True)
    commit = commit_of(repo, revision)
    file = commit.files.get(path)
    if file is None:
        raise Refusal(404, "Entry not found", "EntryNotFound", **{"X-Repo-Commit": commit.id})
    if call.method == "GET" and "x-hf-download-counter" in call.headers:
        repo.downloads += path in ("config.json", "model_index.json")
    headers = {"X-Repo-Commit": commit.id, "ETag": f'"{file.etag}"'}
    if not file.large:
        content = hub.store.blobs[file.sha256]
        found = ranged(content, call, headers)
        if call.method == "HEAD":
            found.headers["Content-Length"] = str(file.size)
        return found
    headers |= {"X-Linked-Etag": f'"{file.sha256}"', "X-Linked-Size": str(file.size)}
    headers["Location"] = f"{hub.cdn}/lfs/{file.sha256}"
    if hub.xet and file.xet:
        token = f"{hub.url}/api/{repo.kind}s/{repo.id}/xet-read-token/{commit.id}"
        headers |= {"X-Xet-Hash": file.xet, "Link": f'<{token}>; rel="xet-auth"'}
    return Answer(b"", 302, headers)


@route("GET|HEAD", "/lfs/(?P<sha256>[0-9a-f]{64})")
def lfs_download(hub: Hub, call: Call, person: Person | None, sha256: str) -> Answer:
    """The other origin: a request that still carries its Authorization is refused, as storage does."""
    if call.bearer:
        raise Refusal(400, "Only one auth mechanism allowed")
    return ranged(hub.content(sha256), call, {"ETag": f'"{sha256}"'})


def tree_rows(commit: Commit, folder: str, recursive: bool, expand: bool) -> list[dict]:
    """Files and folders below a folder, each folder once."""
    rows: dict[str, dict] = {}
    for path, file in sorted(commit.files.items()):
        if folder and not path.startswith(folder + "/"):
            continue
        parts = path[len(folder) + 1 if folder else 0 :].split("/")
        for depth in range(1, len(parts) if recursive else min(2, len(parts))):
            name = "/".join([*([folder] if folder else []), *parts[:depth]])
            rows.setdefault(name, {"type": "directory", "path": name, "size": 0, "oid": "0" * 40})
        if recursive or len(parts) == 1:
            rows[path] = {"type": "file", "path": path, "size": file.size, "oid": file.oid}
            if file.large:
                size = len(pointer(file.sha256, file.size))
                rows[path]["lfs"] = {"oid": file.sha256, "size": file.size, "pointerSize": size}
            if file.xet:
                rows[path]["xetHash"] = file.xet
    if expand:
        for path, row in rows.items():
            last = next(c for c in reversed(commit.line()) if path_state(c, path) == path_state(commit, path))
            row["lastCommit"] = {"id": last.id, "title": last.title, "date": last.date}
    return list(rows.values())


def path_state(commit: Commit, path: str) -> object:
    """What stands at a path: of a folder, all that is below it."""
    return commit.files.get(path) or {p: f.sha256 for p, f in commit.files.items() if p.startswith(path + "/")}


@route("GET", f"{REPO}/tree/(?P<revision>[^/]+)(?:/(?P<folder>.+))?")
def tree(hub: Hub, call: Call, person: Person | None, kind: str, name: str, revision: str, folder: str = "") -> Answer:
    commit = commit_of(readable(hub, person, kind, name), revision)
    rows = tree_rows(commit, folder.rstrip("/"), call.asked("recursive") == "true", call.asked("expand") == "true")
    if folder and not rows:
        raise Refusal(404, f"{folder} does not exist on {revision}", "EntryNotFound")
    return paged(hub, call, rows, 1000)


@route("POST", f"{REPO}/paths-info/(?P<revision>[^/]+)")
def paths_info(hub: Hub, call: Call, person: Person | None, kind: str, name: str, revision: str) -> Answer:
    commit = commit_of(readable(hub, person, kind, name), revision)
    asked = call.form()
    rows = tree_rows(commit, "", True, asked.get("expand", [""])[0].lower() == "true")
    return Answer([row for row in rows if row["path"] in asked.get("paths", [])])


@route("GET", f"{REPO}/refs")
def refs(hub: Hub, call: Call, person: Person | None, kind: str, name: str) -> Answer:
    repo = readable(hub, person, kind, name)
    heads, converts = {}, {}
    for name, commit in repo.branches.items():
        (converts if name.startswith("refs/convert/") else heads)[name] = commit
    parts = (("branches", "refs/heads/", heads), ("tags", "refs/tags/", repo.tags), ("converts", "", converts))
    rows = {
        part: [{"name": n.rpartition("convert/")[2], "ref": head + n, "targetCommit": c.id} for n, c in held.items()]
        for part, head, held in parts
    }
    return Answer(rows)


@route("GET", f"{REPO}/commits/(?P<revision>[^/]+)")
def commits(hub: Hub, call: Call, person: Person | None, kind: str, name: str, revision: str) -> Answer:
    line = commit_of(readable(hub, person, kind, name), revision).line()
    told = [
        {"id": c.id, "title": c.title, "message": c.message, "authors": [{"user": c.author}], "date": c.date}
        for c in line
    ]
    return paged(hub, call, told, 50)
