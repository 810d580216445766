"""What a data set's file names and card say: splits, label names, numbers of pictures. Pure; all of it from outside."""

from __future__ import annotations

import collections
import fnmatch
import json
import re
from collections.abc import Iterator
from typing import Any

PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff")
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".rar", ".7z")
SPLITS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing", "eval", "evaluation"),
}
WORDS = {word: split for split, words in SPLITS.items() for word in words}
MOST_SPLITS, MOST_PATTERNS, MOST_NAMES, MOST_WORD = 100, 400, 10_000, 200
MOST_TABLES = 5_000  # Parquet files of one data set that are looked at
Files = dict[str, int]  # path -> bytes


def tables(files: Files, card: dict[str, Any]) -> dict[str, list[str]]:
    """Split -> its Parquet files, as the card says it or else by their names; usual splits first."""
    found = sorted(path for path in files if path.lower().endswith(".parquet") and not _hidden(path))[:MOST_TABLES]
    told = _configured(found, card)
    if not told:
        told = collections.defaultdict(list)
        for path in found:
            told[_split(path)].append(path)
    return _ordered(told)


def pictures(files: Files) -> dict[str, list[str]]:
    """Split -> its picture files; a folder called train or test is a split."""
    told: dict[str, list[str]] = collections.defaultdict(list)
    for path in sorted(files):
        if path.lower().endswith(PICTURES) and not _hidden(path):
            folders = path.lower().split("/")[:-1]
            told[next((WORDS[folder] for folder in folders if folder in WORDS), "train")].append(path)
    return _ordered(told)


def converted(files: Files) -> dict[str, list[str]]:
    """Split -> its files on the branch that the Hub's own viewer keeps: CONFIG/SPLIT/0000.parquet."""
    told: dict[str, list[str]] = collections.defaultdict(list)
    found = [path for path in sorted(files) if path.endswith(".parquet") and path.count("/") == 2]
    several = len({path.split("/")[0] for path in found}) > 1
    for path in found:
        config, split, _ = path.split("/")
        split = split.removeprefix("partial-")
        told[f"{config}/{split}" if several else split].append(path)
    return _ordered(told)


def kind_of(path: str) -> str:
    """What a picture's folder says that it is, "" where it says nothing."""
    folders = path.split("/")[:-1]
    last = folders[-1] if folders else ""
    return "" if last.lower() in (*WORDS, "data", "images", "image", "pictures") else last


def label_names(card: dict[str, Any], notes: dict[str, str]) -> dict[str, tuple[str, ...]]:
    """Label column -> the names of its numbers, from the table's own notes and the card."""
    found: dict[str, tuple[str, ...]] = {}
    for info in _infos(card):
        for feature in _dicts(info.get("features")):
            kind = feature.get("dtype")
            label = kind.get("class_label") if isinstance(kind, dict) else None
            if isinstance(label, dict):
                found[str(feature.get("name", ""))] = _names(label.get("names"))
    try:
        told = json.loads(notes.get("huggingface", "{}"))["info"]["features"]
        for name, feature in told.items():
            if feature.get("_type") == "ClassLabel":
                found[name] = _names(feature.get("names"))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass  # most tables have no such note
    return {name: names for name, names in found.items() if names}


def counts(card: dict[str, Any]) -> dict[str, int]:
    """Split -> how many pictures the card says it has; several configurations as CONFIG/SPLIT."""
    found: dict[str, int] = {}
    for info in _infos(card):
        for split in _dicts(info.get("splits")):
            name, count = str(split.get("name", "")), split.get("num_examples")
            if isinstance(count, int) and count >= 0:
                config = str(info.get("config_name", ""))
                found[f"{config}/{name}"] = count
                found.setdefault(name, count)
    return found


def licence(card: dict[str, Any]) -> str:
    """The card's licence: the Hub's own word for it, or the name that people gave it; "" where nothing is said."""
    told = card.get("license")
    told = told[0] if isinstance(told, list) and told else told
    if told == "other" and isinstance(card.get("license_name"), str):
        told = card["license_name"]
    return " ".join(told.split())[:80] if isinstance(told, str) and told != "unknown" else ""


def _configured(found: list[str], card: dict[str, Any]) -> dict[str, list[str]]:
    """What the card's `configs` say; nothing where there are none, or where no file fits them."""
    told: dict[str, list[str]] = {}
    configs = sorted(_dicts(card.get("configs"))[:MOST_SPLITS], key=lambda each: not each.get("default"))
    left = MOST_PATTERNS
    for config in configs:
        for split, patterns in _patterns(config.get("data_files")):
            left -= len(patterns)
            fitting = [path for path in found if any(_fits(path, each) for each in patterns)] if left >= 0 else []
            if fitting:
                told[f"{config.get('config_name', 'default')}/{split}" if len(configs) > 1 else split] = fitting
    return told


def _patterns(told: Any) -> Iterator[tuple[str, list[str]]]:
    """Split and patterns of file names, in all the forms that a card may give them."""
    for row in (told if isinstance(told, list) else [told])[:MOST_SPLITS]:
        split, paths = (row.get("split", "train"), row.get("path")) if isinstance(row, dict) else ("train", row)
        yield (
            str(split)[:MOST_WORD],
            [each for each in (paths if isinstance(paths, list) else [paths]) if _is_text(each)],
        )


def _is_text(told: Any) -> bool:
    return isinstance(told, str)


def _fits(path: str, pattern: str) -> bool:
    """Like a shell, but * crosses folders as well: what a card means by it is nearly always the same."""
    pattern = pattern.removeprefix("./")[:500]
    return fnmatch.fnmatchcase(path, pattern) or fnmatch.fnmatchcase(path, pattern.replace("**/", ""))


def _split(path: str) -> str:
    words = re.split(r"[/._\-\s\d]+", path.lower())
    return next((WORDS[word] for word in reversed(words) if word in WORDS), "train")


def _ordered(told: dict[str, list[str]]) -> dict[str, list[str]]:
    usual = list(SPLITS)
    ranked = {name: (usual.index(name) if name in usual else 9) for name in told}
    return {name: told[name] for name in sorted(told, key=lambda name: ranked[name])[:MOST_SPLITS]}


def _hidden(path: str) -> bool:
    return any(part.startswith(".") for part in path.split("/"))


def _infos(card: dict[str, Any]) -> list[dict[str, Any]]:
    told = card.get("dataset_info")
    return _dicts(told if isinstance(told, list) else [told])


def _dicts(told: Any) -> list[dict[str, Any]]:
    return [each for each in told[:MOST_NAMES] if isinstance(each, dict)] if isinstance(told, list) else []


def _names(told: Any) -> tuple[str, ...]:
    """Names as a list, or as a mapping from their numbers."""
    if isinstance(told, dict):
        numbers = [str(number) for number in range(min(len(told), MOST_NAMES))]
        known = {str(key): value for key, value in told.items()}
        told = [known.get(number, number) for number in numbers]
    return tuple(str(name)[:MOST_WORD] for name in told[:MOST_NAMES]) if isinstance(told, list) else ()
