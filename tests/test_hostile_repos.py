"""Hostile repositories are refused with the reason: nothing of them is installed, and nothing in them is run."""

from __future__ import annotations

import html.parser
import io
import json
import pathlib
import resource
import struct
import types

import numpy as np
import pytest
import torch
from loopback import Claimed, Fault
from PIL import Image
from travellers import REPO, arrive, shapes, with_config, with_weights

import genmodels
from genmodels import report
from genmodels.data.imageset import ImageSet
from genmodels.evaluation.result import Evaluation
from genmodels.evaluations import evidence
from genmodels.events import Trouble
from genmodels.hub import find, pull, strict
from genmodels.hub.client import Address
from genmodels.hub.origin import Origin
from genmodels.images import PictureFormat
from genmodels.library import Library
from genmodels.ui import views
from genmodels.walls import Walls


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("GENMODELS_HOME", str(tmp_path / "home"))


@pytest.fixture
def refused(hub, tmp_path):
    """Put a repository on the Hub, try to pull it, and give back the one sentence that is said."""

    def try_it(files: dict[str, bytes], reason: str, weights_stay: bool = True, repo: str = REPO) -> str:
        hub.put(repo, files)
        shelf = tmp_path / "shelf"
        with pytest.raises(Trouble, match=reason) as told:
            arrive(repo, shelf / "model")
        assert list(shelf.iterdir()) == [], "nothing is half installed"
        if weights_stay:
            assert not [row for row in hub.log if row.method == "GET" and ("/lfs/" in row.path or ".saf" in row.path)]
        if any(files.get(name) != shapes()[name] for name in pull.LOADED):
            with pytest.raises(Trouble):
                genmodels.load(repo)
        said = str(told.value)
        assert len(said.splitlines()) == 1
        assert ".incoming-" not in said
        return said

    return try_it


def test_pickled_weights_are_not_even_fetched(refused, hub):
    files = {"config.json": shapes()["config.json"], "pytorch_model.bin": b"\x80\x04cos\nsystem\n", "samples.webp": b""}
    assert "pytorch_model.bin" in refused(files, "can hide programs")
    with pytest.raises(Trouble, match="can hide programs"):
        pull.kind(Address.parse(REPO), None)
    assert not [row for row in hub.log if "resolve" in row.path]


def test_pickles_beside_honest_weights_stay_there(hub, tmp_path):
    hub.put(REPO, {**shapes(), "optimizer.pt": b"evil", "pipeline.py": b"import os", "owner": b"me", "hub.json": b"{}"})
    arrive(REPO, tmp_path / "model")
    names = {file.name for file in (tmp_path / "model").iterdir()}
    assert names == {*shapes(), "hub.json"}
    assert Origin.of(tmp_path / "model").repo == REPO
    assert not [row for row in hub.log if row.path.endswith((".pt", ".py", "owner", "hub.json"))]


def test_a_missing_tensor(refused):
    refused(with_weights(lambda weights: weights.pop(sorted(weights)[0])), "lack", weights_stay=False)


def test_an_extra_tensor(refused):
    refused(with_weights(lambda w: w.update(backdoor=torch.zeros(3))), "hold backdoor", weights_stay=False)


def test_a_misshapen_tensor(refused):
    def turn(weights):
        name = next(name for name, part in weights.items() if part.ndim > 1 and part.shape[0] != part.shape[1])
        weights[name] = weights[name].transpose(0, 1).contiguous()

    refused(with_weights(turn), "another shape", weights_stay=False)


def test_weights_that_are_no_numbers(refused):
    refused(with_weights(lambda w: w[sorted(w)[0]].fill_(float("nan"))), "not all finite", weights_stay=False)


