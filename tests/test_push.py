"""Pushing: only what may leave does, in one commit with a tag; what goes wrong is a sentence, and then it can go on."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import types
import zipfile

import numpy as np
import pytest
from conftest import point_client
from loopback import Fault, Hub

import genmodels.export
from genmodels.checkpoint import PUBLIC, Checkpoint
from genmodels.data.imageset import ImageSet
from genmodels.events import Finished, Problem, Progress, Trouble
from genmodels.hub import upload
from genmodels.hub.client import reach
from genmodels.hub.origin import Origin
from genmodels.hub.publishing import ONNX_MADE, _onnx_of
from genmodels.hub.push import Published, Publishing, draft, outgoing, push

ROOT = pathlib.Path(__file__).resolve().parents[1]
REPO = "ada/digits"
COMMIT, LFS = r"POST /api/models/ada/digits/commit/", r"PUT /lfs-upload/"


@pytest.fixture
def folder(tmp_path) -> pathlib.Path:
    """A model of ours, with an ONNX file that was made of it (writing a real one takes seconds)."""
    return checkpoint(tmp_path / "digits")


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    """No waits between tries."""
    clock = types.SimpleNamespace(**{**vars(time), "sleep": lambda seconds: None})
    monkeypatch.setattr("huggingface_hub.utils._http.time", clock)
    monkeypatch.setattr("genmodels.hub.client.time", clock)
    for module in ("push", "download"):  # a busy machine is no silent Hub; one that is down refuses at once
        monkeypatch.setattr(f"genmodels.hub.{module}.reach", functools.partial(reach, 20))


def checkpoint(folder: pathlib.Path) -> pathlib.Path:
    shutil.copytree(ROOT / "checkpoints" / "digits-gan", folder)
    noted(folder, np.random.default_rng(1).bytes(200_000))
    return folder


def noted(folder: pathlib.Path, onnx: bytes) -> None:
    """As if this had been made here of the model's weights."""
    (folder / "model.onnx").write_bytes(onnx)
    (folder / ONNX_MADE).write_text(_onnx_of(folder, Checkpoint.open(folder).identity), encoding="utf-8")


def pressed(folder, hub_token, **choices) -> tuple[Published, list]:
    """All that a push says, and what came of it."""
    events, going = [], push(folder, Publishing(**{"repo": REPO, **choices}), hub_token)
    while True:
        try:
            events.append(next(going))
        except StopIteration as done:
            return done.value, events


def puts(hub) -> list[str]:
    """The large files that were sent."""
    return [row.path for row in hub.log if row.method == "PUT" and "/lfs-upload/" in row.path and row.status == 200]


# ---- what leaves


