"""Pulling: byte for byte the same, pinned by commit, with no network where it is here, and private to whoever may."""

from __future__ import annotations

import json
import logging
import os
import pathlib
import subprocess
import sys
import threading
import time

import pytest
from conftest import point_client
from loopback import Fault, Hub
from PIL import Image
from travellers import REPO, arrive, shapes

import genmodels
from genmodels.checkpoint import Checkpoint
from genmodels.events import Finished, Problem, Progress, Trouble
from genmodels.hub import find, pull, revisions
from genmodels.hub.client import Address, api
from genmodels.hub.origin import Origin
from genmodels.library import Library
from genmodels.walls import Ask, Walls

RESOLVE = r"GET /ada/shapes/resolve/"
WEIGHTS = r"GET /lfs/"


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("GENMODELS_HOME", str(tmp_path / "home"))


@pytest.fixture
def library(tmp_path):
    return Library(tmp_path / "shipped", tmp_path / "models")


def publics(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.name != "hub.json"}


def test_what_arrives_is_what_was_sent_and_draws_the_same(hub, tmp_path):
    commit = hub.put(REPO, shapes())
    told = arrive(REPO, tmp_path / "here")
    assert publics(tmp_path / "here") == shapes()
    origin = Origin.of(tmp_path / "here")
    assert (origin.repo, origin.commit, origin.private, origin.pulled) == (REPO, commit, False, True)
    fractions = [event.fraction for event in told if isinstance(event, Progress)]
    assert fractions == sorted(fractions)
    assert (fractions[-1], told[-1].result) == (1.0, str(tmp_path / "here"))
    sent = tmp_path / "sent"
    sent.mkdir()
    for name, content in shapes().items():
        (sent / name).write_bytes(content)
    one, other = (genmodels.load(folder).sample(7, range(3)) for folder in (sent, tmp_path / "here"))
    assert one.equal(other)
    assert not [row for row in hub.log if row.authorised], "nobody was signed in"


@pytest.mark.parametrize("text", ["{repo}@v1", "{url}/{repo}/tree/v1", "{url}/{repo}/blob/v1/config.json"])
def test_a_tag_by_id_or_by_an_address_from_the_browser(hub, tmp_path, text):
    first = hub.put(REPO, shapes())
    hub.repo(REPO).tags["v1"] = hub.repo(REPO).commit("main")
    hub.put(REPO, shapes(1))
    arrive(text.format(repo=REPO, url=hub.url), tmp_path / "here")
    assert publics(tmp_path / "here") == shapes()
    assert (Origin.of(tmp_path / "here").commit, Origin.of(tmp_path / "here").revision) == (first, "v1")


def test_a_revision_that_is_not_there(hub, tmp_path):
    hub.put(REPO, shapes())
    with pytest.raises(Trouble, match="no version of this name"):
        arrive(REPO, tmp_path / "here", revision="v9")
    assert not (tmp_path / "here").exists()


# ---- with no network


def test_a_commit_that_is_here_costs_no_request(hub, tmp_path):
    commit = hub.put(REPO, shapes())
    arrive(REPO, tmp_path / "one")
    hub.clear()
    began = time.monotonic()
    arrive(f"{REPO}@{commit}", tmp_path / "two")
    assert pull.kind(Address(REPO, commit), None) == "checkpoint"
    hub.down()
    arrive(f"{REPO}@{commit}", tmp_path / "three")
    assert time.monotonic() - began < 2
    assert hub.log == []
    assert publics(tmp_path / "three") == shapes()


def test_a_branch_is_the_newest_and_as_it_was_where_nobody_answers(hub, tmp_path):
    hub.put(REPO, shapes())
    arrive(REPO, tmp_path / "one")
    hub.put(REPO, shapes(1))
    arrive(REPO, tmp_path / "two")
    assert publics(tmp_path / "two") == shapes(1)
    hub.down()
    began = time.monotonic()
    told = arrive(REPO, tmp_path / "three")
    assert time.monotonic() - began < 2
    assert publics(tmp_path / "three") == shapes(1)
    assert ["last fetched" in each.template for each in told if isinstance(each, Problem)] == [True]
    assert pull.kind(Address(REPO), None) == "checkpoint"


