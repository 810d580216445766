"""An access token is in the memory of one process and nowhere else: what a session leaves behind is looked through."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest
import spaces
from conftest import child_environment, exported
from loopback import Fault, Hub, stock

from genmodels.data import starters
from genmodels.studio import Studio

ROOT = pathlib.Path(__file__).resolve().parents[1]
VISITOR = "0123456789abcdef0123456789abcdef"
PATIENCE = 150.0  # seconds for all transfers on a busy machine


def left_behind(folder: pathlib.Path, token: str) -> list[str]:
    """The files below a folder that hold the token."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    assert files, "nothing was left behind at all"
    return [str(path.relative_to(folder)) for path in files if token.encode() in path.read_bytes()]


class Onlooker(threading.Thread):
    """What anybody on this machine sees of a process's children: command lines and environments, again and again."""

    def __init__(self, parent: int) -> None:
        super().__init__(daemon=True)
        self.parent, self.over = parent, threading.Event()
        self.seen: dict[tuple[str, str, int], bytes] = {}

    def run(self) -> None:
        while not self.over.wait(0.3):
            for entry in pathlib.Path("/proc").iterdir():
                if entry.name.isdecimal() and self._below(entry):
                    for name in ("cmdline", "environ"):
                        told = self._read(entry / name)
                        self.seen[entry.name, name, len(told)] = told

    def _below(self, entry: pathlib.Path) -> bool:
        while entry.name not in ("0", "1"):
            status = self._read(entry / "stat").rpartition(b")")[2].split()
            if not status:
                return False
            entry = entry.parent / status[1].decode()
            if entry.name == str(self.parent):
                return True
        return False

    def _read(self, path: pathlib.Path) -> bytes:
        try:
            return path.read_bytes()
        except OSError:
            return b""  # it ended, or was never ours

    def __enter__(self) -> Onlooker:
        if not pathlib.Path("/proc/self/stat").exists():
            pytest.skip("no /proc here")
        self.start()
        return self

    def __exit__(self, *trouble: object) -> None:
        self.over.set()
        self.join()


def shipped(name: str) -> dict[str, bytes]:
    """The files of a checkpoint that ships with this project."""
    return {path.name: path.read_bytes() for path in (ROOT / "checkpoints" / name).iterdir() if path.is_file()}


@pytest.fixture
def stocked(hub: Hub, tmp_path: pathlib.Path) -> Hub:
    """A Hub with a model, a guest and a set of pictures, all private."""
    pytest.importorskip("diffusers")
    import guest_models

    hub.put("ada/digits", shipped("digits-gan"), private=True)
    guest = guest_models.autoencoder(tmp_path / "guest", "AutoencoderTiny")
    hub.put("ada/guest", {path.name: path.read_bytes() for path in guest.iterdir()}, private=True)
    digits = starters.open("digits")
    pictures = stock.image_folder(digits.images[:40], digits.labels[:40], digits.classes, "train")
    hub.put("ada/pictures", pictures, kind="dataset", private=True)
    return hub


def over(desk: object, keys: list[str]) -> Iterator[object]:
    """The transfers when all have ended."""
    until = time.monotonic() + PATIENCE
    for key in keys:
        while (found := desk.look(VISITOR, key)).alive:
            assert time.monotonic() < until, f"{found.title} takes too long"
            time.sleep(0.1)
        yield found


