"""The Hub for tests, asked by the unmodified client: what it must answer, and how it fails when told to."""

from __future__ import annotations

import pathlib
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Callable, Iterator

import huggingface_hub
import pytest
from conftest import point_client
from huggingface_hub import HfApi
from huggingface_hub import errors as hub_errors
from loopback import Claimed, Fault, Hub, stock

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


def status_of(call: Callable[[], object]) -> int:
    """The status that a call of the client fails with."""
    with pytest.raises(hub_errors.HfHubHTTPError) as failed:
        call()
    return failed.value.response.status_code


@pytest.mark.parametrize("status", [401, 403, 404, 409, 412, 429, 500, 503])
def test_every_status_reaches_the_client(hub: Hub, api: HfApi, status: int) -> None:
    hub.put("ada/faces", {"config.json": b"{}"})
    told = {"X-Error-Message": "No.", "Retry-After": "1"}
    hub.fault(Fault("POST /api/models/ada/faces/commit/main", status=status, headers=told))

    def upload() -> object:
        return api.upload_file(repo_id="ada/faces", path_or_fileobj=b"[]", path_in_repo="config.json")

    assert status_of(upload) == status
    upload()
    assert hub.files("ada/faces")["config.json"] == b"[]"


def test_after_429_the_client_waits_as_long_as_told(hub: Hub, api: HfApi) -> None:
    hub.put("ada/faces", {"README.md": CARD.encode()})
    hub.fault(Fault("GET /api/models$", status=429, headers={"Retry-After": "1"}))
    began = time.monotonic()
    assert len(list(api.list_models(filter="genmodels"))) == 1
    assert 1 <= time.monotonic() - began < 6


@pytest.mark.parametrize("reset", [False, True], ids=["FIN", "RST"])
def test_cut_in_an_upload_the_client_tries_again(hub: Hub, api: HfApi, reset: bool) -> None:
    api.create_repo("ada/faces")
    hub.fault(Fault("PUT /lfs-upload/", cut_upload=100_000, reset=reset))
    weights = bytes(range(256)) * 4000
    api.upload_file(repo_id="ada/faces", path_or_fileobj=weights, path_in_repo="model.safetensors")
    assert hub.files("ada/faces")["model.safetensors"] == weights
    assert [row.status for row in hub.log if row.path.startswith("/lfs-upload/")] == [0, 200]


def test_cut_in_a_download_the_client_goes_on_unless_it_was_reset(hub: Hub, api: HfApi) -> None:
    import httpx2

    weights = bytes(range(256)) * 4000
    hub.put("ada/faces", {"model.safetensors": weights})
    hub.fault(Fault("GET /lfs/", cut_download=300_000, reset=True))
    with pytest.raises(httpx2.HTTPError):
        api.hf_hub_download("ada/faces", "model.safetensors")
    hub.clear()
    hub.fault(Fault("GET /lfs/", cut_download=300_000))
    path = api.hf_hub_download("ada/faces", "model.safetensors")
    assert pathlib.Path(path).read_bytes() == weights
    answers = [row.status for row in hub.log if row.method == "GET" and row.path.startswith("/lfs/")]
    assert answers[:-1] == [0]
    assert answers[-1] in (200, 206), "from the start, or on from what had been written when it was cut"


def test_slow_by_a_delay_and_by_a_pace(hub: Hub, api: HfApi) -> None:
    hub.put("ada/faces", {"model.safetensors": b"x" * 300_000})
    hub.fault(Fault("GET /api/whoami-v2", delay=0.4))
    hub.fault(Fault("GET /lfs/", pace=500_000))
    for call in (api.whoami, lambda: api.hf_hub_download("ada/faces", "model.safetensors")):
        began = time.monotonic()
        call()
        assert time.monotonic() - began > 0.39


def test_down_and_up_again_at_the_same_address(hub: Hub, api: HfApi) -> None:
    import httpx2

    hub.put("ada/faces", {"config.json": b"{}"})
    api.whoami()
    hub.down()
    with pytest.raises(httpx2.ConnectError):
        api.model_info("ada/faces")
    hub.up()
    assert api.model_info("ada/faces").id == "ada/faces"


