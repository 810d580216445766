"""Find: models on the Hub that the studio can take in, page by page, and a small picture of each."""

from __future__ import annotations

import dataclasses
import io
import urllib.parse
from typing import Any, Literal

from PIL import Image

from ..events import Trouble
from ..models import FAMILIES
from ..models.guest_config import KINDS
from .client import Address, api, endpoint, patiently, reach, talking, within
from .download import PATIENCE
from .strict import LIMITS, SHEET_SIDE

SOON = 1.5  # seconds for an answer that somebody waits for while typing
PAGE, PAGES = 12, 3  # models at a time; pages of other things that are passed over
SORTS = {"newest": "lastModified", "downloads": "downloads"}
TASK = "unconditional-image-generation"  # of guests, where no words narrow it down
LONGEST = 200  # letters of anything that other people wrote
PREVIEW = (384, 192)  # pixels of a preview, at most: the upper part of a model's sheet


@dataclasses.dataclass(frozen=True)
class Found:
    """A model on the Hub, as its list tells it. Its words are other people's: show them as text."""

    repo: str  # "user/name"
    author: str
    name: str
    family: str  # "gan", "vae", a class of diffusers, or ""
    downloads: int
    updated: str  # day: "2026-11-24"
    private: bool
    gated: bool
    licence: str


@dataclasses.dataclass(frozen=True)
class Page:
    """Some of what was found, and where to go on: "" where that is all."""

    found: tuple[Found, ...]
    cursor: str


def search(
    words: str = "",
    *,
    sort: Literal["newest", "downloads"] = "newest",
    kind: Literal["checkpoint", "guest"] = "checkpoint",
    cursor: str = "",
    token: str | None = None,
) -> Page:
    """A page of models with these words in their name. Raises Trouble, within 2 seconds where nobody answers."""
    words, guests = line(words), kind == "guest"
    asked = [("sort", SORTS.get(sort, SORTS["newest"])), ("limit", str(PAGE)), ("full", "True"), ("cardData", "True")]
    asked += [("search", words)] if words else []
    asked += [("filter", "diffusers"), ("config", "True")] if guests else [("filter", "genmodels")]
    narrow = [("filter", TASK)] if guests and not words else []
    reach()
    with talking():
        found, following = _some([*asked, *narrow], cursor, token)
        if narrow and not found and not cursor:
            found, following = _some(asked, "", token)
    return Page(found, following)


def _some(asked: list[tuple[str, str]], cursor: str, token: str | None) -> tuple[tuple[Found, ...], str]:
    """What a page of the list holds for us, and where to go on; a page with nothing is passed over, a few times."""
    found: tuple[Found, ...] = ()
    for _ in range(PAGES):
        query = [*asked, *([("cursor", cursor)] if cursor else [])]
        rows, cursor = patiently(lambda: within(PATIENCE, lambda: _page(query, token)))  # noqa: B023 (called at once)
        found = tuple(each for row in rows[: 4 * PAGE] if (each := _found(row)))
        if found or not cursor:
            break
    return found, cursor


def _page(asked: list[tuple[str, str]], token: str | None) -> tuple[list, str]:
    """One page of the Hub's list, which the client only ever gives as a whole; and its cursor for the next."""
    from huggingface_hub import get_session
    from huggingface_hub.utils import build_hf_headers, hf_raise_for_status

    headers = build_hf_headers(token=token or False, library_name="genmodels")
    answer = get_session().get(f"{endpoint()}/api/models", params=asked, headers=headers, timeout=PATIENCE)
    hf_raise_for_status(answer)
    following = urllib.parse.urlsplit(answer.links.get("next", {}).get("url", "")).query
    try:
        rows = answer.json()
    except (ValueError, RecursionError) as error:
        raise Trouble("The Hub gave an answer that makes no sense. Try again later.") from error
    return rows if isinstance(rows, list) else [], urllib.parse.parse_qs(following).get("cursor", [""])[0]


def _found(row: Any) -> Found | None:
    """A row of the list as plain data; None where it is not one, or a class of diffusers that is not taken in."""
    try:
        repo = Address.parse(row["id"]).repo
    except (Trouble, KeyError, TypeError, AttributeError):
        return None
    tags = row.get("tags")
    tags = [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []
    family = next((name for name in FAMILIES if name in tags), "") or _class(row, tags)
    if family not in ("", *FAMILIES, *KINDS):
        return None
    card = row["cardData"] if isinstance(row.get("cardData"), dict) else {}
    licence = next((tag.removeprefix("license:") for tag in tags if tag.startswith("license:")), "")
    count = row.get("downloads")
    return Found(
        repo=repo,
        author=repo.split("/")[0],
        name=line(card.get("model_name") or repo.split("/")[1]),
        family=family,
        downloads=count if isinstance(count, int) else 0,
        updated=line(row.get("lastModified") or "")[:10],
        private=row.get("private") is True,
        gated=bool(row.get("gated")),
        licence=line(licence),
    )


def _class(row: dict, tags: list[str]) -> str:
    """Which class of diffusers a guest is, where the list says it."""
    config = row.get("config")
    told = config.get("diffusers") if isinstance(config, dict) else None
    tagged = next((tag.removeprefix("diffusers:") for tag in tags if tag.startswith("diffusers:")), "")
    return str(told.get("_class_name") or tagged) if isinstance(told, dict) else tagged


def line(text: object) -> str:
    """What other people wrote, as one line without control characters, no longer than a screen bears."""
    return " ".join("".join(c if c.isprintable() else " " for c in str(text)[: 4 * LONGEST]).split())[:LONGEST]


def preview(repo: str, token: str | None) -> bytes:
    """The upper part of a model's sheet of pictures, as a small WebP drawn anew; b"" where it has none that is sound.

    Raises Trouble where the Hub does not answer.
    """
    repo = Address.parse(repo).repo
    reach()
    with talking(repo):
        content = patiently(lambda: within(PATIENCE, lambda: _sheet(repo, token)))
    try:
        with Image.open(io.BytesIO(content), formats=("WEBP",)) as sheet:
            if max(sheet.size) > SHEET_SIDE:
                return b""
            width, height = sheet.size
            part = sheet.convert("RGB").crop((0, 0, width, min(height, max(1, width // 2))))
            part.thumbnail(PREVIEW, Image.Resampling.BOX)
            drawn = io.BytesIO()
            part.save(drawn, "WEBP", quality=80, method=2)
            return drawn.getvalue()
    except (OSError, ValueError, Image.DecompressionBombError):
        return b""


def _sheet(repo: str, token: str | None) -> bytes:
    """A model's samples.webp, no more of it than a sheet can have; b"" where there is none or it is larger."""
    from huggingface_hub import get_session, hf_hub_url
    from huggingface_hub.errors import EntryNotFoundError
    from huggingface_hub.utils import build_hf_headers, hf_raise_for_status

    most, content = LIMITS["samples.webp"], bytearray()
    url = hf_hub_url(repo, "samples.webp", endpoint=endpoint())
    headers = build_hf_headers(token=token or False, library_name="genmodels")
    try:
        with get_session().stream("GET", url, headers=headers, timeout=PATIENCE) as answer:
            hf_raise_for_status(answer)
            for block in answer.iter_bytes():
                content += block
                if len(content) > most:
                    return b""
    except EntryNotFoundError:
        return b""
    return bytes(content)


def exists(repo: str, token: str | None) -> bool:
    """Whether there is such a model, as far as this person may see. Raises Trouble, soon, where nobody answers."""
    Address.parse(repo)
    reach()
    with talking(repo):
        return within(SOON, lambda: api(token).repo_exists(repo))