def test_what_is_not_here_is_said_at_once_where_nobody_answers(hub, tmp_path):
    hub.down()
    for call in (
        lambda: arrive(REPO, tmp_path / "here"),
        find.search,
        lambda: find.preview(REPO, None),
        lambda: revisions.of(REPO, None),
        lambda: genmodels.load(REPO),
    ):
        began = time.monotonic()
        with pytest.raises(Trouble, match="does not answer"):
            call()
        assert time.monotonic() - began < 2
    assert not (tmp_path / "here").exists()


def test_offline_by_choice(hub, tmp_path, monkeypatch):
    from huggingface_hub import constants

    hub.put(REPO, shapes())
    arrive(REPO, tmp_path / "one")
    hub.clear()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    arrive(REPO, tmp_path / "two")
    with pytest.raises(Trouble, match="HF_HUB_OFFLINE"):
        find.search()
    assert hub.log == []


# ---- when things go wrong


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault(r"GET /api/models/ada", status=401), "sign-in"),
        (Fault(r"GET /api/models/ada", status=403), "does not allow"),
        (Fault(r"GET /api/models/ada", status=404, headers={"X-Error-Code": "RepoNotFound"}), "There is no ada/shapes"),
        (Fault(r"GET /api/models/ada", status=429, headers={"Retry-After": "300"}), "Wait 300 seconds"),
        (Fault(r"GET /api/models/ada", times=9, status=503), "trouble of its own"),
        (Fault(RESOLVE, status=401), "sign-in"),
        (Fault(r"(GET|HEAD) /ada/shapes/resolve/.*webp", status=403), "does not allow"),
        (
            Fault(r"HEAD /ada/shapes/resolve/.*webp", status=404, headers={"X-Error-Code": "EntryNotFound"}),
            "not on the",
        ),
        (Fault(WEIGHTS, times=9, status=500), "trouble of its own"),
        (Fault(WEIGHTS, times=9, cut_download=999, reset=True), "was cut"),
    ],
    ids=["401", "403", "404", "429", "503", "401 file", "403 file", "404 file", "500 weights", "reset for ever"],
)
def test_one_sentence_nothing_left_and_success_on_pressing_again(hub, tmp_path, monkeypatch, fault, words):
    monkeypatch.setattr("genmodels.hub.client.time.sleep", lambda seconds: None)
    hub.put(REPO, shapes())
    hub.fault(fault)
    shelf = tmp_path / "shelf"
    with pytest.raises(Trouble, match=words) as told:
        arrive(REPO, shelf / "here")
    assert len(str(told.value).splitlines()) == 1
    assert list(shelf.iterdir()) == []
    hub.clear()
    arrive(REPO, shelf / "here")
    assert publics(shelf / "here") == shapes()


@pytest.mark.parametrize(
    "fault",
    [
        Fault(WEIGHTS, cut_download=2_000, reset=True),
        Fault(WEIGHTS, cut_download=2_000),
        Fault(WEIGHTS, times=2, cut_download=0, reset=True),
        Fault(r"GET /api/models/ada", status=429, headers={"Retry-After": "1"}),
        Fault(r"GET /api/models/ada", status=502),
        Fault(r"GET /api/models/ada", reset=True),
        Fault(RESOLVE, status=429, headers={"Retry-After": "0"}),
        Fault(RESOLVE, delay=1.0),
    ],
    ids=["reset", "cut", "reset twice", "429", "502", "reset list", "429 file", "slow"],
)
def test_what_passes_by_itself_is_not_even_told(hub, tmp_path, fault):
    hub.put(REPO, shapes())
    hub.fault(fault)
    arrive(REPO, tmp_path / "here")
    assert publics(tmp_path / "here") == shapes()