def test_half_a_weights_file(refused):
    whole = shapes()["model.safetensors"]
    refused({**shapes(), "model.safetensors": whole[: len(whole) // 2]}, "not those")


def test_weights_that_are_something_else(refused):
    size = len(shapes()["model.safetensors"])
    refused({**shapes(), "model.safetensors": b"\x80\x04" + bytes(size - 2)}, "cannot be read", weights_stay=False)


def test_a_header_that_claims_to_be_endless(refused):
    whole = shapes()["model.safetensors"]
    endless = struct.pack("<Q", 90_000_000) + whole[8:]
    refused({**shapes(), "model.safetensors": endless}, "cannot be read", weights_stay=False)


def test_a_header_that_takes_longer_to_read_than_the_weights(tmp_path):
    file = tmp_path / "model.safetensors"
    file.write_bytes(struct.pack("<Q", 2 << 20) + b"{" + b" " * (2 << 20))
    with pytest.raises(Trouble, match="damaged"):
        strict.check_header(file, "it")


@pytest.mark.parametrize("name", ["width", "critic_width", "noise", "batch"])
def test_settings_for_a_giant_are_refused_before_memory_is_spent(refused, name):
    options = json.loads(shapes()["config.json"])["options"]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused(with_config(options={**options, name: 10**9}), "settings that this version does not allow")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64_000, "kilobytes"


def test_a_large_model_that_the_settings_allow_must_have_the_weights_for_it(refused):
    options = json.loads(shapes()["config.json"])["options"]
    refused(with_config(options={**options, "width": 64}), "not those that its settings ask for")


def test_more_classes_than_anybody_has(refused):
    refused(with_config(classes=[str(n) for n in range(5_000)]), "says other things")


def test_an_unknown_family(refused):
    assert "wizard" in refused(with_config(family="wizard"), "family that this version does not know")


def test_a_newer_format(refused):
    refused(with_config(format=99), "made by a newer version")


@pytest.mark.parametrize("name", ["../owner", "/etc/passwd", "a/../../b", "..\\owner", "C:owner", "a//b", "new\nline"])
def test_file_names_with_tricks(hub, tmp_path, name):
    hub.put(REPO, shapes())
    commit = hub.repo(REPO).commit("main")
    commit.files[name] = commit.files["README.md"]
    with pytest.raises(Trouble, match="names that no model has"):
        arrive(REPO, tmp_path / "shelf" / "model")
    assert list((tmp_path / "shelf").iterdir()) == []
    assert not [row for row in hub.log if "resolve" in row.path]


def test_a_link_is_only_ever_text(refused):
    """Git keeps a link as a file with the place that it points to."""
    refused({**shapes(), "model.safetensors": b"../../../../home/secret.safetensors"}, "not those")
    refused({**shapes(), "samples.webp": b"/etc/passwd"}, "cannot be read", weights_stay=False)


def test_a_link_in_a_folder_is_not_followed(tmp_path):
    for name, content in shapes().items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "LICENSE").symlink_to("/etc/hostname")
    with pytest.raises(Trouble, match="LICENSE"):
        strict.check(tmp_path)


@pytest.mark.parametrize("name", ["model.safetensors", "samples.webp", "README.md", "timelapse.webp"])
def test_five_gigabytes_are_not_begun(refused, hub, name):
    files = {**shapes(), name: Claimed(b"small", 5_000_000_000)}
    assert name in refused(files, "at most")
    assert not [row for row in hub.log if "resolve" in row.path]


def test_settings_of_fifty_megabytes_are_not_begun(refused, hub):
    refused({**shapes(), "config.json": Claimed(b"{}", 50_000_000)}, "at most")
    assert not [row for row in hub.log if "resolve" in row.path]


def test_more_bytes_than_announced_are_not_read(hub, tmp_path):
    hub.put(REPO, shapes())
    hub.fault(Fault(r"GET .*README", status=200, body=bytes(4_000_000)))
    with pytest.raises(Trouble, match="more than it had announced"):
        arrive(REPO, tmp_path / "shelf" / "model")
    assert list((tmp_path / "shelf").iterdir()) == []


def _webp(*size: int, frames: int = 1) -> bytes:
    file = io.BytesIO()
    first = Image.new("RGB", size)
    more = [Image.new("RGB", size, (n % 256, n // 256, 7)) for n in range(frames - 1)]
    first.save(file, "WEBP", lossless=True, save_all=frames > 1, append_images=more, method=0, quality=0)
    return file.getvalue()


def test_samples_that_are_no_picture(refused):
    refused({**shapes(), "samples.webp": b"<svg onload=alert(1)>"}, "samples.webp cannot be read", weights_stay=False)


def test_samples_of_another_kind(refused):
    png = io.BytesIO()
    Image.new("RGB", (224, 252)).save(png, "PNG")
    refused({**shapes(), "samples.webp": png.getvalue()}, "samples.webp cannot be read", weights_stay=False)


def test_samples_that_unfold_to_a_giant(refused):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    giant = b"RIFF" + struct.pack("<I", 30) + b"WEBPVP8X" + struct.pack("<I", 10) + b"\0" * 4
    giant += (16_382).to_bytes(3, "little") * 2 + b"VP8L" + struct.pack("<I", 0)
    refused({**shapes(), "samples.webp": giant}, "samples.webp cannot be read", weights_stay=False)
    refused({**shapes(), "samples.webp": _webp(4_200, 28)}, "samples.webp cannot be read", weights_stay=False)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64_000, "kilobytes"


def test_samples_with_fewer_pictures_than_said(refused):
    refused({**shapes(), "samples.webp": _webp(56, 28)}, "pictures of .* cannot be read", weights_stay=False)


def test_a_time_lapse_that_never_ends(refused):
    refused({**shapes(), "timelapse.webp": _webp(64, 64, frames=300)}, "timelapse.webp", weights_stay=False)


def test_json_as_deep_as_a_well(refused):
    well = b"[" * 100_000 + b"]" * 100_000
    refused({**shapes(), "config.json": b'{"format": 1, "options": ' + well + b"}"}, "says other things")
    refused({**shapes(), "evaluation.json": well}, "evaluation.json cannot be read", weights_stay=False)


@pytest.mark.parametrize(
    "trained",
    [{"pictures": "<b>many</b>"}, {"seconds": [1]}, {"images": -1}, {"plan": "none"}, {"set": "x" * 10_000}],
    ids=lambda told: next(iter(told)),
)
def test_facts_that_no_screen_could_show(refused, trained):
    refused(with_config(trained=trained), "says other things")


EVALUATION = {"model": "x", "protocol": {"features": "studio-1", "made": 10, "real": 10}}
NEAREST = {"index": 1, "label": 0, "row": 3, "distance": 1.0, "typical": 1.0}


@pytest.mark.parametrize(
    "changes",
    [
        {"nearest": [{**NEAREST, "index": 10**12}]},
        {"nearest": [{**NEAREST, "label": 99}]},
        {"nearest": [NEAREST, {**NEAREST, "label": None}]},
        {"nearest": [NEAREST] * 9_999},
        {"numbers": [{"name": "<b>", "value": 1, "low": 0, "high": 2, "better": "higher"}]},
        {"protocol": {"features": "studio-1", "made": -1, "real": 10}},
        {"protocol": {"features": "studio-1", "made": 10, "real": 10, "seed": -5}},
        {"numbers": "many"},
    ],
    ids=["index", "label", "mixed", "endless", "name", "made", "seed", "type"],
)
def test_an_evaluation_that_nobody_can_have_made(refused, changes):
    content = json.dumps({**EVALUATION, **changes}).encode()
    refused({**shapes(), "evaluation.json": content}, "evaluation.json cannot be read", weights_stay=False)


def test_an_evaluation_of_rows_that_a_set_has_not_shows_no_pictures(tmp_path):
    evaluation = Evaluation(**{**EVALUATION, "nearest": [{**NEAREST, "row": 10**6, "label": None}], "rebuilt": [-4, 5]})
    pixels = np.zeros((20, 28, 28, 1), np.uint8)
    model = types.SimpleNamespace(picture=PictureFormat(28, 1))
    shown = evidence.draw(None, tmp_path, model, evaluation, ImageSet(pixels, None, (), "own"))
    assert (len(shown.pairs), len(shown.rebuilt)) == (0, 0)
    other = types.SimpleNamespace(picture=PictureFormat(64, 3))
    evaluation = Evaluation(**{**EVALUATION, "rebuilt": [1]})
    assert len(evidence.draw(None, tmp_path, other, evaluation, ImageSet(pixels, None, (), "own")).rebuilt) == 0


def test_a_wall_of_classes_that_are_not_there(refused):
    wall = json.loads(shapes()["config.json"])["wall"]
    refused(with_config(wall={**wall, "labels": [99] * wall["count"]}), "says other things")
    refused(with_config(wall={**wall, "labels": [0]}), "says other things")
    refused(with_config(wall={**wall, "count": 10**9}), "says other things")


def test_what_is_no_model_at_all(refused):
    assert "samples.webp" in refused({"config.json": b"{}", "model.safetensors": b"x" * 99}, "no model that the studio")
    refused({"README.md": b"hello"}, "no model that the studio", repo="ada/empty")


SCRIPT = '<script>alert("x")</script><img src=x onerror=alert(1)>'


class Tags(html.parser.HTMLParser):
    """Every tag and attribute that a browser would see."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.seen += [tag, *(name for name, _ in attrs)]


def harmless(page: str) -> bool:
    """Whether a browser sees neither the script nor the trap of the names."""
    return "script" not in (tags := Tags(page).seen) and "onerror" not in tags


def test_markup_in_names_labels_and_card_is_text_everywhere(hub, tmp_path):
    wall = {**json.loads(shapes()["config.json"])["wall"]}
    told = {"set": SCRIPT, "licence": SCRIPT, "origin": SCRIPT, "hardware": SCRIPT, "images": 5, "seconds": 1.0}
    files = with_config(name=SCRIPT, classes=[SCRIPT, "{b}", "$c"], trained=told, wall=wall)
    card = f"---\nmodel_name: '{SCRIPT}'\nlicense: mit\ntags: [genmodels, gan]\n---\n{SCRIPT}\n"
    number = {"name": "f1", "value": 0.5, "low": 0.4, "high": 0.6, "better": "higher", "band": SCRIPT, "by": SCRIPT}
    judged = {
        "model": SCRIPT,
        "protocol": {"features": SCRIPT, "made": 9, "real": 9, "set": SCRIPT},
        "hardware": SCRIPT,
    }
    judged |= {"numbers": [number], "classes": [{"name": SCRIPT, "asked": 3, "precision": 1, "recall": 1, "f1": 1}]}
    written = {"README.md": card.encode(), "evaluation.json": json.dumps(judged).encode()}
    hub.put(REPO, {**files, **written}, message=SCRIPT)
    arrive(REPO, tmp_path / "model")
    library = Library(tmp_path / "shipped", tmp_path / "models")
    model = library.find("", library.adopt("", tmp_path / "model"))
    pages = [views.model_cards([model], model.key), views.shelf([model], model.key), views.model_facts(model)]
    assert all("alert(" in page for page in pages[:2]), "it is shown, as text"
    found = Evaluation.open(library.folder("", model.key))
    pages.append(report.page([evidence.Report(found, Walls(library).stored("", model.key))]))
    assert all(map(harmless, pages))
    from genmodels.ui import hub_views

    (row,) = find.search().found
    assert harmless(hub_views.found([row], {}))
    from genmodels.hub import revisions

    known = revisions.of(REPO, None)
    assert SCRIPT in known[0].title
    assert harmless(hub_views.revisions(model.origin, known))


def test_names_that_take_over_a_terminal_are_plain(hub, tmp_path):
    files = with_config(name="\x1b[2J\x07\u202eevil\nname")
    hub.put(REPO, files, message="\x1b]0;title\x07 hello")
    arrive(REPO, tmp_path / "model")
    library = Library(tmp_path / "shipped", tmp_path / "models")
    assert library.find("", library.adopt("", tmp_path / "model")).name.isprintable()
    from genmodels.hub import revisions

    assert all(each.title.isprintable() for each in revisions.of(REPO, None))


def test_a_hostile_repository_leaves_nothing_in_the_cache(refused, tmp_path):
    refused({**shapes(), "samples.webp": b"no picture"}, "cannot be read", weights_stay=False)
    left = [file for file in (tmp_path / "home" / "hub").rglob("*") if file.is_file() and "blobs" in file.parts]
    assert left == []


def test_a_preview_that_is_no_picture_is_left_out(hub):
    hub.put(REPO, {"samples.webp": b"<svg/>"})
    hub.put("ada/giant", {"samples.webp": _webp(4_200, 28)})
    hub.put("ada/claims", {"samples.webp": bytes(strict.LIMITS["samples.webp"] + 1)})
    assert [find.preview(name, None) for name in (REPO, "ada/giant", "ada/claims")] == [b"", b"", b""]


def test_nothing_comes_into_a_folder_that_is_there(hub, tmp_path):
    hub.put(REPO, shapes())
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "letter.txt").write_text("dear")
    with pytest.raises((Trouble, OSError)):
        arrive(REPO, mine)
    assert [file.name for file in pathlib.Path(mine).iterdir()] == ["letter.txt"]