def test_transfers_leave_no_token_behind(stocked: Hub, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All four kinds, by a token that was pasted, on a machine that has another in its environment."""
    pasted, machine = stocked.token("ada"), stocked.token("owner")
    for name, place in (("GENMODELS_HOME", "home"), ("TMPDIR", "tmp")):
        (tmp_path / place).mkdir()
        monkeypatch.setenv(name, str(tmp_path / place))
    monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
    monkeypatch.setenv("HF_TOKEN", machine)
    studio = Studio(shared=False)
    desk, own = studio.hub, studio.library.copy("", "digits-gan")
    exported(studio.library.folder("", own))
    assert desk.who(VISITOR).name == "owner"
    desk.sign_in(VISITOR, pasted)
    assert desk.who(VISITOR).name == "ada"
    with Onlooker(os.getpid()) as onlooker:
        keys = [desk.pull(VISITOR, "ada/digits"), desk.pull(VISITOR, "ada/guest")]
        keys.append(desk.take_dataset(VISITOR, "ada/pictures", {}, "Digits", {}))
        keys.append(desk.publish(VISITOR, own, {"name": "mine", "licence": "cc-by-4.0"}))
        ended = list(over(desk, keys))
    assert [each.end.kind for each in ended] == ["finished"] * 4, [each.end for each in ended]
    assert stocked.exists("ada/mine")
    assert any(b"genmodels.transfers" in seen for seen in onlooker.seen.values())
    for token in (pasted, machine):
        assert not [where for where, seen in onlooker.seen.items() if token.encode() in seen]
        assert not left_behind(tmp_path, token)
        assert not [name for name, data in stocked.files("ada/mine").items() if token.encode() in data]
        assert token not in repr([ended, desk.who(VISITOR), vars(desk.transfers)])


def test_a_pasted_token_goes_over_once_and_stays_nowhere(hub: Hub, tmp_path: pathlib.Path) -> None:
    """In a real browser with a profile on the disk; the Hub even says the token in its own error."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    from test_app import FLAGS, chromium, room

    if (found := chromium()) is None:
        pytest.skip("There is no Chromium here.")
    token, sent = hub.token("ada"), []
    hub.put("ada/digits", shipped("digits-gan"), private=True)
    expect = playwright.expect
    with playwright.sync_playwright() as driver, spaces.app(hub, tmp_path) as (address, process):
        profile = {"user_data_dir": str(tmp_path / "profile"), "executable_path": found, "args": FLAGS}
        with Onlooker(process.pid) as onlooker, driver.chromium.launch_persistent_context(**profile) as context:
            page = context.new_page()
            page.on("request", lambda request: sent.append(request.post_data_buffer or b""))
            page.goto(address)
            room(page, "Library")
            page.locator("#sign_in_open").click(timeout=30_000)
            page.locator("#hub_token input").fill(token)
            page.locator("#sign_in_send").click()
            expect(page.locator("#who")).to_contain_text("ada", timeout=30_000)
            told = {"X-Error-Message": f"The token {token} may not do this"}
            hub.fault(Fault("/ada/digits", times=50, status=403, headers=told))
            page.get_by_role("tab", name="What the Hub has").click()
            page.locator("#hub_address input, #hub_address textarea").first.fill("ada/digits")
            page.locator("#hub_fetch").click()
            expect(page.locator("#pull_status")).to_contain_text("does not allow", timeout=60_000)
            assert token not in spaces.held(page)
            hub.clear()
            page.locator("#hub_fetch").click()
            expect(page.locator("#pulled_use")).to_be_visible(timeout=90_000)
            page.reload()
            room(page, "Library")
            expect(page.locator("#who")).to_contain_text("ada", timeout=30_000)
            assert token not in spaces.held(page)
    assert sum(token.encode() in body for body in sent) == 1, "the token was sent again"
    assert not [where for where, seen in onlooker.seen.items() if token.encode() in seen]
    assert not left_behind(tmp_path, token)


PUSH = "push {model} ada/mine"
SAYING = [("search digits", "/api/"), ("pull ada/digits", "/api/"), (PUSH, "/api/validate-yaml")]


@pytest.mark.parametrize(("command", "where"), SAYING)
def test_a_terminal_says_no_token(hub: Hub, tmp_path: pathlib.Path, command: str, where: str) -> None:
    """Not even when the Hub's own answer says it."""
    token, model = hub.token("ada"), tmp_path / "model"
    model.mkdir()
    for name, data in shipped("digits-gan").items():
        (model / name).write_bytes(data)
    exported(model)
    sentence = f"The token {token} may not do this"
    told = {"errors": [{"message": sentence}], "warnings": [], "error": sentence}
    hub.fault(Fault(where, times=1000, status=400, headers={"X-Error-Message": sentence}, body=told))
    environment = child_environment(hub, tmp_path / "huggingface") | {"GENMODELS_HOME": str(tmp_path / "home")}
    environment |= {"HF_TOKEN": token, "TMPDIR": str(tmp_path)}
    line = [sys.executable, "-m", "genmodels", *command.format(model=model).split()]
    done = subprocess.run(line, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "may not do this" in done.stderr
    assert "Traceback" not in done.stderr
    assert token not in done.stdout + done.stderr
    assert not left_behind(tmp_path, token)