def test_the_hub_goes_away_in_the_middle_and_what_came_is_not_fetched_again(hub, tmp_path):
    hub.put(REPO, shapes())
    hub.fault(Fault(WEIGHTS, times=9, status=404, headers={"X-Error-Code": "EntryNotFound"}))
    with pytest.raises(Trouble):
        arrive(REPO, tmp_path / "here")
    hub.clear()
    arrive(REPO, tmp_path / "here")
    fetched = {row.path.split("/")[-1] for row in hub.log if row.method == "GET" and row.path.startswith("/ada/")}
    assert fetched == set(), "all but the weights was here"


def test_weights_that_were_damaged_on_their_way(hub, tmp_path):
    hub.put(REPO, shapes())
    flipped = bytearray(shapes()["model.safetensors"])
    flipped[-1] ^= 1
    hub.fault(Fault(WEIGHTS, status=200, body=bytes(flipped)))
    with pytest.raises(Trouble, match="damaged on its way"):
        arrive(REPO, tmp_path / "here")
    arrive(REPO, tmp_path / "here")
    assert publics(tmp_path / "here") == shapes()


def test_a_slow_download_moves_and_can_be_stopped(hub, tmp_path):
    hub.put(REPO, {**shapes(), "README.md": b"#" * 900_000})
    hub.fault(Fault(r"GET .*README", pace=200_000))
    shelf, told = tmp_path / "shelf", []
    work = pull.pull(Address(REPO), None, shelf / "here")
    for event in work:
        told.append(event.fraction)
        if len({*told}) > 2:
            break
    began = time.monotonic()
    work.close()
    assert time.monotonic() - began < 1
    assert 0 < told[-1] < 1
    assert list(shelf.iterdir()) == []
    while at_work := [each for each in threading.enumerate() if each.name.startswith("download")]:
        at_work[0].join(0.1)
        assert time.monotonic() - began < 4, "the next piece is the last one"
    assert "README.md" not in {file.name for file in tmp_path.rglob("*")}


def test_what_was_cut_is_not_written_into_any_log(hub, tmp_path):
    """The client would write down the signed address of a private file."""
    hub.put(REPO, shapes())
    hub.fault(Fault(WEIGHTS, cut_download=2_000))
    written, listener = [], logging.Handler()
    listener.emit = lambda record: written.append(record.getMessage())
    logging.getLogger("huggingface_hub").addHandler(listener)
    arrive(REPO, tmp_path / "here")
    logging.getLogger("huggingface_hub").removeHandler(listener)
    assert written == []


# ---- whose it is


def test_what_is_private_is_for_those_who_may_see_it(hub, tmp_path, monkeypatch):
    commit = hub.put(REPO, shapes(), private=True)
    ada, bob = hub.token("ada"), hub.token("bob")
    arrive(REPO, tmp_path / "ada", ada)
    assert Origin.of(tmp_path / "ada").private
    monkeypatch.setenv("HF_TOKEN", ada)  # whose machine it is must not matter to a visitor
    for token in (None, bob):
        for text in (REPO, f"{REPO}@{commit}"):
            with pytest.raises(Trouble, match="There is no"):
                arrive(text, tmp_path / "theirs", token)
            with pytest.raises(Trouble, match="There is no"):
                pull.kind(Address.parse(text), token)
        assert find.search(token=token).found == ()
        with pytest.raises(Trouble):
            find.preview(REPO, token)
    assert not (tmp_path / "theirs").exists()
    assert [each.repo for each in find.search(token=ada).found] == [REPO]
    assert not [row for row in hub.log if row.authorised == "ada" and row.path.startswith("/lfs/")]


def test_what_the_owner_of_the_machine_fetched_is_not_for_visitors(hub, tmp_path):
    commit = hub.put(REPO, shapes(), private=True)
    arrive(REPO, tmp_path / "owner", hub.token("ada"), private_machine=True)
    hub.clear()
    arrive(f"{REPO}@{commit}", tmp_path / "again", None, private_machine=True)  # on a laptop all is the owner's
    assert hub.log == []
    with pytest.raises(Trouble, match="There is no"):
        arrive(f"{REPO}@{commit}", tmp_path / "visitor")


