"""Whatever people drop on the page: good pictures come in, bad ones are listed with a reason, nothing else happens."""

import pathlib
import subprocess
import sys
import time
import warnings
import zipfile

import numpy as np
import pytest
from hostile_files import encoded, orientation, picture, transparent
from PIL import Image

from genmodels import images
from genmodels.data import intake, selection, sources
from genmodels.data.imageset import ImageSet
from genmodels.data.intake import Intake
from genmodels.events import Failed, Finished, Judged, Preview, Problem, Progress, Trouble
from genmodels.runs.order import pictures_of


def run(*given, into, **options):
    """All events of a `take`, and the judgements by name."""
    choices = options.pop("intake", Intake())
    events = list(intake.take([pathlib.Path(source) for source in given], choices, into, **options))
    return events, {event.name: event for event in events if isinstance(event, Judged)}


def test_the_stream_tells_how_far_it_is_and_shows_what_it_keeps(tmp_path):
    (tmp_path / "in").mkdir()
    for seed in range(20):
        (tmp_path / "in" / f"{seed}.png").write_bytes(encoded(picture(seed)))
    events, judged = run(tmp_path / "in", into=tmp_path / "set")
    assert list(judged) == [f"in/{seed}.png" for seed in range(20)]  # natural order
    fractions = [event.fraction for event in events if isinstance(event, Progress)]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert any(isinstance(event, Preview) and event.pixels.shape[1:] == (64, 64, 3) for event in events)
    assert any(isinstance(event, Problem) and event.name == "few" for event in events)  # 20 pictures: what to expect


def test_too_few_pictures_are_answered_with_what_to_expect(tmp_path):
    files = [tmp_path / f"{seed}.png" for seed in range(17)]
    for seed, file in enumerate(files):
        file.write_bytes(encoded(picture(min(seed, 14))))
    events, judged = run(*files, into=tmp_path / "set")
    assert isinstance(events[-1], Failed)
    assert events[-1].facts["kept"] == 15
    assert "16" in str(events[-1].facts)
    assert not (tmp_path / "set/set.json").exists()
    assert (tmp_path / "set/judged.jsonl").exists()
    copies = [name for name, event in judged.items() if event.reason == "duplicate"]
    events, judged = run(*files, into=tmp_path / "set", decisions={copies[0]: True})  # a person decides otherwise
    assert isinstance(events[-1], Finished)
    assert judged[copies[0]].kept
    events, judged = run(*files, into=tmp_path / "set", decisions={"0.png": False})
    assert isinstance(events[-1], Failed)
    assert judged["0.png"].reason == "decided"
    assert len(ImageSet.open(tmp_path / "set")) == 16  # the older set is still there


def test_a_refusal_says_whether_it_can_be_reversed_and_where_its_picture_is(tmp_path):
    for seed in range(16):
        (tmp_path / f"{seed}.png").write_bytes(encoded(picture(seed)))
    (tmp_path / "tiny.png").write_bytes(encoded(Image.new("RGB", (6, 6), "red")))
    (tmp_path / "torn.png").write_bytes(b"")
    _, judged = run(*sorted(tmp_path.glob("*.png")), into=tmp_path / "set")
    assert judged["tiny.png"].facts["can_keep"] is True
    assert judged["torn.png"].facts["can_keep"] is False
    assert "thumb" not in judged["torn.png"].facts
    sheet = images.open_pixels(tmp_path / "set/refused.webp", 3)
    thumb = images.ungrid(sheet, 48, 1)[judged["tiny.png"].facts["thumb"]]
    assert thumb[24, 24].argmax() == 0
    assert thumb[24, 24, 0] > 200


