"""The model card: what the Hub reads at its head, what a person reads below, code that runs, and hands on the page."""

from __future__ import annotations

import json
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

import numpy as np
import pytest
from huggingface_hub import ModelCard

from genmodels import card
from genmodels.checkpoint import Checkpoint
from genmodels.evaluation.result import Evaluation, Number, Protocol
from genmodels.events import Trouble
from genmodels.hub import page

SHIPPED = pathlib.Path(__file__).resolve().parents[1] / "checkpoints"
MEASURED = Evaluation(
    model="Digits (GAN)",
    protocol=Protocol(features="studio-1", made=1000, real=1000, set="Handwritten digits", fingerprint="abc"),
    numbers=(Number(name="frechet", value=4.512, low=4.2, high=4.9, better="lower", reference=3.4, band="5 draws"),),
)


@pytest.fixture
def folder(tmp_path) -> pathlib.Path:
    """A model of ours, with an evaluation."""
    shutil.copytree(SHIPPED / "digits-gan", tmp_path / "digits-gan")
    MEASURED.save(tmp_path / "digits-gan")
    card.write(tmp_path / "digits-gan")
    return tmp_path / "digits-gan"


def test_the_hub_finds_tags_licence_and_measured_numbers(folder) -> None:
    data = ModelCard.load(folder / "README.md").data
    assert data.library_name == "genmodels"
    assert {"genmodels", "gan", "unconditional-image-generation"} <= set(data.tags)
    assert data.license == "cc-by-sa-3.0"
    (result,) = data.eval_results
    assert (result.metric_type, result.metric_value) == ("frechet", 4.512)
    assert result.metric_args["features"] == "studio-1"


def test_a_person_reads_what_it_learned_from_and_how_good_it_is(folder) -> None:
    text = (folder / "README.md").read_text(encoding="utf-8")
    trained = Checkpoint.open(folder).trained
    assert f"{trained['pictures']:,} of them" in text
    assert f"{trained['images']:,} pictures" in text
    assert re.search(r"\| frechet: [^|]+ \| 4.512 \| 4.2 to 4.9 \| 3.4 \|", text)
    assert "FID" not in text
    assert "Measured, but not for realism and variety." in text
    judged = card.card(*card.known(SHIPPED / "digits-vae"))
    assert "\n\nRealistic and varied: as good as this measure can tell.\n\n" in judged
    assert "- Did it copy? No: its pictures are no nearer" in judged
    for picture in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", text):
        assert (folder / picture).exists()


