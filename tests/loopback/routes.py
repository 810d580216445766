"""What the Hub answers to each request of the client, by the table in `ROUTES`."""

from __future__ import annotations

import base64
import html
import json
import re
import time
import urllib.parse
from collections.abc import Callable
from typing import TYPE_CHECKING

from .repos import Commit, File, Repo, card_data, git_oid, is_large, pointer
from .wire import Answer, Call, Refusal, ranged

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


@route("GET", "/api/whoami-v2")
def whoami(hub: Hub, call: Call, person: Person | None) -> Answer:
    if person is None:
        raise Refusal(401, "Invalid username or password.")
    token = {"displayName": "loopback", "role": person.role, "createdAt": "2026-01-01T00:00:00.000Z"}
    told = {"id": person.id, "name": person.name, "fullname": person.fullname, "avatarUrl": f"{hub.url}/avatar.svg"}
    mail = {"email": f"{person.name}@example.org", "emailVerified": True, "canPay": False, "isPro": False}
    login = {"type": "access_token", "accessToken": token}
    return Answer({"type": "user", **told, **mail, "periodEnd": None, "orgs": [], "auth": login})


@route("POST", "/api/repos/create")
def create(hub: Hub, call: Call, person: Person | None) -> Answer:
    asked = call.json()
    kind = asked.get("type") or "model"
    if person is None:
        raise Refusal(401, "Invalid username or password.")
    owner = asked.get("organization") or person.name
    if person.role == "read" or owner != person.name:
        raise Refusal(403, f'You don\'t have the rights to create a {kind} under the namespace "{owner}"')
    name = f"{owner}/{asked['name']}"
    told = {"url": f"{hub.url}/{'' if kind == 'model' else kind + 's/'}{name}", "name": name}
    if (kind, name) in hub.store.repos:
        told["error"] = f"You already created this {kind} repo: {name}"
        return Answer(told, 409, {"X-Error-Message": told["error"]})
    private = asked.get("visibility") == "private" or bool(asked.get("private"))
    hub.store.create(kind, name, private=private, by_app=person.role == "contribute-repos")
    return Answer({**told, "id": name})


@route("DELETE", "/api/repos/delete")
def delete(hub: Hub, call: Call, person: Person | None) -> Answer:
    asked = call.json()
    kind, owner = asked.get("type") or "model", asked.get("organization") or (person.name if person else "")
    repo = writable(hub, person, kind, f"{owner}/{asked['name']}")
    del hub.store.repos[kind, repo.id]
    return Answer({})


@route("PUT", f"{REPO}/settings")
def settings(hub: Hub, call: Call, person: Person | None, kind: str, name: str) -> Answer:
    repo, asked = writable(hub, person, kind, name), call.json()
    if "visibility" in asked or "private" in asked:
        repo.private = asked.get("visibility") == "private" or bool(asked.get("private"))
    repo.gated = asked.get("gated", repo.gated)
    return Answer({"private": repo.private, "gated": repo.gated})


@route("POST", "/api/validate-yaml")
def validate_yaml(hub: Hub, call: Call, person: Person | None) -> Answer:
    problem = card_problem(call.json()["content"])
    told = {"errors": [{"message": problem}] if problem else [], "warnings": []}
    return Answer(told, 400 if problem else 200)


def card_problem(text: str) -> str:
    """What the Hub would not accept in a card, "" where it would: a part of its rules, from memory."""
    try:
        card = card_data(text)
    except ValueError as error:
        return str(error)
    licence = card.get("license")
    if licence is not None and not re.fullmatch(r"[a-z0-9.+-]+", str(licence)):
        return '"license" must be one of the known identifiers'
    if "tags" in card and not isinstance(card["tags"], list):
        return '"tags" must be an array'
    if "model-index" in card and not all("name" in (row or {}) for row in card["model-index"] or []):
        return '"model-index[0].name" is required'
    return ""