@pytest.mark.parametrize("zipped", [False, True])
def test_labels_come_from_folders(tmp_path, zipped):
    for kind, first in [("cats", 0), ("dogs", 100)]:
        (tmp_path / "pets" / kind).mkdir(parents=True)
        for seed in range(10):
            (tmp_path / "pets" / kind / f"{seed}.png").write_bytes(encoded(picture(first + seed)))
    source = tmp_path / "pets"
    if zipped:
        source = tmp_path / "pets.zip"
        with zipfile.ZipFile(source, "w") as archive:
            for file in (tmp_path / "pets").rglob("*.png"):
                archive.write(file, file.relative_to(tmp_path))
    run(source, into=tmp_path / "set")
    pictures = ImageSet.open(tmp_path / "set")
    assert pictures.classes == ("cats", "dogs")
    assert pictures.flip
    assert all(("dogs" in name) == bool(label) for name, label in zip(pictures.names, pictures.labels, strict=True))
    run(source, into=tmp_path / "set", intake=Intake(labels="off"))
    assert ImageSet.open(tmp_path / "set").labels is None
    (tmp_path / "pets" / "loose.png").write_bytes(encoded(picture(999)))
    run(tmp_path / "pets", into=tmp_path / "set")  # not every picture lies in a folder: no kinds by itself
    assert ImageSet.open(tmp_path / "set").classes == ()
    run(tmp_path / "pets" / "cats", tmp_path / "pets" / "dogs", into=tmp_path / "set")
    assert ImageSet.open(tmp_path / "set").classes == ("cats", "dogs")


@pytest.mark.parametrize(("side", "expected"), [(28, 28), (20, 28), (40, 32), (64, 64), (500, 64)])
def test_the_size_is_chosen_by_what_is_there(tmp_path, side, expected):
    pictures = [picture(seed, side, side) for seed in range(16)]
    list(intake.from_arrays(pictures, None, Intake(), tmp_path / "set"))
    chosen = ImageSet.open(tmp_path / "set")
    assert chosen.format.size == expected
    if side == expected:
        assert np.array_equal(chosen.images[3], np.asarray(pictures[3]))  # untouched where nothing needs to be done


def test_grey_is_found_by_itself_and_colour_can_be_chosen(tmp_path):
    grey = [np.asarray(picture(seed).convert("L")) for seed in range(16)]
    list(intake.from_arrays(grey, None, Intake(), tmp_path / "set"))
    assert ImageSet.open(tmp_path / "set").format.channels == 1
    assert not ImageSet.open(tmp_path / "set").flip
    list(intake.from_arrays(grey, None, Intake(colour="colour"), tmp_path / "set"))
    assert ImageSet.open(tmp_path / "set").format.channels == 3
    mixed = [picture(seed) if seed == 3 else grey[seed] for seed in range(16)]
    list(intake.from_arrays([np.asarray(one) for one in mixed], None, Intake(), tmp_path / "set"))
    assert ImageSet.open(tmp_path / "set").format.channels == 3


def test_drawings_come_with_their_labels(tmp_path):
    drawings = [picture(seed) for seed in range(20)]
    list(intake.from_arrays(drawings, ["a"] * 10 + ["b"] * 10, Intake(), tmp_path / "set", name="mine"))
    pictures = ImageSet.open(tmp_path / "set")
    assert pictures.classes == ("a", "b")
    assert pictures.name == "mine"
    assert not pictures.flip


def decoded(tmp_path, data, **choices):
    """One picture as the set holds it, uint8 [h, w, 3], among others that make up the number."""
    files = [tmp_path / f"{seed}.png" for seed in range(16)]
    for seed, file in enumerate(files):
        file.write_bytes(data if seed == 0 else encoded(picture(seed)))
    events, _ = run(*files, into=tmp_path / "set", intake=Intake(**{"size": "64", "colour": "colour", **choices}))
    assert isinstance(events[-1], Finished)
    return ImageSet.open(tmp_path / "set").images[0].astype(int)


def test_pictures_are_turned_upright(tmp_path):
    upright = picture(77, 64, 64)
    sideways = upright.transpose(Image.Transpose.ROTATE_90)
    data = encoded(sideways, "PNG", exif=orientation(6))
    assert np.array_equal(decoded(tmp_path, data), np.asarray(upright))


