"""A card on the Hub and a newly written one become one: three ways, by section and by key of its head."""

from __future__ import annotations

import difflib
import re
from typing import Any

from ..events import Trouble
from ..markup import unplain

LARGEST = 1_000_000  # letters of a card that are looked at
FRONT = re.compile(r"\A\ufeff?---[ \t]*\r?\n(.*?)^---[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
KEY = re.compile(r"^(?=[^\s#\-'\"{\[])", re.MULTILINE)  # where a key of the head begins
HEADING = re.compile(r" {0,3}(#{1,2})[ \t]+(.*?)[ \t]*#*[ \t]*")
CONSENT = re.compile(r"^- Consent: (.+)$", re.MULTILINE)
FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")


def merge(base: str, theirs: str, ours: str) -> str:
    """The card to publish: `ours` is newly written, `theirs` is on the Hub, `base` what was written the time before.

    What people wrote on the Hub stays: sections and keys of their own, and their lines in ours. Where they and we
    changed the same lines both stand there; of a key of the head that has one value, ours does. Raises Trouble for
    a head that cannot be read.
    """
    if not theirs.strip():
        return ours
    (base_head, base_body), (their_head, their_body), (our_head, our_body) = map(split, (base, theirs, ours))
    head = _merged_heads(base_head, their_head, our_head)
    body = _merged_bodies(sections(base_body), sections(their_body), sections(our_body))
    return (f"---\n{head}---\n\n" if head else "") + body


def split(text: str) -> tuple[str, str]:
    """A card's head (YAML, without its rules) and the page below it, with plain line ends."""
    text = text[:LARGEST].replace("\r\n", "\n")
    found = FRONT.match(text)
    return (found[1], text[found.end() :]) if found else ("", text)


def values(head: str) -> dict[str, Any]:
    """What a head says. Raises Trouble where it is no mapping, or repeats itself by reference without end."""
    import yaml

    class Plain(yaml.SafeLoader):
        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):
                raise yaml.YAMLError("a reference")
            return super().compose_node(parent, index)

    try:
        found = yaml.load(head, Loader=Plain)
        if not isinstance(found or {}, dict):
            raise ValueError("no mapping")
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise Trouble("The head of the card, between its two lines of ---, cannot be read: correct it.") from error
    return {str(key): value for key, value in (found or {}).items()}


def dumped(told: dict[str, Any]) -> str:
    """Values as the text of a head."""
    import yaml

    return yaml.dump(told, sort_keys=False, allow_unicode=True, Dumper=yaml.SafeDumper) if told else ""


def sections(body: str) -> dict[tuple[str, int], str]:
    """A page by its headings of the first two levels, in order; what comes before the first one is called ""."""
    found: dict[tuple[str, int], list[str]] = {("", 0): []}
    name, fence = ("", 0), ""
    for line in body.splitlines():
        if mark := FENCE.match(line):
            fence = "" if fence and line.strip().startswith(fence) else fence or mark[1]
        elif not fence and (heading := HEADING.fullmatch(line)):
            # the title is one place, whatever a model is called
            title = "# " if len(heading[1]) == 1 else " ".join(heading[2].split()).lower()
            name = (title, sum(1 for other, _ in found if other == title))
            found[name] = []
        found[name].append(line)
    return {name: "\n".join(lines).strip("\n") for name, lines in found.items()}


def chosen(card: str) -> tuple[str, str]:
    """What was chosen for a card of ours that is there: the licence of the model, and the line of consent."""
    head, body = split(card)
    licence, found = values(head).get("license"), CONSENT.search(body)
    return licence if isinstance(licence, str) else "", unplain(found[1]) if found else ""


def _merged_heads(base: str, theirs: str, ours: str) -> str:
    """Each key as it was written by whoever has the last word on it."""
    was, on_hub, fresh = values(base), values(theirs), values(ours)
    written, kept = _blocks(ours, fresh), _blocks(theirs, on_hub)
    missing = object()
    text = ""
    for key in [*fresh, *(key for key in on_hub if key not in fresh)]:
        old, their, our = (told.get(key, missing) for told in (was, on_hub, fresh))
        if our is missing:
            text += kept[key] if their != old else ""  # ours no longer says it: it goes, unless somebody wrote it
        elif their is missing:
            text += written[key] if old is missing or our != old else ""  # taken out by hand
        elif their in (old, our):
            text += written[key]
        elif our == old:
            text += kept[key]
        else:
            text += dumped({key: merged(None if old is missing else old, their, our)})
    return text


