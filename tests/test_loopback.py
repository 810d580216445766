"""The Hub for tests, asked by the unmodified client: what it must answer, and how it fails when told to."""

from __future__ import annotations

import pathlib
import subprocess
import sys
from collections.abc import Callable, Iterator

import huggingface_hub
import pytest
from conftest import point_client
from huggingface_hub import HfApi
from huggingface_hub import errors as hub_errors
from loopback import Fault, Hub

CARD = "---\nlicense: mit\nlibrary_name: genmodels\ntags:\n- genmodels\n- gan\n---\n# A model\n"


@pytest.fixture
def api(hub: Hub) -> HfApi:
    return HfApi(endpoint=hub.url, token=hub.token("ada"))


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    """A small checkpoint as somebody would publish it."""
    made = tmp_path / "checkpoint"
    (made / "samples").mkdir(parents=True)
    (made / "README.md").write_text(CARD)
    (made / "config.json").write_text('{"family": "gan"}')
    (made / "empty.txt").write_text("")
    (made / "samples" / "wall.webp").write_bytes(bytes(range(256)) * 10)
    (made / "model.safetensors").write_bytes(bytes(range(256)) * 2000)
    return made


def test_a_folder_goes_up_and_comes_down_byte_for_byte(hub: Hub, api: HfApi, folder: pathlib.Path) -> None:
    url = api.create_repo("ada/faces", private=True)
    assert str(url) == f"{hub.url}/ada/faces"
    api.create_repo("ada/faces", exist_ok=True)
    done = api.upload_folder(repo_id="ada/faces", folder_path=folder, commit_message="First")
    assert hub.commits("ada/faces") == ["First", "initial commit"]
    there = pathlib.Path(huggingface_hub.snapshot_download("ada/faces", token=api.token))
    for path in (path for path in folder.rglob("*") if path.is_file()):
        assert (there / path.relative_to(folder)).read_bytes() == path.read_bytes()
    assert there.name == done.oid
    assert hub.files("ada/faces")["config.json"] == b'{"family": "gan"}'


def test_large_files_come_from_another_origin_without_the_token(hub: Hub, api: HfApi) -> None:
    hub.put("ada/faces", {"model.safetensors": b"x" * 5000}, private=True)
    huggingface_hub.hf_hub_download("ada/faces", "model.safetensors", token=api.token)
    asked = [row for row in hub.log if row.path.startswith("/lfs/")]
    assert asked
    assert all(row.host.startswith("localhost:") and row.authorised is None and row.status == 200 for row in asked)
    assert any(row.authorised == "ada" for row in hub.log)


def test_refs_tags_commits_tree_and_files(hub: Hub, api: HfApi, folder: pathlib.Path) -> None:
    api.create_repo("ada/faces")
    first = api.upload_folder(repo_id="ada/faces", folder_path=folder)
    api.create_tag("ada/faces", tag="v1", revision=first.oid)
    (folder / "config.json").write_text('{"family": "vae"}')
    second = api.upload_folder(repo_id="ada/faces", folder_path=folder, commit_message="Better")
    api.create_branch("ada/faces", branch="exp/1", revision="v1")
    refs = api.list_repo_refs("ada/faces")
    assert {tag.name: tag.target_commit for tag in refs.tags} == {"v1": first.oid} == hub.tags("ada/faces")
    assert {branch.name: branch.target_commit for branch in refs.branches} == {"main": second.oid, "exp/1": first.oid}
    assert next(iter(api.list_repo_commits("ada/faces"))).title == "Better"
    assert hub.files("ada/faces", "v1")["config.json"] == b'{"family": "gan"}'
    tree = {row.path: row for row in api.list_repo_tree("ada/faces", recursive=True, expand=True)}
    assert tree["model.safetensors"].lfs.size == 512_000
    assert tree["config.json"].last_commit.oid == second.oid
    assert tree["model.safetensors"].last_commit.oid == first.oid
    assert [row.path for row in api.get_paths_info("ada/faces", ["config.json", "samples"])] == [
        "config.json",
        "samples",
    ]
    assert api.model_info("ada/faces", revision="v1", files_metadata=True).siblings[1].size == len(CARD)
    unchanged = api.upload_folder(repo_id="ada/faces", folder_path=folder)
    assert unchanged.oid == second.oid
    with pytest.raises(hub_errors.HfHubHTTPError) as clash:
        api.create_tag("ada/faces", tag="v1")
    assert clash.value.response.status_code == 409


def test_search_by_tag_words_and_pages(hub: Hub, api: HfApi) -> None:
    hub.page = 3
    for number in range(7):
        hub.put(f"ada/digits-{number}", {"README.md": CARD.encode()}, downloads=number)
    hub.put("ada/secret-digits", {"README.md": CARD.encode()}, private=True)
    hub.put("bob/other", {"README.md": b"nothing"})
    found = list(HfApi(endpoint=hub.url, token=False).list_models(filter=["genmodels", "gan"], sort="downloads"))
    assert [model.id for model in found] == [f"ada/digits-{number}" for number in range(6, -1, -1)]
    assert sum(row.path == "/api/models" for row in hub.log) == 3
    assert [model.id for model in api.list_models(search="SECRET")] == ["ada/secret-digits"]
    newest = next(iter(api.list_models(sort="last_modified", full=True, cardData=True)))
    assert newest.id == "bob/other"
    assert newest.last_modified