@pytest.mark.parametrize(("background", "level"), [("white", 255), ("grey", 128), ("black", 0)])
def test_transparency_lies_on_the_chosen_background(tmp_path, background, level):
    pixels = decoded(tmp_path, encoded(transparent(3)), background=background, fit="fit")
    assert (pixels[10:50, 40:] == level).all()
    assert (pixels[:2] == level).all()


def test_16_bits_keep_their_scale(tmp_path):
    ramp = np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)
    pixels = decoded(tmp_path, encoded(Image.fromarray(ramp)))
    assert abs(pixels[..., 0] - ramp / 257).max() <= 1


def test_smart_keeps_the_part_with_most_to_see(tmp_path):
    wide = Image.new("RGB", (300, 100), "white")
    wide.paste(picture(5, 100, 100), (200, 0))
    smart = decoded(tmp_path, encoded(wide))
    assert abs(smart - np.asarray(picture(5, 100, 100).resize((64, 64)))).mean() < 12
    assert (decoded(tmp_path, encoded(wide), fit="fit")[0] == 255).all()
    middle = images.square(wide, 64, "crop")
    assert np.asarray(middle).std() < 2


def test_different_small_drawings_are_not_taken_for_copies(tmp_path):
    from genmodels.data import starters

    digits = starters.open("digits").images[:300]
    events = list(intake.from_arrays(list(digits), None, Intake(), tmp_path / "set"))
    assert events[-1].facts["kept"] == 300
    assert np.array_equal(ImageSet.open(tmp_path / "set").images, digits)  # 28 pixels, grey: exactly as they were


def test_a_locked_zip_and_chinese_names_of_windows(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("locked.png", encoded(picture(1)))
    data = bytearray(path.read_bytes())
    place = data.index(b"PK\x01\x02")
    data[place + 8] |= 1
    path.write_bytes(data)
    _, judged = run(path, into=tmp_path / "set")
    assert judged["a.zip/locked.png"].reason == "locked"
    member = zipfile.ZipInfo("我的照片".encode("gbk").decode("cp437"))
    member.flag_bits = 0
    assert sources._name(member) == "我的照片"


def test_importing_intake_imports_no_torch_and_no_scipy():
    code = "import sys, genmodels.data.intake; assert not {'torch', 'scipy', 'imagehash'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_grey_set_leaves_nothing_behind_but_the_set(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for seed in range(16):
        (folder / f"{seed}.png").write_bytes(encoded(picture(seed).convert("L")))
    run(folder, into=tmp_path / "set")
    left = {file.name for file in (tmp_path / "set").iterdir()}
    assert left == {"set.json", "images.npy", "held_out.npy", "judged.jsonl"}


def test_numbered_kinds_are_in_the_order_of_their_numbers_and_not_more_than_a_model_can_have():
    folders = [str(number) for number in range(1, 13) for _ in range(4)]
    labels, classes = selection._labels(folders, "auto")
    assert classes == tuple(str(number) for number in range(1, 13))
    assert [classes[label] for label in labels] == folders
    assert selection._labels([str(number) for number in range(1_001)], "on") == (None, ())


def test_a_zip_full_of_one_name_is_listed_in_no_time(tmp_path):
    with zipfile.ZipFile(tmp_path / "same.zip", "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(20_000):
            archive.writestr("a.png", b"")
    start = time.monotonic()
    found = sources.find([tmp_path / "same.zip"])
    assert len({item.name for item in found}) == 20_000
    assert time.monotonic() - start < 10  # trying each name from 2 on took more than twice that, minutes for 50,000


@pytest.mark.parametrize(("file", "content"), [("held_out.npy", b""), ("set.json", b"[]"), ("images.npy", b"\x93NUM")])
def test_a_damaged_set_is_said_in_a_sentence(tmp_path, file, content):
    ImageSet(np.zeros((16, 28, 28, 1), np.uint8)).save(tmp_path / "set")
    (tmp_path / "set" / file).write_bytes(content)
    with pytest.raises(Trouble, match="not on the disk any more"):
        pictures_of({"set": str(tmp_path / "set")})