@route("POST", f"{REPO}/preupload/(?P<revision>[^/]+)")
def preupload(hub: Hub, call: Call, person: Person | None, kind: str, name: str, revision: str) -> Answer:
    repo = writable(hub, person, kind, name)
    commit = commit_of(repo, revision)
    rows = []
    for file in call.json()["files"]:
        there = commit.files.get(file["path"])
        large = is_large(file["path"], file["size"])
        oid = {"oid": there.etag} if there and there.large == large else {}
        rows.append({"path": file["path"], "uploadMode": "lfs" if large else "regular", "shouldIgnore": False, **oid})
    return Answer({"files": rows, "commitOid": commit.id})


@route("POST", f"{FILES}\\.git/info/lfs/objects/batch")
def lfs_batch(hub: Hub, call: Call, person: Person | None, name: str, kind: str = "model") -> Answer:
    repo = writable(hub, person, kind, name)
    rows = []
    for wanted in call.json()["objects"]:
        row = {"oid": wanted["oid"], "size": wanted["size"]}
        if wanted["oid"] not in hub.store.blobs:
            verify = f"{hub.url}/{page_of(repo)}.git/info/lfs/objects/verify"
            upload = f"{hub.cdn}/lfs-upload/{wanted['oid']}"
            row["actions"] = {"upload": {"href": upload}, "verify": {"href": verify}}
        rows.append(row)
    return Answer({"transfer": "basic", "objects": rows})


@route("PUT", "/lfs-upload/(?P<sha256>[0-9a-f]{64})")
def lfs_upload(hub: Hub, call: Call, person: Person | None, sha256: str) -> Answer:
    if hub.store.keep(call.body) != sha256:
        raise Refusal(400, "The bytes are not those of this SHA-256")
    return Answer(b"")


@route("POST", f"{FILES}\\.git/info/lfs/objects/verify")
def lfs_verify(hub: Hub, call: Call, person: Person | None, name: str, kind: str = "model") -> Answer:
    writable(hub, person, kind, name)
    asked = call.json()
    if len(hub.store.blobs.get(asked["oid"], b"")) != asked["size"]:
        raise Refusal(404, "Object not found")
    return Answer({})


@route("POST", f"{REPO}/commit/(?P<revision>[^/]+)")
def commit(hub: Hub, call: Call, person: Person | None, kind: str, name: str, revision: str) -> Answer:
    repo = writable(hub, person, kind, name)
    if revision not in repo.branches:
        raise Refusal(404, f"Invalid rev id: {revision}", "RevisionNotFound")
    head, changes = {}, {}
    for line in call.body.splitlines():
        row = json.loads(line)
        value = row["value"]
        if row["key"] == "header":
            head = value
        elif row["key"] == "file":
            changes[value["path"]] = hub.store.file(value["path"], base64.b64decode(value["content"]))
        elif row["key"] == "lfsFile":
            changes[value["path"]] = large_file(hub, repo, value)
        elif row["key"] == "deletedFile":
            changes[value["path"]] = None
        elif row["key"] == "deletedFolder":
            folder = value["path"].rstrip("/") + "/"
            changes |= {path: None for path in repo.branches[revision].files if path.startswith(folder)}
    if head.get("parentCommit") not in (None, repo.branches[revision].id):
        raise Refusal(412, "A commit has happened since. Please refresh and try again.")
    card = changes.get("README.md")
    if problem := card and card_problem(hub.store.blobs[card.sha256].decode(errors="replace")):
        raise Refusal(400, f"Invalid metadata in README.md: {problem}")
    done = repo.advance(revision, changes, head.get("summary", ""), head.get("description", ""), person.name)
    url = f"{hub.url}/{page_of(repo)}/commit/{done.id}"
    return Answer({"success": True, "commitOid": done.id, "commitUrl": url, "hookOutput": ""})