def test_reset_before_any_answer(hub: Hub, api: HfApi) -> None:
    import httpx2

    hub.fault(Fault("GET /api/whoami-v2", reset=True))
    with pytest.raises(httpx2.HTTPError):
        api.whoami()
    assert api.whoami()["name"] == "ada"


def test_a_range_of_a_large_file(hub: Hub) -> None:
    import httpx2

    data = bytes(range(256)) * 40
    hub.put("ada/digits", {"train.parquet": data, "notes.txt": data}, kind="dataset")
    for name in ("train.parquet", "notes.txt"):
        url = f"{hub.url}/datasets/ada/digits/resolve/main/{name}"
        for asked, expected in (("bytes=10-19", data[10:20]), ("bytes=-8", data[-8:]), ("bytes=10000-", data[10000:])):
            got = httpx2.get(url, headers={"Range": asked}, follow_redirects=True)
            assert (got.status_code, got.content) == (206, expected)


def test_a_file_may_claim_to_be_larger_than_it_is(hub: Hub, api: HfApi) -> None:
    hub.put("ada/huge", {"model.safetensors": Claimed(b"small", 5_000_000_000)})
    assert next(iter(api.get_paths_info("ada/huge", "model.safetensors"))).size == 5_000_000_000
    url = huggingface_hub.hf_hub_url("ada/huge", "model.safetensors", endpoint=hub.url)
    assert huggingface_hub.get_hf_file_metadata(url, token=False).size == 5_000_000_000


def test_somebody_signs_in_to_an_app(hub: Hub) -> None:
    import httpx2

    space = hub.space_environment()
    ways = httpx2.get(f"{hub.url}/.well-known/openid-configuration").json()
    asked = {"client_id": space["OAUTH_CLIENT_ID"], "scope": space["OAUTH_SCOPES"], "state": "s", "nonce": "n"}
    asked |= {"redirect_uri": "http://127.0.0.1/login/callback?a=b"}
    back = httpx2.post(ways["authorization_endpoint"], params=asked, data={"user": "ada"}).headers["Location"]
    came = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(back).query))
    assert (came["a"], came["state"]) == ("b", "s")
    order = {"grant_type": "authorization_code", "code": came["code"], "redirect_uri": asked["redirect_uri"]}
    wrong = httpx2.post(ways["token_endpoint"], data=order, auth=("loopback-space", "wrong"))
    assert wrong.status_code == 400
    back = httpx2.post(ways["authorization_endpoint"], params=asked, data={"user": "ada"}).headers["Location"]
    order["code"] = dict(urllib.parse.parse_qsl(back.split("?")[1]))["code"]
    secret = (space["OAUTH_CLIENT_ID"], space["OAUTH_CLIENT_SECRET"])
    token = httpx2.post(ways["token_endpoint"], data=order, auth=secret).json()["access_token"]
    assert HfApi(endpoint=hub.url, token=token).whoami()["auth"]["accessToken"]["role"] == "contribute-repos"
    assert not any(token in repr(row) for row in hub.log)


def test_the_page_of_a_repository_shows_its_card_as_text(hub: Hub) -> None:
    import httpx2

    hub.put("ada/faces", {"README.md": b"# Faces <script>"})
    hub.put("ada/secret", {"README.md": b"# Secret"}, private=True)
    assert "# Faces &lt;script&gt;" in httpx2.get(f"{hub.url}/ada/faces").text
    assert httpx2.get(f"{hub.url}/ada/secret").status_code == 401


def test_what_a_hub_is_filled_with_by_hand(hub: Hub, api: HfApi) -> None:
    tables = pytest.importorskip("pyarrow.parquet")
    stock.checkpoints(hub)
    stock.picture_sets(hub, count=20)
    found = {model.id for model in api.list_models(filter="genmodels")}
    assert {"genmodels/digits-gan", "genmodels/fashion-vae"} <= found
    path = api.hf_hub_download("pictures/digits", "data/train-00000-of-00001.parquet", repo_type="dataset")
    table = tables.read_table(path)
    assert table.num_rows == 20
    assert table["image"][0].as_py()["bytes"].startswith(b"\x89PNG")
    assert b"ClassLabel" in table.schema.metadata[b"huggingface"]
    names = api.list_repo_files("pictures/clothes", repo_type="dataset")
    assert sum(name.endswith(".png") for name in names) == 20