def test_what_has_conditions_says_so(hub, tmp_path):
    hub.put(REPO, shapes(), gated="manual")
    bob = hub.token("bob")
    with pytest.raises(Trouble, match="has conditions"):
        arrive(REPO, tmp_path / "here", bob)
    assert [each.gated for each in find.search().found] == [True]
    hub.grant(REPO, "bob")
    arrive(REPO, tmp_path / "here", bob)
    assert publics(tmp_path / "here") == shapes()


def test_a_token_is_in_no_file_and_no_sentence(hub, tmp_path):
    hub.put(REPO, shapes(), private=True)
    token = hub.token("ada")
    told = arrive(REPO, tmp_path / "here", token)
    hub.fault(Fault(r"GET /api/models/ada", status=403, headers={"X-Error-Message": f"Bearer {token} may not"}))
    with pytest.raises(Trouble) as refused:
        arrive(REPO, tmp_path / "there", token)
    assert token not in "".join([str(refused.value), repr(refused.value), *(event.line() for event in told)])
    files = [file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()]
    assert not [content for content in files if token.encode() in content]


def test_the_cache_of_visitors_does_not_grow_for_ever(hub, tmp_path, monkeypatch):
    for name in ("old", "new"):
        hub.put(f"ada/{name}", shapes())
        arrive(f"ada/{name}", tmp_path / name)
    cache = tmp_path / "home" / "hub"
    old = [file for file in (cache / "models--ada--old").rglob("*") if file.is_file()]
    for file in old:
        os.utime(file, (1, 1))
    monkeypatch.setattr("genmodels.hub.cache.MOST_CACHED", 100_000)
    hub.put(REPO, shapes(1))
    arrive(REPO, tmp_path / "here")
    assert {each.name for each in cache.glob("models--*")} == {"models--ada--new", "models--ada--shapes"}


def test_a_model_of_which_only_a_part_was_loaded_before_is_known_for_what_it_is(hub):
    commit = hub.put(REPO, shapes())
    pull.fetched(REPO)
    assert pull.kind(Address(REPO, commit), None, private_machine=True) == "checkpoint"
    hub.down()
    with pytest.raises(Trouble, match="does not answer"):
        pull.kind(Address(REPO), None, private_machine=True)


def test_what_a_sign_in_opened_stays_in_no_cache(hub, tmp_path):
    hub.put(REPO, shapes(), private=True)
    shelf, seen = tmp_path / "shelf", set()
    for _ in pull.pull(Address(REPO), hub.token("ada"), shelf / "here"):
        seen |= {file.parent.parts[len(tmp_path.parts)] for file in tmp_path.rglob("model.safetensors")}
    assert seen == {"shelf"}, "it goes with the folder where the process is killed"
    assert [each.name for each in shelf.iterdir()] == ["here"]


def test_the_clients_default_way_of_large_files(tmp_path, monkeypatch):
    pytest.importorskip("hf_xet")
    with Hub() as hub:
        point_client(monkeypatch, hub.url, tmp_path / "huggingface", xet=True)
        hub.put(REPO, {"README.md": b"empty"})
        for name, content in shapes().items():
            (tmp_path / "sent").mkdir(exist_ok=True)
            (tmp_path / "sent" / name).write_bytes(content)
        api(hub.token("ada")).upload_folder(repo_id=REPO, folder_path=tmp_path / "sent")
        told = arrive(REPO, tmp_path / "here")
        assert any("xet-read-token" in row.path for row in hub.log)
        assert publics(tmp_path / "here") == shapes()
        fractions = [event.fraction for event in told if isinstance(event, Progress)]
        assert fractions == sorted(fractions)
        assert fractions[-1] == 1.0


# ---- versions