@route("GET", f"{REPO}/xet-(?P<way>read|write)-token/[^/]+")
def xet_token(hub: Hub, call: Call, person: Person | None, kind: str, name: str, way: str) -> Answer:
    """Where the xet store is: the client's Python reads the headers, its Rust the body."""
    if way == "read":
        readable(hub, person, kind, name, content=True)
    else:
        writable(hub, person, kind, name)
    if not hub.xet:
        raise Refusal(404, "This Hub has no xet store")
    told = {"casUrl": hub.xet.url, "accessToken": "xet", "exp": int(time.time()) + 3600}
    named = zip(("X-Xet-Cas-Url", "X-Xet-Access-Token", "X-Xet-Token-Expiration"), told.values(), strict=True)
    return Answer(told, 200, {name: str(value) for name, value in named})


def large_file(hub: Hub, repo: Repo, value: dict) -> File:
    """A file of a commit whose bytes came before, by LFS or by xet."""
    sha256 = value["oid"]
    xet = hub.xet.find(sha256) if hub.xet else ""
    if sha256 not in hub.store.blobs and not xet:
        raise Refusal(400, f"Your push was rejected: the LFS object {sha256} does not exist")
    size = value.get("size", len(hub.store.blobs.get(sha256, b"")))
    return File(sha256, size, True, git_oid(pointer(sha256, size)), xet)


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


def paged(hub: Hub, call: Call, rows: list[dict], most: int) -> Answer:
    """One page of a list, with the link to the next."""
    limit = min(int(call.asked("limit") or most), most, hub.page or most)
    start = int(call.asked("cursor") or 0)
    headers = {}
    if start + limit < len(rows):
        query = urllib.parse.urlencode({**call.query, "cursor": [str(start + limit)]}, doseq=True)
        headers["Link"] = f'<{hub.url}{call.path}?{query}>; rel="next"'
    return Answer(rows[start : start + limit], 200, headers)


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


@route("POST|DELETE", f"{REPO}/(?P<what>tag|branch)/(?P<ref>[^/]+)")
def refer(hub: Hub, call: Call, person: Person | None, kind: str, name: str, what: str, ref: str) -> Answer:
    """Make or drop a tag or a branch. A new tag's address ends with where it points, a branch's with its name."""
    repo = writable(hub, person, kind, name)
    held = repo.tags if what == "tag" else repo.branches
    if call.method == "DELETE":
        if held.pop(ref, None) is None:
            raise Refusal(404, f"{what} {ref} does not exist", "RevisionNotFound")
        return Answer({})
    asked = call.json()
    new, start = (asked["tag"], ref) if what == "tag" else (ref, asked.get("startingPoint") or "main")
    if new in held:
        raise Refusal(409, f"Reference refs/{'tags' if what == 'tag' else 'heads'}/{new} already exists")
    held[new] = commit_of(repo, start)
    return Answer({})


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
        rows = {row["path"]: row for row in tree_rows(commit, "", True, False)}
        for sibling in told.get("siblings", []):
            row = rows[sibling["rfilename"]]
            sibling |= {"size": row["size"], "blobId": row["oid"]}
            if lfs := row.get("lfs"):
                sibling["lfs"] = {"sha256": lfs["oid"], "size": lfs["size"], "pointerSize": lfs["pointerSize"]}
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


@route("GET", rf"(?!/oauth/|/\.|/api/){FILES}(?:/(?:commit|tree)/(?P<revision>[^/]+))?")
def page(hub: Hub, call: Call, person: Person | None, name: str, kind: str = "model", revision: str = "main") -> Answer:
    """What a browser sees of a repository; being no visitor of this Hub, of public ones only."""
    repo = readable(hub, person, kind, name)
    files = commit_of(repo, revision).files
    card = hub.store.blobs[files["README.md"].sha256].decode(errors="replace") if "README.md" in files else ""
    rows = "".join(f"<li>{html.escape(path)}, {file.size:,} bytes</li>" for path, file in sorted(files.items()))
    body = f"<h1>{html.escape(repo.id)}</h1><ul>{rows}</ul><pre>{html.escape(card)}</pre>"
    return Answer(f"<!doctype html><meta charset=utf-8>{body}".encode(), 200, {"Content-Type": "text/html"})
