"""Pictures of a data set on the Hub: what it holds, getting some of them, faults as one sentence, nothing believed."""

from __future__ import annotations

import contextlib
import io
import json
import pathlib
import time
import traceback
import zipfile
from typing import Any

import picture_tables as made
import pytest
from loopback import Claimed, Fault, Hub

from genmodels import terminal
from genmodels.data.imageset import ImageSet
from genmodels.events import Event, Failed, Finished, Problem, Progress, Trouble
from genmodels.hub import dataset_rows
from genmodels.hub.client import Address
from genmodels.hub.datasets import Choice, about, fetch, glimpse
from genmodels.runs.result import facts
from genmodels.sets import Sets
from genmodels.transfers import asking
from genmodels.ui import dataset_views, set_views

SHAPES = Address("ada/shapes", kind="dataset")
SETTINGS = {"near_duplicates": False}


@pytest.fixture(autouse=True)
def at_home(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENMODELS_HOME", str(tmp_path / "home"))


@pytest.fixture
def shapes(hub: Hub) -> Hub:
    """Two tables to learn from, sorted by kind, and one to test with."""
    files = {f"data/train-{n:05}-of-00002.parquet": made.shapes(n * 200, 200) for n in (0, 1)}
    files |= {"data/test-00000-of-00001.parquet": made.shapes(900, 30), "README.md": made.CARD}
    hub.put("ada/shapes", files, kind="dataset")
    hub.clear()
    return hub


def put(hub: Hub, files: dict[str, bytes], card: bytes = made.CARD, **how: Any) -> Address:
    hub.put("ada/shapes", {"README.md": card, **files}, kind="dataset", **how)
    return SHAPES


def got(into: pathlib.Path, address: Address = SHAPES, token: str | None = None, **choice: Any) -> list[Event]:
    """All events of a fetch."""
    return list(fetch(address, Choice(**choice), token, into))


def archive(into: pathlib.Path) -> dict[str, bytes]:
    """Name -> bytes of what lies in the ZIP."""
    (path,) = into.glob("*.zip")
    with zipfile.ZipFile(path) as file:
        assert all(info.compress_type == zipfile.ZIP_STORED for info in file.infolist())
        return {name: file.read(name) for name in file.namelist()}


def taken(into: pathlib.Path, home: pathlib.Path, owner: str = "") -> tuple[Sets, str]:
    """The same pictures as a set, cleaned."""
    sets = Sets(home / "sets")
    key = sets.take_hub(owner, into, "", SETTINGS)
    deadline = time.monotonic() + 20
    while sets.cleaning(owner, key).alive:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return sets, key


# ---- what it holds


def test_a_data_set_says_what_it_holds_before_any_picture_is_fetched(shapes: Hub) -> None:
    found = about(SHAPES, None)
    assert (found.repo, found.licence, found.private) == ("ada/shapes", "cc-by-4.0", False)
    assert found.commit == shapes.repo("ada/shapes", "dataset").branches["main"].id
    assert [(split.name, split.files, split.pictures) for split in found.splits] == [("train", 2, 400), ("test", 1, 30)]
    assert found.image_columns == ("image",)
    assert found.label_columns[0].kinds == made.KINDS
    seen = dataset_views.about(found)
    assert "cc-by-4.0" in seen
    assert "400 pictures" in seen
    assert "circle, square, star, leaf" in seen


def test_what_its_card_says_goes_before_what_its_files_are_called(hub: Hub) -> None:
    card = """---
license: [mit]
configs:
- config_name: large
  data_files: [{split: train, path: big/*}]
- config_name: small
  default: true
  data_files:
  - {split: train, path: small/one.parquet}
  - {split: test, path: ["small/t*.parquet"]}
dataset_info:
- config_name: small
  features:
  - {name: label, dtype: {class_label: {names: {'0': zero, '1': one}}}}
  splits: [{name: train, num_examples: 77}]
---
"""
    files = {
        name: made.written(made.table([made.picture(1)], [1]))
        for name in ("big/a.parquet", "small/one.parquet", "small/two.parquet")
    }
    found = about(put(hub, files, card.encode()), None)
    assert [split.name for split in found.splits] == ["small/train", "small/test", "large/train"]
    assert found.licence == "mit"
    assert found.split("small/train").pictures == 77
    assert found.labels("label").kinds == ("zero", "one")


def test_picture_files_in_folders(hub: Hub, tmp_path: pathlib.Path) -> None:
    files = {
        f"train/{kind}/{n}.png": made.picture(n + 50 * place)
        for place, kind in enumerate(("cat", "dog"))
        for n in range(30)
    }
    put(hub, {**files, "test/cat/1.png": made.picture(7), "notes.txt": b"x"})
    found = about(SHAPES, None)
    assert not found.tables
    assert [(split.name, split.pictures) for split in found.splits] == [("train", 60), ("test", 1)]
    assert found.label_columns[0].kinds == ("cat", "dog")
    hub.clear()
    got(tmp_path / "in", most_pictures=20)
    names = archive(tmp_path / "in")
    assert len(names) == 20
    assert {name.split("/")[0] for name in names} == {"cat", "dog"}
    asked = [row for row in hub.log if row.path.endswith(".png")]
    assert len(asked) == 20


def test_the_copy_that_the_hub_keeps_is_read_where_there_is_no_other(hub: Hub, tmp_path: pathlib.Path) -> None:
    put(hub, {"script.py": b"..."})
    hub.put(
        "ada/shapes", {"default/train/0000.parquet": made.shapes(0, 40)}, kind="dataset", branch="refs/convert/parquet"
    )
    found = about(SHAPES, None)
    assert found.converted
    assert found.splits[0].pictures == 40
    got(tmp_path / "in")
    assert len(archive(tmp_path / "in")) == 40
    source = json.loads((tmp_path / "in" / "source.json").read_text())
    assert source["dataset"]["commit"] == hub.repo("ada/shapes", "dataset").branches["main"].id


def test_some_of_its_pictures_are_shown_before_for_little(shapes: Hub) -> None:
    sheet = made.Image.open(io.BytesIO(glimpse(SHAPES, None)))
    assert sheet.size[0] > sheet.size[1] > 50
    large = made.written(made.table([made.np.random.default_rng(n).bytes(90_000) for n in range(200)], [0] * 200), 200)
    put(shapes, {"data/train-00000-of-00002.parquet": large, "data/train-00001-of-00002.parquet": None})
    shapes.clear()
    assert glimpse(SHAPES, None) == b""


def test_a_hostile_picture_is_not_shown(hub: Hub) -> None:
    bomb = io.BytesIO()
    made.Image.new("1", (9_000, 9_000)).save(bomb, "PNG")
    rows = [bomb.getvalue(), b"<svg onload=alert(1)>", made.picture(1)[:99], b""] * 5
    put(hub, {"train.parquet": made.written(made.table(rows, [0] * 20))})
    assert glimpse(SHAPES, None) == b""


# ---- getting them


def test_pictures_come_from_all_over_it_with_their_kinds(shapes: Hub, tmp_path: pathlib.Path) -> None:
    events = got(tmp_path / "in", most_pictures=40)
    files = archive(tmp_path / "in")
    assert len(files) == 40
    assert {name.split("/")[0] for name in files} == set(made.KINDS)
    originals = {made.picture(n): made.KINDS[n % 200 * 4 // 200] for n in range(400)}
    assert all(originals[data] == name.split("/")[0] for name, data in files.items())
    assert isinstance(events[0], Progress)
    assert isinstance(events[-1], Finished)
    assert events[-1].facts["n"] == 40
    assert not any(
        row.path.startswith("/datasets/ada/shapes/resolve") and "test-" in row.path for row in shapes.log[20:]
    )


def test_a_few_of_many_pictures_cost_a_part_of_the_bytes(hub: Hub, tmp_path: pathlib.Path) -> None:
    files = {f"train-{n}.parquet": made.shapes(n * 2000, 1000, group=100) for n in range(3)}
    put(hub, files)
    whole = sum(map(len, files.values()))
    found = about(SHAPES, None)
    expected = dataset_rows.cost(found, found.splits[0], 300, 3e8)
    event = got(tmp_path / "in", most_pictures=300)[-1]
    assert event.facts["n"] == 300
    fetched = event.facts["mb"] * 1e6
    assert fetched < 0.7 * whole  # sixteen places, so that every kind is among them
    assert 0.6 * expected < fetched < 1.4 * expected


def test_a_limit_on_bytes_ends_it_and_is_said(
    hub: Hub, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genmodels.hub.remote.SLACK", 0)
    put(hub, {"train.parquet": made.shapes(0, 400, group=20)})
    events = got(tmp_path / "in", most_megabytes=1)
    said = [event for event in events if isinstance(event, Problem)]
    assert said[0].name == "limit"
    assert 10 < events[-1].facts["n"] < 400
    assert events[-1].facts["mb"] <= 1.1


def test_pieces_larger_than_the_limit_are_not_begun(hub: Hub, tmp_path: pathlib.Path) -> None:
    pictures = [
        made.picture(n) + bytes(40_000 * (n % 2)) + made.np.random.default_rng(n).bytes(60_000) for n in range(160)
    ]
    put(hub, {"train.parquet": made.written(made.table(pictures, [0] * 160), 160, compression="none")})
    hub.clear()
    with pytest.raises(Trouble, match="pieces of more than 1 MB"):
        got(tmp_path / "in", most_megabytes=1)
    assert not list(tmp_path.glob("in*"))


def test_closing_it_stops_the_download_and_leaves_nothing(hub: Hub, tmp_path: pathlib.Path) -> None:
    put(hub, {"train.parquet": made.shapes(0, 600, group=20)})
    hub.fault(Fault(match="GET /lfs", times=1000, pace=150_000))
    events = fetch(SHAPES, Choice(), None, tmp_path / "in")
    for event in events:
        if isinstance(event, Progress) and event.images:
            break
    assert event.remaining is not None
    events.close()
    time.sleep(0.4)
    asked = len(hub.log)
    time.sleep(0.6)
    assert len(hub.log) == asked
    assert not list(tmp_path.glob("in*"))


# ---- the set, and every model that learns from it


def test_a_set_knows_where_it_is_from_and_so_does_a_model(shapes: Hub, tmp_path: pathlib.Path) -> None:
    got(tmp_path / "in", most_pictures=48)
    sets, key = taken(tmp_path / "in", tmp_path)
    card = sets.find("", key)
    commit = shapes.repo("ada/shapes", "dataset").branches["main"].id
    assert card.title == "shapes"
    assert card.origin == f"ada/shapes on the Hugging Face Hub, split train, commit {commit[:7]}"
    assert card.licence == "cc-by-4.0"
    assert card.classes == tuple(sorted(made.KINDS))
    sets.decide("", key, {sets.cleaning("", key).kept[0].name: False})
    while sets.cleaning("", key).alive:
        time.sleep(0.05)
    again = sets.open("", key)
    assert len(again) == 47
    assert again.dataset == {
        "id": "ada/shapes",
        "commit": commit,
        "split": "train",
        "label": "label",
        "most": 48,
        "of": 400,
        "private": False,
    }
    trained = facts(again, 10, 1.0)
    assert trained["dataset"]["id"] == "ada/shapes"
    assert trained["licence"] == "cc-by-4.0"


def test_too_few_of_the_hub_are_not_joined_with_ones_own_pictures(hub: Hub, tmp_path: pathlib.Path) -> None:
    put(hub, {"train.parquet": made.shapes(0, 8)})
    got(tmp_path / "in")
    sets, key = taken(tmp_path / "in", tmp_path)
    assert isinstance(sets.cleaning("", key).end, Failed)
    own = tmp_path / "own.png"
    own.write_bytes(made.picture(1))
    assert sets.take("", [str(own)], "", SETTINGS) != key


def test_from_a_terminal(shapes: Hub, tmp_path: pathlib.Path, capfd: pytest.CaptureFixture) -> None:
    folder = terminal.taken_in("hub:ada/shapes", ["size=28"], {"most_pictures": 32, "split": "test", "label": ""})
    pictures = ImageSet.open(pathlib.Path(folder))
    assert pictures.origin.startswith("ada/shapes on the Hugging Face Hub, split test")
    assert pictures.classes == ()
    assert len(pictures) == 30
    assert terminal.taken_in(folder, []) == folder
    with pytest.raises(Trouble, match="has no nothing; it has train, test"):
        terminal.taken_in("hub:ada/shapes", [], {"split": "nothing"})


# ---- faults


def test_faults_are_one_sentence_and_pressing_again_works(shapes: Hub, tmp_path: pathlib.Path) -> None:
    tables = "GET .*parquet|GET /lfs"
    for fault, sentence in (
        (Fault(match=tables, times=9, status=429, headers={"Retry-After": "77"}), "Wait 77 seconds"),
        (Fault(match=tables, times=9, status=503), "trouble of its own"),
        (Fault(match=tables, times=99, cut_download=100, reset=True), "was cut"),
        (Fault(match="GET /api/datasets", times=9, status=403, body={"error": "<b>no</b>"}), "does not allow"),
    ):
        shapes.fault(fault)
        with pytest.raises(Trouble, match=sentence):
            got(tmp_path / "in")
        assert not list(tmp_path.glob("in*"))
        shapes.clear()
    assert got(tmp_path / "in", most_pictures=20)[-1].facts["n"] == 20


def test_a_connection_that_breaks_now_and_then_is_not_noticed(shapes: Hub, tmp_path: pathlib.Path) -> None:
    shapes.fault(Fault(match="GET /lfs", times=1, cut_download=3000, reset=True))
    shapes.fault(Fault(match="GET .*parquet", times=1, status=429, headers={"Retry-After": "0"}))
    assert got(tmp_path / "in", most_pictures=20)[-1].facts["n"] == 20


def test_private_gated_missing_and_silent(hub: Hub, tmp_path: pathlib.Path) -> None:
    ada = hub.token("ada")
    hub.put("ada/secret", {"train.parquet": made.shapes(0, 20)}, kind="dataset", private=True)
    hub.put("ada/closed", {"train.parquet": made.shapes(0, 20)}, kind="dataset", gated="auto")
    secret = Address("ada/secret", kind="dataset")
    for address, sentence in (
        (secret, "There is no ada/secret on the Hub, or it is private"),
        (Address("ada/nothing", kind="dataset"), "There is no ada/nothing"),
        (Address("ada/closed", kind="dataset"), "has conditions"),
        (Address("ada/closed", "v9", "dataset"), "."),
    ):
        with pytest.raises(Trouble, match=sentence):
            got(tmp_path / "in", address)
    assert about(secret, ada).private
    got(tmp_path / "in", secret, ada)
    told = json.loads((tmp_path / "in" / "source.json").read_text())
    assert told["dataset"]["private"]
    assert ada not in json.dumps(told)
    at_the_cdn = [row for row in hub.log if row.path.startswith("/lfs")]
    assert at_the_cdn
    assert all(row.authorised is None for row in at_the_cdn)
    hub.down()
    begun = time.monotonic()
    with pytest.raises(Trouble, match="does not answer"):
        about(secret, ada)
    assert time.monotonic() - begun < 2


def test_nobody_is_not_the_owner_of_this_machine(
    shapes: Hub, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", shapes.token("ada"))
    got(tmp_path / "in", most_pictures=20)
    assert shapes.log
    assert all(row.authorised is None for row in shapes.log)


# ---- whatever lies there


def test_what_holds_no_pictures_says_so(hub: Hub) -> None:
    words = made.pa.table({"text": ["a", "b"], "label": [0, 1]})
    for files, sentence in (
        ({"train.parquet": made.written(words)}, "no pictures in ada/shapes"),
        ({"train.parquet": None, "texts.csv": b"a,b"}, "no pictures in ada/shapes"),
        ({"pictures.zip": b"PK"}, "in archives"),
        ({"train.parquet": b"PAR1 this is no table PAR1"}, "is damaged"),
        ({"train.parquet": Claimed(b"PAR1", 5_000_000_000)}, r"not what it says|damaged"),
    ):
        put(hub, files)
        with pytest.raises(Trouble, match=sentence):
            about(SHAPES, None)


def test_addresses_instead_of_pictures_and_things_that_are_none(hub: Hub, tmp_path: pathlib.Path) -> None:
    address = {"bytes": None, "path": "https://elsewhere.example/1.png"}
    put(hub, {"train.parquet": made.written(made.table([address] * 20, [0] * 20))})
    with pytest.raises(Trouble, match="only the addresses"):
        got(tmp_path / "in")
    put(hub, {"train.parquet": made.written(made.table([b"MZ program"] * 20, [0] * 20))})
    with pytest.raises(Trouble, match="What lies in image of ada/shapes are no pictures"):
        got(tmp_path / "in")
    assert not any("elsewhere" in row.host for row in hub.log)


def test_what_is_no_picture_among_pictures_is_refused_in_the_report(hub: Hub, tmp_path: pathlib.Path) -> None:
    bomb = io.BytesIO()
    made.Image.new("1", (20_000, 20_000)).save(bomb, "PNG")
    odd = [b"<script>alert(1)</script>", made.picture(3)[:200], b"PK\x03\x04 zip", bomb.getvalue(), b""]
    pictures = [*(made.picture(n) for n in range(30)), *odd]
    put(hub, {"train.parquet": made.written(made.table(pictures, [0] * 35))})
    got(tmp_path / "in")
    sets, key = taken(tmp_path / "in", tmp_path)
    report = sets.cleaning("", key)
    assert len(report.kept) == 30
    assert len(report.refused) == 4  # the empty one was never a file
    assert "<script>" not in set_views.cleaning(report)


def test_labels_are_names_of_folders_and_nothing_else(hub: Hub, tmp_path: pathlib.Path) -> None:
    names = ("<img src=x onerror=alert(1)>", "../../evil", "C:\\evil", "__MACOSX", ".hidden", "a/b", "a b", "x" * 500)
    labels = [n % len(names) for n in range(64)]
    put(hub, {"train.parquet": made.written(made.table([made.picture(n) for n in range(64)], labels, names))})
    found = dataset_views.about(about(SHAPES, None))
    assert "<img" not in found
    assert "&lt;img" in found
    got(tmp_path / "in")
    folders = {name.rpartition("/")[0] for name in archive(tmp_path / "in")}
    assert len(folders) == len(names)
    for folder in folders:
        assert folder == folder.strip(". ")
        assert not set(folder) & set("/\\:")
        assert 0 < len(folder) <= 70
    sets, key = taken(tmp_path / "in", tmp_path)
    assert len(sets.find("", key).classes) == len(names)
    assert "<img src=x" not in set_views.sets(sets.all(""), key)
    assert {path.name for path in tmp_path.iterdir()} <= {"home", "sets"}


def test_a_table_that_claims_more_than_it_has(hub: Hub, tmp_path: pathlib.Path) -> None:
    good = made.shapes(0, 40)
    for size in (len(good) + 10_000_000, 5_000_000_000):
        put(hub, {"train.parquet": Claimed(good, size)})
        with pytest.raises(Trouble, match=r"not what it says|damaged"):
            got(tmp_path / "in")
    put(hub, {"train.parquet": None, "train/a/1.png": Claimed(made.picture(1), 90_000_000)})
    hub.clear()
    with contextlib.suppress(Trouble):
        got(tmp_path / "in")
    assert not any(row.path.startswith("/lfs") for row in hub.log)
    assert not list(tmp_path.glob("in*"))


def test_a_card_that_makes_no_sense_costs_nothing(hub: Hub, tmp_path: pathlib.Path) -> None:
    card = b"---\nlicense: {a: 1}\nconfigs: 7\ndataset_info: [[], {features: x, splits: {}}, 3]\n---\n"
    put(hub, {"train.parquet": made.shapes(0, 20)}, card)
    found = about(SHAPES, None)
    assert (found.licence, found.splits[0].pictures) == ("", 20)
    assert "Ask its owners" in dataset_views.about(found)


def test_all_kinds_come_from_a_table_that_is_sorted_and_in_one_piece(hub: Hub, tmp_path: pathlib.Path) -> None:
    pictures = [b"\x89PNG" + made.np.random.default_rng(n).bytes(300) for n in range(9000)]
    names = tuple(f"kind {n}" for n in range(9))
    rows = made.table(pictures, [n // 1000 for n in range(9000)], names)
    put(hub, {"train.parquet": made.written(rows, 9000)})
    got(tmp_path / "in", most_pictures=90)
    files = archive(tmp_path / "in")
    assert len(files) == 90
    assert {name.split("/")[0] for name in files} == set(names)
    assert all(f"kind {pictures.index(data) // 1000}" == name.split("/")[0] for name, data in files.items())


@pytest.mark.parametrize(("cheap", "least", "most"), [(40_000_000, 0.9, 1.1), (1_000_000, 0.3, 0.5)])
def test_of_one_large_piece_all_is_fetched_where_that_is_cheap_else_its_beginning(
    hub: Hub, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, cheap: int, least: float, most: float
) -> None:
    monkeypatch.setattr(dataset_rows, "CHEAP", cheap)
    pictures = [b"\x89PNG" + made.np.random.default_rng(n).bytes(3000) for n in range(3000)]
    data = made.written(made.table(pictures, [n // 300 for n in range(3000)]), 3000)
    put(hub, {"train.parquet": data})
    found = about(SHAPES, None)
    expected = dataset_rows.cost(found, found.splits[0], 900, 3e8)
    event = got(tmp_path / "in", most_pictures=900)[-1]
    fetched = event.facts["mb"] * 1e6
    assert event.facts["n"] == 900
    assert least * len(data) < fetched < most * len(data)
    assert 0.8 * expected < fetched < 1.25 * expected
    places = [pictures.index(each) for each in archive(tmp_path / "in").values()]
    assert max(places) > 2900 if cheap > len(data) else max(places) == 899


def test_large_pieces_are_not_fetched_only_to_see_more_kinds() -> None:
    rows = [1000] * 50  # of pictures of 100 KB: 100 MB a piece
    assert dataset_rows.visits(rows, 2000, 10, 100_000, 3e8) == 3
    assert dataset_rows.visits(rows, 2000, 10, 2_000, 3e8) == 16
    assert dataset_rows.visits([100] * 500, 2000, 10, 100_000, 3e8) == 20


def test_rows_are_spread_and_add_up() -> None:
    for rows, most, places in (
        ([100] * 500, 2000, 16),
        ([50_000], 2000, 16),
        ([10] * 30, 1000, 16),
        ([7, 0, 900], 60, 16),
    ):
        shares = dataset_rows.shared(rows, most, places)
        assert sum(shares) == min(most, sum(rows))
        assert all(share <= row for share, row in zip(shares, rows, strict=True))
    shares = dataset_rows.shared([100] * 500, 2000, 16)
    assert sum(share > 0 for share in shares) == 20  # whole groups: no page is fetched for a part of it
    assert max(n for n, share in enumerate(shares) if share) > 470


def test_strange_tables_are_looked_at_by_a_process_with_a_limit(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    put(hub, {"train.parquet": made.shapes(0, 40)}, private=True)
    token = hub.token("ada")
    assert asking.told_about(SHAPES, token) == about(SHAPES, token)
    assert asking.sheet(SHAPES, token) == glimpse(SHAPES, token)
    with pytest.raises(Trouble, match="There is no ada/shapes"):
        asking.told_about(SHAPES, None)
    monkeypatch.setattr(asking, "PATIENCE", 0.1)
    with pytest.raises(Trouble, match="does not answer") as caught:
        asking.told_about(SHAPES, token)
    assert token not in "".join(traceback.format_exception(caught.value))