def test_nothing_leaves_but_what_was_shown(hub, folder, tmp_path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    for name in ("state.safetensors", "owner", "hub.json", "optimizer.bin", "me.png", "pictures.zip", ".env"):
        (folder / name).write_bytes(b"private")
    (folder / "uploaded").mkdir()
    (folder / "uploaded" / "me.png").write_bytes(b"private")
    (folder / "LICENSE").symlink_to(tmp_path / "secret.txt")
    shown = {file.name: file.bytes for file in outgoing(folder, Publishing(repo=REPO))}
    done, _ = pressed(folder, hub.token("ada"))
    sent = {name: len(content) for name, content in hub.files(REPO).items()}
    assert sent == shown
    assert set(sent) == set(PUBLIC) - {"LICENSE"}
    assert not any(b"secret" in content or content == b"private" for content in hub.files(REPO).values())
    assert Origin.of(folder).commit == done.commit


def test_a_new_page_is_private_and_says_what_it_is(hub, folder) -> None:
    done, events = pressed(folder, hub.token("ada"), message="First of its kind")
    assert hub.repo(REPO).private
    assert (done.tag, done.new, done.url) == ("v1", True, f"{hub.url}/{REPO}")
    assert hub.tags(REPO) == {"v1": done.commit}
    assert hub.commits(REPO)[0] == "First of its kind"
    assert isinstance(events[-1], Finished)
    assert events[-1].template.endswith("It is private.")
    assert events[-1].result == done.url
    files = hub.files(REPO)
    for name in ("config.json", "model.safetensors", "samples.webp", "model.onnx"):
        assert files[name] == (folder / name).read_bytes()


def test_a_page_for_everybody_under_ones_own_name(hub, folder) -> None:
    done, _ = pressed(folder, hub.token("ada"), repo="my-digits", private=False)
    assert done.repo == "ada/my-digits"
    assert not hub.repo("ada/my-digits").private


def test_progress_counts_bytes_and_never_goes_back(hub, folder) -> None:
    noted(folder, bytes(30_000_000))  # more than what waits in the sockets
    hub.fault(Fault(LFS, times=2, pace=25_000_000))
    _, events = pressed(folder, hub.token("ada"))
    told = [event for event in events if isinstance(event, Progress)]
    counted = [event.parts["bytes"] for event in told if event.parts]
    whole = sum(len(content) for content in hub.files(REPO).values())
    assert counted[-1] == whole
    assert len({count for count in counted if 0 < count < whole}) >= 3
    fractions = [event.fraction for event in told]
    assert fractions == sorted(fractions)


def test_a_second_version_and_nothing_new(hub, folder) -> None:
    token = hub.token("ada")
    pressed(folder, token)
    hub.clear()
    same, events = pressed(folder, token)
    assert (same.tag, same.changed, same.new) == ("v1", False, False)
    assert events[-1].template == "Nothing has changed since {tag}, so nothing was sent."
    assert puts(hub) == []
    hub.put(REPO, {"README.md": hub.files(REPO)["README.md"] + b"\nBy hand.\n"})
    edited, _ = pressed(folder, token)
    assert (edited.tag, edited.changed) == ("v1", False)
    assert hub.tags(REPO).keys() == {"v1"}
    (folder / "timelapse.webp").unlink()
    (folder / "history.jsonl").write_text("{}\n")
    done, _ = pressed(folder, token, message="Another")
    assert (done.tag, done.changed) == ("v2", True)
    assert "timelapse.webp" not in hub.files(REPO)
    assert "timelapse.webp" in hub.files(REPO, "v1")
    assert hub.commits(REPO)[0] == "Another"


def test_pictures_go_along_only_where_that_was_chosen(hub, folder, tmp_path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (80, 28, 28, 1), np.uint8)
    labels = np.arange(80) % 3
    pictures = ImageSet(pixels, labels, ("cat", "../../dog", "<b>"), "Mine")
    pictures.save(tmp_path / "set")
    token = hub.token("ada")
    pressed(folder, token)
    assert "pictures.zip" not in hub.files(REPO)
    pressed(folder, token, pictures=tmp_path / "set")
    (tmp_path / "back.zip").write_bytes(hub.files(REPO)["pictures.zip"])
    with zipfile.ZipFile(tmp_path / "back.zip") as packed:
        names = packed.namelist()
    assert len(names) == int((~pictures.held_out).sum())
    assert {name.split("/")[0] for name in names} == {"cat", "-..-dog", "-b-"}
    assert "pictures.zip" in hub.files(REPO)["README.md"].decode()
    pressed(folder, token)
    assert "pictures.zip" not in hub.files(REPO)


def test_the_name_of_a_private_data_set_stays_here(hub, folder) -> None:
    config = json.loads((folder / "config.json").read_text())
    config["trained"] |= {"origin": "ada/secret on the Hub", "dataset": {"id": "ada/secret", "private": True}}
    (folder / "config.json").write_text(json.dumps(config))
    noted(folder, b"onnx")
    shown = {file.name: file.bytes for file in outgoing(folder, Publishing(repo=REPO))}
    pressed(folder, hub.token("ada"), private=False)
    assert not [name for name, content in hub.files(REPO).items() if b"ada/secret" in content]
    assert {name: len(content) for name, content in hub.files(REPO).items()} == shown
    assert json.loads(hub.files(REPO)["config.json"])["trained"]["pictures"] == 17_000


def test_an_onnx_file_from_elsewhere_is_made_again(hub, folder, monkeypatch) -> None:
    (folder / "model.onnx").write_bytes(b"draws something else")
    monkeypatch.setattr(genmodels.export, "export", lambda folder: (folder / "model.onnx").write_bytes(b"made here"))
    pressed(folder, hub.token("ada"))
    assert hub.files(REPO)["model.onnx"] == b"made here"


def test_a_model_that_cannot_be_written_as_onnx_goes_without(hub, folder, monkeypatch) -> None:
    def refuse(folder: pathlib.Path) -> None:
        raise Trouble("{name} cannot be written as ONNX by this version of torch.", name="Digits")

    (folder / "model.onnx").unlink()
    monkeypatch.setattr(genmodels.export, "export", refuse)
    _, events = pressed(folder, hub.token("ada"))
    assert [event.name for event in events if isinstance(event, Problem)] == ["onnx"]
    assert "model.onnx" not in hub.files(REPO)
    assert "onnxruntime" not in hub.files(REPO)["README.md"].decode()


@pytest.mark.parametrize("name", ["../x", "a/b/c", "ada/--x", "<b>", "", "ada/ x"])
def test_names_that_the_hub_does_not_have(name) -> None:
    with pytest.raises(Trouble, match="A name on the Hub"):
        Publishing(repo=name)


# ---- whose page it is


def test_a_page_that_is_something_else_stays_as_it_is(hub, folder) -> None:
    hub.put(REPO, {"config.json": b'{"model_type": "bert"}', "pytorch_model.bin": b"x"}, private=True)
    with pytest.raises(Trouble, match="something else already"):
        pressed(folder, hub.token("ada"))
    assert set(hub.files(REPO)) == {"config.json", "pytorch_model.bin"}


def test_an_empty_page_made_in_the_browser_is_filled(hub, folder) -> None:
    hub.put(REPO, {"README.md": b"---\nlicense: mit\n---\n\nComing soon.\n"}, private=True)
    done, _ = pressed(folder, hub.token("ada"))
    card = hub.files(REPO)["README.md"].decode()
    assert not done.new
    assert "license: mit" in card
    assert "Coming soon." in card
    assert "## Limits" in card


def test_a_public_page_is_not_taken_for_a_private_one(hub, folder) -> None:
    token = hub.token("ada")
    pressed(folder, token, private=False)
    (folder / "history.jsonl").write_text("{}\n")
    with pytest.raises(Trouble, match="is public on the Hub"):
        pressed(folder, token, private=True)
    assert hub.tags(REPO).keys() == {"v1"}
    assert pressed(folder, token, private=None)[0].tag == "v2"
    assert not hub.repo(REPO).private


def test_a_private_page_can_be_shown_to_everybody(hub, folder) -> None:
    token = hub.token("ada")
    pressed(folder, token)
    done, _ = pressed(folder, token, private=False)
    assert not hub.repo(REPO).private
    assert done.changed


@pytest.mark.parametrize(
    ("user", "role", "words"), [("ada", "read", "does not allow this"), ("bob", "write", "does not allow this")]
)
def test_who_may_not_publish_there_is_told_so(hub, folder, user, role, words) -> None:
    with pytest.raises(Trouble, match=words):
        pressed(folder, hub.token(user, role))
    assert not hub.exists(REPO)


def test_nobody_publishes_without_a_sign_in_of_their_own(hub, folder, monkeypatch) -> None:
    monkeypatch.setenv("HF_TOKEN", hub.token("ada"))  # the machine's, not the visitor's
    with pytest.raises(Trouble, match="Sign in"):
        pressed(folder, None)
    assert hub.log == []


# ---- what people wrote on the page


def test_what_was_written_by_hand_stays(hub, folder) -> None:
    token = hub.token("ada")
    pressed(folder, token, licence="mit", consent="Everyone said <yes>")
    card = hub.files(REPO)["README.md"].decode()
    card = card.replace("- gan\n", "- gan\n- cute\n").replace("license: mit", "license: mit\nlanguage: [zh]")
    card = card.replace("## Limits\n", "## My story\n\nOnce upon a time.\n\n## Limits\n\nI wrote this line.\n")
    hub.put(REPO, {"README.md": card.encode()})
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"name": "Digits, better"}))
    pressed(folder, token)
    card = hub.files(REPO)["README.md"].decode()
    for kept in ("- cute\n", "language: [zh]", "Once upon a time.", "I wrote this line.", "license: mit"):
        assert card.count(kept) == 1
    assert "# Digits, better" in card
    assert "Digits (GAN)" not in card
    assert "- Consent: Everyone said &lt;yes&gt;" in card


