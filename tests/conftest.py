"""What tests share: a Hub on this machine, and the client pointed at it."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Callable, Iterator

import pytest
from loopback import Hub

NO_MORE = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_OFFLINE", "HF_HUB_CACHE", "HF_TOKEN_PATH", "HF_ENDPOINT")


def point_client(patch: pytest.MonkeyPatch, url: str, home: pathlib.Path, xet: bool) -> None:
    """Point the client in this process, which read its environment when it was imported, at another Hub and home."""
    from huggingface_hub import constants, hf_api
    from huggingface_hub.utils import _xet

    for name in NO_MORE:
        patch.delenv(name, raising=False)
    patch.setenv("HF_ENDPOINT", url)
    patch.setenv("HF_HOME", str(home))
    patch.setattr(constants, "ENDPOINT", url)
    patch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", url + "/{repo_id}/resolve/{revision}/{filename}")
    patch.setattr(hf_api.api, "endpoint", url)
    patch.setattr(constants, "HF_HOME", str(home))
    patch.setattr(constants, "HF_HUB_CACHE", str(home / "hub"))
    patch.setattr(constants, "HF_XET_CACHE", str(home / "xet"))
    patch.setattr(constants, "HF_ASSETS_CACHE", str(home / "assets"))
    patch.setattr(constants, "HF_TOKEN_PATH", str(home / "token"))
    patch.setattr(constants, "HF_STORED_TOKENS_PATH", str(home / "stored_tokens"))
    patch.setattr(constants, "HF_HUB_OFFLINE", False)
    patch.setattr(constants, "HF_HUB_DISABLE_TELEMETRY", True)
    patch.setattr(constants, "HF_HUB_DISABLE_XET", not xet)
    _xet.XET_CONNECTION_INFO_CACHE.clear()


@pytest.fixture
def hub(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A fresh Hub, empty, with LFS only for speed; the client in this process talks to it, signed in as nobody."""
    with Hub(xet=False) as started:
        point_client(monkeypatch, started.url, tmp_path_factory.mktemp("huggingface"), xet=False)
        yield started


def child_environment(hub: Hub, home: pathlib.Path) -> dict[str, str]:
    """The environment of a process that talks to a Hub, with a home of its own; nobody is signed in there."""
    kept = {name: value for name, value in os.environ.items() if name not in NO_MORE}
    told = {"HF_ENDPOINT": hub.url, "HF_HOME": str(home), "HF_HUB_DISABLE_TELEMETRY": "1"}
    return {**kept, **told, **({} if hub.xet else {"HF_HUB_DISABLE_XET": "1"})}


def exported(folder: pathlib.Path) -> pathlib.Path:
    """A model whose ONNX file was made before: where it is not what is tested, nobody waits for torch to make it."""
    from genmodels.checkpoint import Checkpoint
    from genmodels.hub import publishing

    (folder / publishing.ONNX).write_bytes(b"made before")
    note = publishing._onnx_of(folder, Checkpoint.open(folder).identity)
    (folder / publishing.ONNX_MADE).write_text(note, encoding="utf-8")
    return folder


@pytest.fixture
def hub_environment() -> Callable[[Hub, pathlib.Path], dict[str, str]]:
    """The same as a fixture: `hub_environment(hub, home)`."""
    return child_environment
