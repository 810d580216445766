"""What programs may ask of the Hub over HTTP: search, pull, publish, versions, data sets, and how a transfer stands."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from ..events import Trouble
from ..studio import Studio
from .page import told


def calls(studio: Studio) -> tuple[Callable, ...]:
    """The calls, for `gr.api`. A token that is given to `sign_in` stays in memory, for this `visitor` alone."""
    return (*_finding(studio), *_publishing(studio), *_datasets(studio), *_transfers(studio))


def _finding(studio: Studio) -> tuple[Callable, ...]:
    @told
    def search_hub(
        words: str = "", sort: str = "newest", kind: str = "checkpoint", cursor: str = "", visitor: str = ""
    ) -> dict[str, Any]:
        """Models on the Hub. `sort`: newest or downloads; `kind`: checkpoint or guest; `cursor` of the page before."""
        page = studio.hub.search(visitor, words, sort, kind, cursor)
        return {"found": [dataclasses.asdict(each) for each in page.found], "cursor": page.cursor}

    @told
    def pull_model(address: str, revision: str = "", visitor: str = "") -> str:
        """Begin to pull a model or a guest, by name or link; returns the transfer's key."""
        return studio.hub.pull(visitor, address, revision)

    @told
    def revisions(model: str, visitor: str = "") -> list[dict[str, Any]]:
        """The versions of a model that came from the Hub or went there, newest first; `here` marks the one you have."""
        here = {each.origin.commit for each in studio.models(visitor) if each.key == model and each.origin}
        known = studio.hub.revisions(visitor, model)
        return [{**dataclasses.asdict(each), "here": each.commit in here} for each in known]

    @told
    def use_revision(model: str, commit: str, visitor: str = "") -> str:
        """Begin to put another version into a model's place: update or roll back; returns the transfer's key."""
        return studio.hub.go_to(visitor, model, commit)

    return search_hub, pull_model, revisions, use_revision


def _publishing(studio: Studio) -> tuple[Callable, ...]:
    @told
    def publish_model(
        model: str,
        name: str = "",
        private: bool | None = None,
        licence: str = "",
        message: str = "",
        consent: str = "",
        card: str = "",
        pictures: bool = False,
        visitor: str = "",
    ) -> str:
        """Begin to publish a model; returns the transfer's key. An empty `card` is written for you.

        Where `private` is not given, a new page is private, and an old one stays as it is.
        """
        return studio.hub.publish(visitor, model, _chosen(name, private, licence, message, consent, card, pictures))

    @told
    def preview_publishing(
        model: str,
        name: str = "",
        private: bool | None = None,
        licence: str = "",
        message: str = "",
        consent: str = "",
        card: str = "",
        pictures: bool = False,
        visitor: str = "",
    ) -> dict[str, Any]:
        """What publishing with the same words would send: every file with its bytes, and the card. Nothing leaves."""
        chosen = _chosen(name, private, licence, message, consent, card, pictures)
        draft = studio.hub.publishing(visitor, model, chosen)
        files = [{"name": each.name, "bytes": each.bytes} for each in draft.files]
        return {"repo": draft.repo, "new": draft.new, "files": files, "card": draft.card}

    @told
    def sign_in(token: str, visitor: str = "") -> str:
        """Sign in on the Hub with an access token; returns the name it belongs to, and never the token."""
        return studio.hub.sign_in(visitor, token).name

    @told
    def sign_out(visitor: str = "") -> bool:
        """Forget the token."""
        studio.hub.sign_out(visitor)
        return True

    return publish_model, preview_publishing, sign_in, sign_out


def _chosen(
    name: str, private: bool | None, licence: str, message: str, consent: str, card: str, pictures: bool
) -> dict[str, Any]:
    told = {"name": name, "licence": licence, "message": message, "consent": consent, "card": card}
    return {**told, "private": private, "pictures": bool(pictures)}


def _datasets(studio: Studio) -> tuple[Callable, ...]:
    @told
    def look_up_dataset(address: str, visitor: str = "") -> dict[str, Any]:
        """What a data set on the Hub holds: parts, columns, kinds, licence. No picture is downloaded."""
        return dataclasses.asdict(studio.hub.dataset(visitor, address))

    @told
    def get_dataset(
        address: str,
        split: str = "*",
        image: str = "*",
        label: str = "*",
        pictures: int = 5_000,
        megabytes: int = 300,
        name: str = "",
        visitor: str = "",
    ) -> str:
        """Begin to get pictures of a data set; returns the transfer's key, whose result is the key of a set.

        "*" is whatever comes first, and label "" is for no kinds.
        """
        chosen = {"split": split, "image": image, "label": label}
        chosen |= {"most_pictures": pictures, "most_megabytes": megabytes}
        return studio.hub.take_dataset(visitor, address, chosen, name, {})

    @told
    def look_at_set(set: str, visitor: str = "") -> dict[str, Any]:
        """How looking through the pictures of a set stands; it can be learned from when the state is finished."""
        report = studio.cleaning(visitor, set)
        end = report.end if report else None
        return {
            "state": end.kind if end else "running" if report else "finished",
            "sentence": end.template.format(**end.facts) if end else "",
            "kept": len(report.kept) if report else studio.pictures.find("", set).count,
            "refused": [{"name": each.name, "why": each.template.format(**each.facts)} for each in report.refused]
            if report
            else [],
        }

    return look_up_dataset, get_dataset, look_at_set


def _transfers(studio: Studio) -> tuple[Callable, ...]:
    @told
    def transfer(transfer: str, visitor: str = "") -> dict[str, Any]:
        """How something stands that is on its way; `result` is the key of what came, `link` its page."""
        found = studio.hub.look(visitor, transfer)
        if found is None:
            raise Trouble("There is no such transfer any more.")
        return {
            "state": found.end.kind if found.end else "running",
            "sentence": found.template.format(**found.facts),
            "notes": [note.template.format(**note.facts) for note in found.notes],
            "fraction": 1.0 if found.end else found.progress.fraction if found.progress else 0.0,
            "remaining": found.progress.remaining if found.progress else None,
            "result": found.result,
            "link": found.link,
        }

    @told
    def cancel_transfer(transfer: str, visitor: str = "") -> bool:
        """End a transfer at once."""
        studio.hub.cancel(visitor, transfer)
        return True

    return transfer, cancel_transfer