def test_update_and_roll_back_keep_the_key_the_owner_and_the_name(hub, tmp_path, library):
    first = hub.put(REPO, shapes())
    hub.repo(REPO).tags["v1"] = hub.repo(REPO).commit("main")
    arrive(REPO, tmp_path / "one")
    key = library.adopt("anna", tmp_path / "one")
    library.rename("anna", key, "My shapes")
    identity = library.find("anna", key).identity
    assert revisions.newer(library.find("anna", key).origin, None) is None

    second = hub.put(REPO, shapes(1), message="Better ones")
    known = revisions.of(REPO, None)
    assert [(each.name, each.title, each.commit) for each in known] == [
        (second[:7], "Better ones", second),
        ("v1", "Upload files", first),
    ]
    assert revisions.newer(library.find("anna", key).origin, None) == known[0]
    arrive(REPO, tmp_path / "two")
    library.replace("anna", key, tmp_path / "two")
    model = library.find("anna", key)
    assert (model.name, model.origin.commit, model.key) == ("My shapes", second, key)
    assert model.identity != identity
    assert library.models("ben") == []

    arrive(f"{REPO}@{first}", tmp_path / "three")
    library.replace("anna", key, tmp_path / "three")
    model = library.find("anna", key)
    assert (model.name, model.origin.commit, model.identity) == ("My shapes", first, identity)
    assert revisions.newer(model.origin, None).commit == second
    assert [each.key for each in library.models("anna")] == [key]
    with pytest.raises(Trouble):
        library.replace("ben", key, tmp_path / "none")


def test_whoever_is_on_a_branch_is_told_of_that_branch(hub, tmp_path):
    hub.put(REPO, shapes())
    api(hub.token("ada")).create_branch(REPO, branch="soft")
    arrive(f"{REPO}@soft", tmp_path / "here")
    newest = hub.put(REPO, {"README.md": b"of main only"})
    assert revisions.newer(Origin.of(tmp_path / "here"), None) is None
    arrive(REPO, tmp_path / "main")
    assert revisions.of(REPO, None)[0].commit == newest


def test_what_was_published_is_seen_at_once(tmp_path, library, hub):
    hub.put(REPO, shapes())
    arrive(REPO, tmp_path / "one")
    (tmp_path / "one" / "hub.json").unlink()
    key = library.adopt("", tmp_path / "one")
    assert library.find("", key).origin is None
    Origin("ada/other", "f" * 40, pulled=False).write(library.folder("", key))
    assert library.find("", key).origin.repo == "ada/other"


def test_recipes_name_the_commit(hub, tmp_path, library):
    commit = hub.put(REPO, shapes())
    arrive(REPO, tmp_path / "one")
    key = library.adopt("", tmp_path / "one")
    made = Walls(library).picture("", Ask(key, seed=3), 2, 1)
    assert made.recipe["hub"] == {"repo": REPO, "commit": commit}
    again = tmp_path / "again"
    arrive("{repo}@{commit}".format(**made.recipe["hub"]), again)
    assert Checkpoint.open(again).identity == made.recipe["identity"]


def test_a_model_without_a_name_is_called_as_its_repository(hub, tmp_path, library):
    config = json.loads(shapes()["config.json"]) | {"name": ""}
    hub.put(REPO, {**shapes(), "config.json": json.dumps(config).encode()})
    arrive(REPO, tmp_path / "one")
    assert library.find("", library.adopt("", tmp_path / "one", "shapes")).name == "shapes"


# ---- search


def test_search_by_words_newest_or_most_downloaded_page_by_page(hub):
    for number in range(7):
        hub.put(f"ada/shapes{number}", {"README.md": shapes()["README.md"]}, downloads=number % 3)
    hub.put("ada/something-else", {"README.md": b"no tags"})
    hub.page = 3
    seen, cursor = [], ""
    for _ in range(3):
        page = find.search(cursor=cursor)
        seen, cursor = [*seen, *(each.repo for each in page.found)], page.cursor
    assert seen == [f"ada/shapes{number}" for number in reversed(range(7))]
    assert cursor == ""
    assert [each.downloads for each in find.search(sort="downloads").found] == [2, 2, 1]
    (one,) = find.search("shapes4").found
    assert (one.author, one.name, one.family, one.licence) == ("ada", "shapes4", "gan", "mit")
    assert find.search("nothing like it").found == ()


def test_guests_are_found_apart(hub):
    hub.put("eve/ddpm", {"README.md": b"---\ntags: [diffusers, unconditional-image-generation]\n---\n"})
    hub.put(REPO, {"README.md": shapes()["README.md"]})
    assert [each.repo for each in find.search("ddpm", kind="guest").found] == ["eve/ddpm"]
    assert [each.repo for each in find.search().found] == [REPO]