def test_it_stays_when_another_folder_is_published_there(hub, folder, tmp_path) -> None:
    token = hub.token("ada")
    pressed(folder, token)
    card = hub.files(REPO)["README.md"].decode()
    hub.put(REPO, {"README.md": card.replace("## Limits\n", "## Limits\n\nMine.\n").encode()})
    other = checkpoint(tmp_path / "other")
    config = json.loads((other / "config.json").read_text())
    config["trained"]["images"] = 7_777_777
    (other / "config.json").write_text(json.dumps(config))
    pressed(other, token)
    card = hub.files(REPO)["README.md"].decode()
    assert "Mine." in card
    assert "7,777,777 pictures" in card
    assert "480,000 pictures" not in card


def test_a_card_edited_here_is_the_one_that_goes_out(hub, folder) -> None:
    token = hub.token("ada")
    text = draft(folder, Publishing(repo=REPO)).replace("## Limits", "## My words\n\nHello.\n\n## Limits")
    pressed(folder, token, card=text)
    assert hub.files(REPO)["README.md"].decode() == text
    shown = draft(folder, Publishing(repo=REPO))
    assert "Hello." in shown
    hub.put(REPO, {"README.md": text.replace("## Limits", "## Limits\n\nFrom the Hub.").encode()})
    pressed(folder, token, card=shown.replace("## My words\n\nHello.\n\n", ""))
    card = hub.files(REPO)["README.md"].decode()
    assert "Hello." not in card
    assert "From the Hub." in card


