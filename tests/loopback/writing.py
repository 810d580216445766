"""What changes a repository: made, uploaded to (LFS or xet), committed to, tagged, opened to others, deleted."""

from __future__ import annotations

import base64
import json
import re
import time
from typing import TYPE_CHECKING

from .repos import File, Repo, card_data, git_oid, is_large, pointer
from .routes import FILES, REPO, commit_of, page_of, readable, route, writable
from .wire import Answer, Call, Refusal

if TYPE_CHECKING:
    from .hub import Hub, Person


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
    if call.bearer:
        raise Refusal(400, "Only one auth mechanism allowed")
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


def large_file(hub: Hub, repo: Repo, value: dict) -> File:
    """A file of a commit whose bytes came before, by LFS or by xet."""
    sha256 = value["oid"]
    xet = hub.xet.find(sha256) if hub.xet else ""
    if sha256 not in hub.store.blobs and not xet:
        raise Refusal(400, f"Your push was rejected: the LFS object {sha256} does not exist")
    size = value.get("size", len(hub.store.blobs.get(sha256, b"")))
    return File(sha256, size, True, git_oid(pointer(sha256, size)), xet)


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