def test_who_is_asking(hub: Hub, api: HfApi) -> None:
    assert api.whoami()["name"] == "ada"
    assert api.whoami()["auth"]["accessToken"]["role"] == "write"
    with pytest.raises(hub_errors.HfHubHTTPError, match="Invalid user token"):
        HfApi(endpoint=hub.url, token="hf_nobody").whoami()
    reader = HfApi(endpoint=hub.url, token=hub.token("ada", role="read"))
    with pytest.raises(hub_errors.HfHubHTTPError) as refused:
        reader.create_repo("ada/faces")
    assert refused.value.response.status_code == 403
    assert not any("hf_" in repr(row) for row in hub.log)


def test_private_gated_and_missing(hub: Hub, api: HfApi) -> None:
    nobody = HfApi(endpoint=hub.url, token=False)
    hub.put("bob/private", {"config.json": b"{}"}, private=True)
    hub.put("bob/gated", {"config.json": b"{}"}, gated="auto")
    for asking, repo in ((nobody, "bob/private"), (api, "bob/private"), (api, "bob/missing")):
        with pytest.raises(hub_errors.RepositoryNotFoundError):
            asking.model_info(repo)
    assert api.model_info("bob/gated").gated == "auto"
    with pytest.raises(hub_errors.GatedRepoError):
        api.hf_hub_download("bob/gated", "config.json")
    hub.grant("bob/gated", "ada")
    assert api.hf_hub_download("bob/gated", "config.json")
    with pytest.raises(hub_errors.EntryNotFoundError):
        api.hf_hub_download("bob/gated", "missing.json")
    with pytest.raises(hub_errors.RevisionNotFoundError):
        api.model_info("bob/gated", revision="nowhere")


def test_nobody_writes_for_somebody_else(hub: Hub, api: HfApi) -> None:
    hub.put("bob/faces", {"config.json": b"{}"})
    with pytest.raises(hub_errors.HfHubHTTPError) as refused:
        api.upload_file(repo_id="bob/faces", path_or_fileobj=b"{}", path_in_repo="config.json")
    assert refused.value.response.status_code == 403
    with pytest.raises(hub_errors.HfHubHTTPError):
        api.create_repo("bob/new")
    visitor = HfApi(endpoint=hub.url, token=hub.token("bob", role="contribute-repos"))
    visitor.create_repo("bob/own")
    visitor.upload_file(repo_id="bob/own", path_or_fileobj=b"{}", path_in_repo="config.json")
    with pytest.raises(hub_errors.HfHubHTTPError):
        visitor.upload_file(repo_id="bob/faces", path_or_fileobj=b"{}", path_in_repo="config.json")


def test_a_stale_parent_is_refused(hub: Hub, api: HfApi) -> None:
    old = hub.put("ada/faces", {"config.json": b"{}"})
    hub.put("ada/faces", {"config.json": b"[]"})
    with pytest.raises(hub_errors.HfHubHTTPError) as refused:
        api.upload_file(repo_id="ada/faces", path_or_fileobj=b"1", path_in_repo="a.txt", parent_commit=old)
    assert refused.value.response.status_code == 412


def test_a_fault_happens_as_often_as_asked(hub: Hub, api: HfApi) -> None:
    hub.fault(Fault("GET /api/whoami-v2", status=503))
    with pytest.raises(hub_errors.HfHubHTTPError):
        api.whoami()
    assert api.whoami()["name"] == "ada"


@pytest.fixture
def xet_hub(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A Hub by the client's default way, xet."""
    pytest.importorskip("hf_xet")
    with Hub() as started:
        point_client(monkeypatch, started.url, tmp_path / "huggingface", xet=True)
        yield started


def test_xet_the_default_way(
    xet_hub: Hub, folder: pathlib.Path, tmp_path: pathlib.Path, hub_environment: Callable
) -> None:
    hub = xet_hub
    api = HfApi(endpoint=hub.url, token=hub.token("ada"))
    api.create_repo("ada/faces", private=True)
    api.upload_folder(repo_id="ada/faces", folder_path=folder, commit_message="By xet")
    assert any("xet-write-token" in row.path for row in hub.log)
    assert not any("lfs" in row.path for row in hub.log)
    weights = (folder / "model.safetensors").read_bytes()
    there = api.hf_hub_download("ada/faces", "model.safetensors")
    assert pathlib.Path(there).read_bytes() == weights
    assert any("xet-read-token" in row.path for row in hub.log)
    code = "import sys, huggingface_hub as h; print(h.hf_hub_download('ada/faces', 'model.safetensors'))"
    for without in ({}, {"HF_HUB_DISABLE_XET": "1"}):
        environment = hub_environment(hub, tmp_path / f"other{len(without)}")
        environment |= {"HF_TOKEN": str(api.token), **without}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
        assert pathlib.Path(done.stdout.strip()).read_bytes() == weights, done.stderr
    assert hub.files("ada/faces")["model.safetensors"] == weights