def merged(base: Any, theirs: Any, ours: Any) -> Any:
    """One value of a head: lists by what was added and taken out by hand, one choice is ours where both changed it."""
    if theirs in (base, ours):
        return ours
    if ours == base:
        return theirs
    if isinstance(theirs, dict) and isinstance(ours, dict):
        old = base if isinstance(base, dict) else {}
        keys = [*ours, *(key for key in theirs if key not in ours and theirs[key] != old.get(key))]
        return {key: merged(old.get(key), theirs.get(key, old.get(key)), ours.get(key, old.get(key))) for key in keys}
    if isinstance(theirs, list) and isinstance(ours, list):
        old = base if isinstance(base, list) else []
        if len(theirs) == len(ours) == 1 and isinstance(theirs[0], dict) and isinstance(ours[0], dict):
            return [merged(old[0] if len(old) == 1 else None, theirs[0], ours[0])]
        kept = [item for item in ours if item in theirs or item not in old]
        return kept + [item for item in theirs if item not in old and item not in kept]
    return ours


def _blocks(head: str, told: dict[str, Any]) -> dict[str, str]:
    """The lines of each key as they were written; written anew where that cannot be told."""
    found = {}
    for block in KEY.split(head):
        with_key = re.match(r"([^\s:]+)[ \t]*:", block)
        if with_key and with_key[1] in told and with_key[1] not in found:
            found[with_key[1]] = block if block.endswith("\n") else block + "\n"
    for key, value in told.items():
        if key not in found or values(found[key]) != {key: value}:
            found[key] = dumped({key: value})
    return found


def _merged_bodies(base: dict, theirs: dict, ours: dict) -> str:
    """Their order, with what is new of ours after the section that it follows there."""
    kept: dict[tuple[str, int], str] = {}
    for name, text in theirs.items():
        if name in ours:
            old = base.get(name)
            kept[name] = ours[name] if old is None and not base.keys() - {("", 0)} else _lines(old, text, ours[name])
        elif text != base.get(name):
            kept[name] = text
    order, before = list(kept), None
    for name in ours:
        if name not in theirs and name not in base:  # not one that was taken out by hand
            kept[name] = ours[name]
            order.insert(order.index(before) + 1 if before in order else len(order), name)
        before = name if name in kept else before
    return "\n\n".join(kept[name] for name in order if kept[name].strip()) + "\n"


def _lines(base: str | None, theirs: str, ours: str) -> str:
    """One section, line by line. With no base a section of the same heading was written by hand, and stays."""
    if base is None or ours == base:
        return theirs
    if theirs in (base, ours):
        return ours
    old, their, our = base.split("\n"), theirs.split("\n"), ours.split("\n")
    result: list[str] = []
    at = (0, 0, 0)
    for start, length in _unchanged(old, their, our):
        result += _chunk(*(text[i:j] for text, i, j in zip((old, their, our), at, start, strict=True)))
        result += old[start[0] : start[0] + length]
        at = tuple(place + length for place in start)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(result)).strip("\n")


def _chunk(old: list[str], their: list[str], our: list[str]) -> list[str]:
    if their in (old, our):
        return our
    if our == old:
        return their
    by_hand = [line for line in their if line.strip() and line not in old and line not in our]
    return our + ([""] if by_hand and our and our[-1].strip() and not _row(by_hand[0], our[-1]) else []) + by_hand


def _row(line: str, above: str) -> bool:
    """Whether a line goes on with the list or the table above it."""
    return line.lstrip()[:1] == above.lstrip()[:1] and line.lstrip()[:1] in "|-*"


def _unchanged(old: list[str], their: list[str], our: list[str]) -> list[tuple[tuple[int, int, int], int]]:
    """Where all three have the same lines: places in each, and how many; the ends of all three come last."""
    one = difflib.SequenceMatcher(None, old, their, autojunk=False).get_matching_blocks()
    two = difflib.SequenceMatcher(None, old, our, autojunk=False).get_matching_blocks()
    found = []
    for a in one:
        for b in two:
            start, end = max(a.a, b.a), min(a.a + a.size, b.a + b.size)
            if start < end:
                found.append(((start, a.b + start - a.a, b.b + start - b.a), end - start))
    return [*sorted(found), ((len(old), len(their), len(our)), 0)]