def test_somebody_edits_the_page_at_the_same_moment(hub, folder, monkeypatch) -> None:
    token, commit = hub.token("ada"), upload._create
    pressed(folder, token)
    (folder / "history.jsonl").write_text("{}\n")

    def meanwhile(*given, **named):
        monkeypatch.setattr(upload, "_create", commit)
        card = hub.files(REPO)["README.md"].decode()
        hub.put(REPO, {"README.md": (card + "\n## Just now\n\nQuick.\n").encode()})
        return commit(*given, **named)

    monkeypatch.setattr(upload, "_create", meanwhile)
    done, _ = pressed(folder, token)
    assert done.tag == "v2"
    assert "Quick." in hub.files(REPO)["README.md"].decode()
    assert hub.files(REPO)["history.jsonl"] == b"{}\n"


# ---- whatever goes wrong

PREUPLOAD, YAML = r"POST /api/models/ada/digits/preupload", r"POST /api/validate-yaml"
GONE = {"X-Error-Code": "RepoNotFound"}
WRONG = {
    "401": (Fault(r"GET /api/models/ada/digits$", status=401), "Sign in again"),
    "403": (Fault(r"POST /api/repos/create", status=403), "does not allow"),
    "404": (Fault(PREUPLOAD, status=404, headers=GONE), "no ada/digits"),
    "409": (Fault(COMMIT, status=409), "at the same moment"),
    "412": (Fault(COMMIT, status=412), "at the same moment"),
    "413": (Fault(COMMIT, status=413), "too large"),
    "429": (Fault(COMMIT, status=429, headers={"Retry-After": "55"}), "Wait 55 seconds"),
    "500 while committing": (Fault(COMMIT, status=500), "trouble of its own"),
    "503 while uploading": (Fault(LFS, status=503), "trouble of its own"),
    "a refused card": (Fault(YAML, status=400, body={"errors": [{"message": "bad"}], "warnings": []}), "bad"),
    "a page of HTML": (Fault(YAML, status=502, body=b"<html>"), "trouble of its own"),
    "cut while uploading": (Fault(LFS, cut_upload=100_000), "was cut"),
    "reset while uploading": (Fault(LFS, cut_upload=100_000, reset=True), "was cut"),
    "reset while committing": (Fault(COMMIT, reset=True), "was cut"),
    "no tag": (Fault(r"POST /api/models/ada/digits/tag/", status=500), "trouble of its own"),
    "silence": (Fault(LFS, delay=2.0), "does not answer"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_goes_wrong_is_one_sentence_and_pressed_again_it_works(hub, folder, monkeypatch, wrong) -> None:
    fault, words = WRONG[wrong]
    token = hub.token("ada")
    if wrong == "silence":
        monkeypatch.setattr(upload, "STALLED", 0.7)
    hub.fault(dataclasses.replace(fault, times=99))
    with pytest.raises(Trouble, match=words) as trouble:
        pressed(folder, token)
    assert token not in f"{trouble.value} {trouble.value.facts}"
    hub.clear()
    ended()
    assert wrong != "silence" or hub.commits(REPO) == ["initial commit"]
    done, _ = pressed(folder, token)
    assert (done.tag, hub.tags(REPO)) == ("v1", {"v1": done.commit})
    assert set(hub.files(REPO)) == {file.name for file in outgoing(folder, Publishing(repo=REPO))}


def test_a_hub_that_is_down_is_said_at_once(hub, folder) -> None:
    hub.down()
    started = time.monotonic()
    with pytest.raises(Trouble, match="does not answer"):
        pressed(folder, hub.token("ada"))
    assert time.monotonic() - started < 2
    hub.up()
    assert pressed(folder, hub.token("ada"))[0].tag == "v1"


def test_a_small_mishap_is_nobodys_concern(hub, folder) -> None:
    hub.fault(Fault(LFS, cut_upload=100_000))
    hub.fault(Fault(COMMIT, reset=True))
    hub.fault(Fault(r"POST /api/repos/create", status=503))
    assert pressed(folder, hub.token("ada"))[0].tag == "v1"


def test_a_commit_whose_answer_was_lost_is_not_made_twice(hub, folder) -> None:
    hub.fault(Fault(COMMIT, times=99, cut_download=0))
    with pytest.raises(Trouble, match=r"was cut|at the same moment"):
        pressed(folder, hub.token("ada"))
    assert len(hub.commits(REPO)) == 2
    hub.clear()
    done, events = pressed(folder, hub.token("ada"))
    assert len(hub.commits(REPO)) == 2
    assert hub.tags(REPO) == {"v1": done.commit}
    assert events[-1].facts["tag"] == "v1"


def test_a_commit_without_its_tag_gets_it_also_when_more_has_changed(hub, folder) -> None:
    token = hub.token("ada")
    hub.fault(Fault(r"POST /api/models/ada/digits/tag/", 99, status=500))
    with pytest.raises(Trouble, match="trouble of its own"):
        pressed(folder, token)
    first = hub.repo(REPO).branches["main"].id
    hub.clear()
    hub.put(REPO, {"README.md": hub.files(REPO)["README.md"] + b"\nBy hand.\n"})
    (folder / "history.jsonl").write_text("{}\n")
    done, _ = pressed(folder, token)
    assert hub.tags(REPO) == {"v1": first, "v2": done.commit}


def test_a_killed_push_costs_only_what_is_missing_when_pressed_again(hub, folder, tmp_path, hub_environment) -> None:
    token = hub.token("ada")
    large = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    hub.fault(Fault(rf"PUT /lfs-upload/{large}", pace=100_000))
    code = (
        "import sys, pathlib; from genmodels.hub.push import Publishing, push\n"
        f"for event in push(pathlib.Path(sys.argv[1]), Publishing(repo='{REPO}'), sys.stdin.read()): pass"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(folder)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        env={**hub_environment(hub, tmp_path), "OMP_NUM_THREADS": "1"},
    )
    child.stdin.write(token.encode())
    child.stdin.close()
    deadline = time.monotonic() + 30
    while not puts(hub) and time.monotonic() < deadline and child.poll() is None:
        time.sleep(0.05)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    assert len(puts(hub)) == 1
    assert len(hub.commits(REPO)) == 1
    hub.clear()
    assert pressed(folder, token)[0].tag == "v1"
    assert [path.rsplit("/", 1)[1] for path in puts(hub)] == [large]


def test_a_push_that_nobody_waits_for_ends(hub, folder) -> None:
    hub.fault(Fault(LFS, times=9, pace=400_000))
    going = push(folder, Publishing(repo=REPO), hub.token("ada"))
    for event in going:
        if event.kind == "progress" and event.parts.get("bytes", 0) > 0:
            break
    going.close()
    ended()
    assert [row.path for row in hub.log if re.search(COMMIT, f"{row.method} {row.path}")] == []
    assert hub.tags(REPO) == {}


def ended() -> None:
    """Wait until no upload is left in this process: the client's connections are one pool."""
    for thread in threading.enumerate():
        if thread.name == "upload":
            thread.join(15)
            assert not thread.is_alive()


# ---- by xet


def test_by_xet_the_same_files_arrive_and_a_hub_without_it_serves_too(folder, tmp_path, monkeypatch) -> None:
    with Hub(xet=True) as hub:
        point_client(monkeypatch, hub.url, tmp_path / "one", xet=True)
        token = hub.token("ada")
        done, _ = pressed(folder, token)
        assert hub.files(REPO)["model.safetensors"] == (folder / "model.safetensors").read_bytes()
        assert hub.tags(REPO) == {"v1": done.commit}
        assert any("xet-write-token" in row.path for row in hub.log)
        assert puts(hub) == []
        assert not pressed(folder, token)[0].changed
        hub.fault(Fault("xet-write-token", times=99, status=403))
        noted(folder, b"another")
        with pytest.raises(Trouble, match="does not allow"):
            pressed(folder, token)
        hub.clear()
        assert pressed(folder, token)[0].tag == "v2"
    with Hub(xet=False) as hub:
        point_client(monkeypatch, hub.url, tmp_path / "two", xet=True)
        assert pressed(folder, hub.token("ada"))[0].tag == "v1"
        assert len(puts(hub)) == 2