def test_the_code_on_the_card_runs_as_printed(folder) -> None:
    code = re.search(r"```python\n(.*?)```", (folder / "README.md").read_text(encoding="utf-8"), re.DOTALL).group(1)
    done = subprocess.run(
        [sys.executable, "-c", code + "\nprint(tuple(images.shape))"],
        cwd=folder.parent,
        env={"PYTHONPATH": str(SHIPPED.parent), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "(16, 1, 28, 28)", done.stderr


def test_the_command_on_the_card_is_one_that_the_terminal_takes(folder, monkeypatch) -> None:
    from genmodels import __main__ as terminal
    from genmodels.runs import Run

    words = (
        re.search(r"```sh\npython -m (.*?)\n```", (folder / "README.md").read_text(encoding="utf-8")).group(1).split()
    )
    asked: dict = {}
    monkeypatch.setattr(
        Run, "create", classmethod(lambda cls, root, order, *rest, **more: asked.update(order) or 1 / 0)
    )
    with pytest.raises(ZeroDivisionError):
        terminal.main(words[1:])
    trained = Checkpoint.open(folder).trained
    assert asked["set"] == trained["set"]
    assert asked["plan"]["budget"] == trained["images"]
    assert asked["options"]["ema"] == Checkpoint.open(folder).options["ema"]


HOSTILE = (
    "<script>alert(1)</script>\n# heading",
    "[x](http://bad.example) ![y](https://bad.example/p.png)",
    "https://bad.example www.bad.example @somebody",
    "| cell | *bold* _under_ ~~gone~~ `code` $x^2$ &lt;b&gt;",
    "--- \nlicense: gpl-3.0\n---",
    "```\nrm -rf ~\n``` $(rm -rf ~) '; rm -rf ~ #",
)


def hostile(folder, text) -> str:
    """The page of a model whose every word that people can choose is this one."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config["name"], config["size"] = text[:100], text
    config["classes"] = [text[:190] + str(number) for number in range(10)]
    config["options"] |= {"loss": text, text: text}
    config["trained"] |= {key: text for key in ("set", "origin", "licence", "hardware", "with")}
    config["trained"]["plan"] = {"unit": text, "seed": text, text: text}
    config["trained"]["dataset"] = {"id": text, "commit": text, "split": text, "label": text, "private": False}
    config["trained"]["cleaned"] = {text: 1, "duplicate": 2}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    protocol = MEASURED.protocol.model_copy(update={"features": text, "set": text})
    number = MEASURED.numbers[0].model_copy(update={"name": text, "by": text})
    MEASURED.model_copy(update={"protocol": protocol, "numbers": (number,)}).save(folder)
    return card.card(*card.known(folder), consent=text)


@pytest.mark.parametrize("text", HOSTILE)
def test_words_of_people_are_shown_as_text(folder, text) -> None:
    from markdown_it import MarkdownIt

    page = hostile(folder, text).split("\n---\n", 1)[1]
    shown = MarkdownIt("commonmark", {"html": True, "linkify": False}).enable(["table", "strikethrough"]).parse(page)
    inside = [token for block in shown for token in (block, *(block.children or ()))]
    kinds = {token.type for token in inside}
    assert not kinds & {"html_block", "html_inline", "link_open", "s_open", "strong_open", "em_open"}
    assert {token.attrGet("src") for token in inside if token.type == "image"} == {"samples.webp", "timelapse.webp"}
    assert [token.tag for token in shown if token.type == "heading_open"] == ["h1"] + ["h2"] * 6
    assert [token.info for token in shown if token.type == "fence"] == ["python", "sh"]
    words = [token.content for token in inside if token.type == "text"]
    assert not [word for word in words if re.search(r"https?://|www\.|@\w", word)]
    title = "".join(token.content for token in shown[1].children)
    assert title.replace("\u200b", "") == " ".join(text[:100].split())


@pytest.mark.parametrize("text", HOSTILE)
def test_the_head_and_the_command_hold_no_more_than_they_say(folder, text) -> None:
    page = hostile(folder, text)
    (folder / "README.md").write_text(page, encoding="utf-8")
    data = ModelCard.load(folder / "README.md").data
    assert data.license != "gpl-3.0"
    assert data.datasets is None
    command = re.search(r"```sh\n(.*?)\n```", page, re.DOTALL)[1]
    assert "\n" not in command
    echoed = subprocess.run(
        ["sh", "-c", command.replace("python -m genmodels", "printf '%s\\n'", 1)], capture_output=True, text=True
    )
    assert echoed.stderr == ""
    assert len(echoed.stdout.splitlines()) == len(shlex.split(command)) - 3


def test_ones_own_pictures_under_the_name_of_a_starter_set_are_not_called_that_set(folder) -> None:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config["trained"] |= {"set": "digits", "origin": "ada/digits on the Hugging Face Hub", "cleaned": {"duplicate": 3}}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    text = card.card(*card.known(folder), repo="ada/digits-gan")
    assert "- Pictures: digits," in text
    assert "- Cleaning: left out were 3 copies." in text


def test_what_a_person_chose_and_what_is_known_stand_on_the_card(folder) -> None:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    source = {"id": "ada/cats", "commit": "c" * 40, "split": "train", "label": "kind", "most": 500, "private": False}
    config["trained"] |= {"set": "Cats", "licence": "cc-by-4.0", "dataset": source, "cleaned": {"duplicate": 3}}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    text = card.card(*card.known(folder), repo="ada/cats-gan", licence="mit", consent="My cats.", onnx=True)
    (folder / "README.md").write_text(text, encoding="utf-8")
    data = ModelCard.load(folder / "README.md").data
    assert (data.license, data.datasets) == ("mit", ["ada/cats"])
    for line in (
        "- Consent: My cats.",
        "- Cleaning: left out were 3 copies.",
        "- Licence of the pictures: cc-by-4.0.",
        "This model: mit.",
        'genmodels.load("ada/cats-gan")',
        "onnxruntime.InferenceSession",
        f"--set hub:ada/cats@{'c' * 40} --split train --label kind --most 500",
    ):
        assert line in text
    config["trained"]["dataset"]["private"] = True
    config["trained"]["origin"] = "ada/cats on the Hub"
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    assert not re.search(r"ada/cats\b(?!-gan)", card.card(*card.known(folder), repo="ada/cats-gan"))


@pytest.mark.parametrize(
    ("of_pictures", "suggested"),
    [("CC0-1.0", "cc0-1.0"), ("LicenseRef-Aenigma", "other"), ("", ""), ("mine", "other"), ("mit", "mit")],
)
def test_the_licence_of_the_pictures_is_suggested(folder, of_pictures, suggested) -> None:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config["trained"]["licence"] = of_pictures
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    card.write(folder)
    assert card.suggested(Checkpoint.open(folder)) == suggested
    assert ModelCard.load(folder / "README.md").data.license == (suggested or None)


# ---- the page on the Hub and a new one become one

BASE = """---
license: mit
tags:
- genmodels
- gan
model-index:
- name: A
  results:
  - metrics: [{type: f1, value: 0.5}]
---

# Digits

A model.

## How good it is

Numbers below.

| a | b |
|---|---|
| f1 | 0.5 |

## Limits

- One.
- Two.
"""
NEW = BASE.replace("0.5", "0.9").replace("# Digits", "# Better digits").replace("- Two.", "- Two.\n- Three.")


def by_hand(*changes: tuple[str, str]) -> str:
    text = BASE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text


def test_where_nobody_wrote_the_new_card_is_taken_whole() -> None:
    assert page.merge(BASE, BASE, NEW) == NEW
    assert page.merge("", "", NEW) == NEW
    assert page.merge(BASE, BASE.replace("\n", "\r\n"), NEW) == NEW


@pytest.mark.parametrize(
    ("old", "new", "kept"),
    [
        ("## Limits", "## My story\n\nOnce.\n\n## Limits", "## My story\n\nOnce.\n\n## Limits"),
        ("Numbers below.", "Numbers below, and I like them.", "and I like them.\n\n| a | b |"),
        ("| f1 | 0.5 |", "| f1 | 0.5 |\n| mine | 3 |", "| f1 | 0.9 |\n| mine | 3 |"),
        ("- Two.", "- Two.\n- Never on Mondays.", "- Never on Mondays."),
        ("license: mit", "license: mit\nlanguage: [zh] # both", "language: [zh] # both\n"),
        ("license: mit", "license: apache-2.0", "license: apache-2.0\n"),
        ("- gan\n", "- gan\n- cute\n", "- gan\n- cute\n"),
        ("# Digits", "Hello.\n\n# Digits", "Hello.\n\n# Better digits"),
        ("A model.", "A model.\n\n```sh\n## no heading\n```", "```sh\n## no heading\n```"),
    ],
)
def test_what_was_written_by_hand_stays_beside_what_is_new(old, new, kept) -> None:
    text = page.merge(BASE, by_hand((old, new)), NEW)
    assert text.count(kept) == 1
    for fresh in ("# Better digits", "0.9", "- Three."):
        assert fresh in text
    assert "0.5" not in text
    (entry,) = page.values(page.split(text)[0])["model-index"]
    assert entry["results"] == [{"metrics": [{"type": "f1", "value": 0.9}]}]
    assert page.merge(NEW, text, NEW) == text


def test_what_was_taken_out_by_hand_stays_out() -> None:
    text = page.merge(BASE, by_hand(("\n## Limits\n\n- One.\n- Two.\n", ""), ("- gan\n", "")), NEW)
    assert "Limits" not in text
    assert "- gan" not in text


def test_where_both_changed_a_line_both_stand_there_and_a_choice_is_the_newest() -> None:
    theirs = by_hand(("| f1 | 0.5 |", "| f1 | 0.5 (wow) |"), ("license: mit", "license: apache-2.0"))
    text = page.merge(BASE, theirs, NEW.replace("license: mit", "license: cc0-1.0"))
    assert "| f1 | 0.9 |\n| f1 | 0.5 (wow) |" in text
    assert "license: cc0-1.0" in text
    assert "apache" not in text


@pytest.mark.parametrize("head", ["a: [", "- a\n- b", "a: &x [1]\nb: *x", "a: !!python/object/apply:os.system [ls]"])
def test_a_head_that_cannot_be_read_is_said(head) -> None:
    with pytest.raises(Trouble, match="cannot be read"):
        page.merge(BASE, f"---\n{head}\n---\n\n# x\n", NEW)


def test_what_cleaning_left_out_travels_with_the_pictures_to_the_card(tmp_path) -> None:
    from PIL import Image

    from genmodels.data.imageset import ImageSet
    from genmodels.data.intake import Intake, from_arrays
    from genmodels.runs.result import facts

    pictures = [np.random.default_rng(seed).integers(0, 256, (28, 28, 3), np.uint8) for seed in range(20)]
    pictures += [pictures[0], np.asarray(Image.new("RGB", (28, 28)))]
    list(from_arrays(pictures, None, Intake(), tmp_path / "set"))
    told = facts(ImageSet.open(tmp_path / "set"), 100, 1.0)
    assert told["cleaned"] == {"duplicate": 1, "blank": 1}