def test_guests_of_classes_that_are_not_taken_in_are_left_out(hub):
    wanted = {"id": "eve/one", "config": {"diffusers": {"_class_name": "DDPMPipeline"}}}
    other = {"id": "eve/two", "config": {"diffusers": {"_class_name": "StableDiffusionPipeline"}}}
    hub.fault(
        Fault("GET /api/models", status=200, body=[other, wanted, {"id": "x/y", "tags": ["diffusers:FluxPipeline"]}])
    )
    assert [(each.repo, each.family) for each in find.search(kind="guest").found] == [("eve/one", "DDPMPipeline")]
    hub.put("eve/without-a-task", {"README.md": b"---\ntags: [diffusers]\n---\n"})
    assert [each.repo for each in find.search(kind="guest").found] == ["eve/without-a-task"]


def test_a_preview_is_small_and_drawn_anew(hub):
    import io

    hub.put(REPO, shapes())
    shown = find.preview(REPO, None)
    assert shown != shapes()["samples.webp"]
    with Image.open(io.BytesIO(shown)) as picture:
        assert picture.format == "WEBP"
        assert max(picture.size) <= 384


@pytest.mark.parametrize("answer", [{"error": "x"}, [1, {"id": 3}, {"id": "../x"}, None, {"id": "a/b", "tags": 7}]])
def test_a_list_that_makes_no_sense_is_empty(hub, answer):
    hub.fault(Fault("GET /api/models", status=200, body=answer))
    assert [each.repo for each in find.search().found] in ([], ["a/b"])


def test_a_list_that_is_none_is_said(hub):
    hub.fault(Fault("GET /api/models", status=200, body=b"[" * 99_999))
    with pytest.raises(Trouble, match="makes no sense"):
        find.search()


def test_a_slow_list_does_not_hold_anybody_for_ever(hub, monkeypatch):
    monkeypatch.setattr(find, "PATIENCE", 0.3)
    hub.fault(Fault("GET /api/models", delay=3))
    began = time.monotonic()
    with pytest.raises(Trouble, match="does not answer"):
        find.search()
    assert time.monotonic() - began < 2


# ---- two lines of Python

TWO_LINES = """
import genmodels
print(genmodels.load({repo!r}, revision={revision!r}).sample(seed=7, indices=range(2)).sum().item())
import sys
assert not {{"gradio", "diffusers"}} & set(sys.modules)
"""


def test_two_lines_in_a_fresh_process_then_without_a_network(hub, hub_environment, tmp_path):
    commit = hub.put(REPO, shapes())
    hub.repo(REPO).tags["v1"] = hub.repo(REPO).commit("main")
    hub.put(REPO, shapes(1))
    there, root = hub_environment(hub, tmp_path / "huggingface"), pathlib.Path(genmodels.__file__).parents[1]

    def here(revision):
        return genmodels.load(REPO, revision=revision).sample(7, range(2)).sum().item()

    lines, drawn = TWO_LINES.format(repo=REPO, revision="v1"), here("v1")
    done = subprocess.run([sys.executable, "-c", lines], env=there, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) == pytest.approx(drawn)
    hub.down()
    assert here(commit) == drawn


def test_load_takes_folders_as_before(hub, tmp_path, monkeypatch):
    hub.put("ada/here", shapes())
    arrive("ada/here", tmp_path / "ada" / "here")
    monkeypatch.chdir(tmp_path)
    hub.clear()
    assert genmodels.load("ada/here").picture.size == 28, "a folder that is there is meant"
    with pytest.raises(Trouble, match="There is no model in nowhere"):
        genmodels.load("nowhere")
    with pytest.raises(Trouble, match="There is no model in"):
        genmodels.load("./ada/nowhere")
    assert hub.log == []
    assert genmodels.load(f"{hub.url}/ada/here").picture.size == 28
    assert isinstance(arrive("ada/here", tmp_path / "x")[-1], Finished)
