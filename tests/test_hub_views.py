"""What the Library shows of the Hub: what others wrote is text, and nothing that is shown asks another host."""

from __future__ import annotations

import re

import pytest

from genmodels.events import Failed, Finished, Problem, Progress
from genmodels.hub.find import Found
from genmodels.hub.origin import Origin
from genmodels.hub.publishing import Outgoing
from genmodels.hub.revisions import Revision
from genmodels.transfers import Transfer
from genmodels.transfers.desk import Draft
from genmodels.transfers.identity import Person
from genmodels.ui import hub_views, publish_views

EVIL = "<script>alert(1)</script><img src=x onerror=alert(1)> ${1+1} {{x}}"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def found(**more: object) -> Found:
    about = {"repo": "ada/shapes", "author": "ada", "name": EVIL, "family": EVIL, "downloads": 12345}
    return Found(**{**about, "updated": EVIL, "private": True, "gated": True, "licence": EVIL, **more})


def going(**more: object) -> Transfer:
    about = {"key": "k", "kind": "pull", "title": EVIL, "template": "{repo} is on its way.", "facts": {"repo": EVIL}}
    return Transfer(**{**about, "created": 0.0, **more})


def draft(**more: object) -> Draft:
    files = (Outgoing("README.md", 900), Outgoing(EVIL, 3 << 20), Outgoing("pictures.zip", 2 << 20, made=True))
    about = {"repo": EVIL, "where": EVIL, "files": files, "card": EVIL, "licence": "mit", "licences": ("mit",)}
    return Draft(
        **{**about, "person": Person("ada", "pasted", True), "new": True, "other": False, "trainable": False, **more}
    )


def everything() -> dict[str, str]:
    """Every view with something evil in it."""
    problem = Problem(template="It says {words}.", facts={"words": EVIL}, name="x")
    failed = Failed(template="It says {words}.", facts={"words": EVIL})
    versions = (Revision(EVIL, "a" * 40, EVIL, 1.0), Revision("v1", COMMIT, EVIL, 0.0))
    return {
        "found": hub_views.found([found(), found(repo="ada/other")], {"ada/other": EVIL}),
        "busy": hub_views.found([found()], {}, "ada/shapes"),
        "nothing": hub_views.nothing(EVIL, False),
        "going": hub_views.transfer(going(progress=Progress(fraction=0.5), notes=(problem,))),
        "failed": hub_views.transfer(going(end=failed, template=failed.template)),
        "link": hub_views.link(f"https://example.org/{EVIL}"),
        "person": hub_views.person(Person(EVIL, "login")),
        "nobody": hub_views.person(Person(template="It says {words}.", facts={"words": EVIL})),
        "origin": hub_views.origin(Origin(EVIL, COMMIT)),
        "versions": hub_views.revisions(Origin("ada/shapes", COMMIT), versions),
        "destination": publish_views.destination(draft()),
        "files": publish_views.files(draft().files),
        "card": publish_views.card(
            f"---\ntitle: {EVIL}\n---\n# {EVIL}\n\n```\n{EVIL}\n```\n\n| {EVIL} |\n|---|\n| a |\n"
        ),
    }


@pytest.mark.parametrize("name", sorted(everything()))
def test_what_others_wrote_is_text(name: str) -> None:
    page = everything()[name]
    assert "<script" not in page
    assert not re.search(r"<img[^>]*onerror", page)
    assert not re.search(r"\{\{|\$\{", page), "gradio's templates would read it"
    assert "alert(1)" in page, "and it is shown"


def test_a_card_fetches_nothing_and_leads_nowhere_by_script() -> None:
    text = "![out](https://evil.example/a.png) ![its](samples.webp) [x](javascript:alert(1)) [good](https://hf.co/a)"
    page = publish_views.card(text, {"samples.webp": "data:image/webp;base64,AA=="})
    assert re.findall(r'src="([^"]*)"', page) == ["data:image/webp;base64,AA=="]
    assert re.findall(r'href="([^"]*)"', page) == ["https://hf.co/a"]
    assert 'rel="noopener noreferrer"' in page
    assert "out" in page


def test_a_link_is_an_address_or_nothing() -> None:
    assert hub_views.link("javascript:alert(1)") == ""


def test_the_list_says_every_file_and_the_whole() -> None:
    page = publish_views.files(draft().files)
    assert "900 bytes" in page
    assert "about 2.0 MB" in page
    assert "3 files, 5.0 MB in all" in page


def test_an_update_is_said_only_where_there_is_one() -> None:
    versions = (Revision("v2", "a" * 40, "Second", 90_000.0), Revision("v1", COMMIT, "First", 0.0))
    behind, at = (hub_views.revisions(Origin("ada/shapes", commit), versions) for commit in (COMMIT, "a" * 40))
    assert "An update is available: v2, 1970-01-02." in behind
    assert "An update" not in at
    assert at.count('data-pick="go"') == 1


def test_who_may_not_publish_is_told_why() -> None:
    reader = publish_views.destination(draft(person=Person("ada", "pasted", False)))
    assert "may only read" in reader
    assert "Sign in at the top" in publish_views.destination(draft(person=Person()))
    assert "newest version" in publish_views.destination(draft(new=False))


def test_what_has_come_is_no_longer_on_its_way() -> None:
    done = hub_views.transfer(going(end=Finished(template="{repo} is here.", facts={"repo": "ada/shapes"})))
    assert "progressbar" not in done
    assert "ada/shapes is here." in done
    card = hub_views.found([found()], {"ada/shapes": "own/x"}, "ada/shapes")
    assert 'data-pick="use"' in card
    assert "disabled" not in card
