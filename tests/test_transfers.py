"""What goes to the Hub and comes from it, through the studio: keys, owners, cancelling, versions, in whose name."""

from __future__ import annotations

import json
import pathlib
import time

import pytest
from loopback import Fault, Hub

from genmodels import files
from genmodels.events import Trouble
from genmodels.studio import Studio
from genmodels.transfers import KEPT as STORY
from genmodels.transfers import Transfer
from genmodels.transfers import __main__ as process
from genmodels.transfers.identity import KEPT, Identity

ROOT = pathlib.Path(__file__).resolve().parents[1]
SHIPPED = ROOT / "checkpoints" / "digits-gan"
A, B = "a" * 32, "b" * 32  # two visitors
PATIENCE = 60.0  # seconds for a transfer on a busy machine


@pytest.fixture
def studio(tmp_path, monkeypatch, hub: Hub) -> Studio:
    """A host with several visitors."""
    monkeypatch.setenv("GENMODELS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return Studio(shared=True)


def stock(hub: Hub, repo: str, source: pathlib.Path = SHIPPED, **more) -> str:
    return hub.put(repo, {file.name: file.read_bytes() for file in source.iterdir()}, tags=("genmodels",), **more)


def ended(studio: Studio, visitor: str, key: str) -> Transfer:
    deadline = time.monotonic() + PATIENCE
    while (found := studio.hub.look(visitor, key)) is not None and found.alive and time.monotonic() < deadline:
        time.sleep(0.1)
    assert found is not None
    assert not found.alive, "it takes too long"
    return found


def good(studio: Studio, visitor: str, key: str) -> Transfer:
    found = ended(studio, visitor, key)
    assert found.end.kind == "finished", found.template.format(**found.facts)
    return found


def sentence(transfer: Transfer) -> str:
    assert transfer.end.kind == "failed"
    return transfer.template.format(**transfer.facts)


def test_a_model_is_pulled_onto_the_shelf_of_whoever_asked_and_draws_the_same_pictures(studio, hub):
    stock(hub, "ann/digits")
    found = good(studio, A, studio.hub.pull(A, f"{hub.url}/ann/digits"))
    assert found.result in [model.key for model in studio.models(A)]
    assert found.result not in [model.key for model in studio.models(B)]
    here, there = studio.model(A, found.result), studio.model(A, "digits-gan")
    assert here.identity == there.identity
    assert here.origin.repo == "ann/digits"
    assert studio.stored(A, here.key).pixels.tobytes() == studio.stored(A, "digits-gan").pixels.tobytes()


def test_a_transfer_belongs_to_one_visitor(studio, hub):
    stock(hub, "ann/digits")
    hub.fault(Fault(match="ann/digits", delay=1.0))
    key = studio.hub.pull(A, "ann/digits")
    assert studio.hub.look(B, key) is None
    studio.hub.cancel(B, key)
    good(studio, A, key)


def test_pressed_twice_it_is_one_transfer(studio, hub):
    stock(hub, "ann/digits")
    hub.fault(Fault(match="ann/digits", delay=2.0))
    assert studio.hub.pull(A, "ann/digits") == studio.hub.pull(A, "ann/digits")


def test_nobody_fills_the_machine_with_transfers(studio, hub, monkeypatch):
    monkeypatch.setattr("genmodels.transfers.MOST_WAITING", 2)
    hub.fault(Fault(match="ann/", delay=30.0, times=99))
    keys = [studio.hub.pull(A, f"ann/digits-{number}") for number in range(2)]
    with pytest.raises(Trouble, match="2 of your transfers"):
        studio.hub.pull(A, "ann/digits-2")
    assert studio.hub.pull(A, "ann/digits-0") == keys[0]
    keys.append(studio.hub.pull(B, "ann/digits-2"))
    for visitor, key in zip((A, A, B), keys, strict=True):
        studio.hub.cancel(visitor, key)


def test_the_ticket_of_a_sign_in_holds_for_some_hours(monkeypatch):
    identity = Identity(alone=False)
    ticket = identity.take_in("hf_abcdefghijkl")
    assert identity.token("", ticket) == "hf_abcdefghijkl"
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + KEPT + 1)
    assert identity.token("", ticket) is None


def test_cancelled_it_is_gone_at_once_and_nothing_is_half_there(studio, hub, tmp_path):
    stock(hub, "ann/digits")
    hub.fault(Fault(match="GET .*safetensors", delay=30.0, times=5))
    key = studio.hub.pull(A, "ann/digits")
    time.sleep(1.5)
    begun = time.monotonic()
    studio.hub.cancel(A, key)
    assert time.monotonic() - begun < 2
    assert studio.hub.look(A, key) is None
    assert not [model for model in studio.models(A) if not model.ours]
    assert not [
        file for file in (tmp_path / "home" / "transfers").rglob("*") if file.is_file() and file.name != ".slot-0"
    ]


def test_a_process_that_was_killed_says_so_and_pressing_again_succeeds(studio, hub):
    stock(hub, "ann/digits")
    hub.fault(Fault(match="GET .*safetensors", delay=30.0))
    key = studio.hub.pull(A, "ann/digits")
    child = studio.hub.transfers.jobs.children[key]
    while not studio.hub.look(A, key).progress:
        time.sleep(0.05)
    child.kill()
    child.wait()
    assert "press again" in sentence(ended(studio, A, key))
    good(studio, A, studio.hub.pull(A, "ann/digits"))


def test_the_hub_down_is_said_within_two_seconds_and_the_rest_goes_on(studio, hub):
    hub.down()
    begun = time.monotonic()
    with pytest.raises(Trouble, match="does not answer"):
        studio.hub.search(A, "digits", "newest", "checkpoint")
    assert time.monotonic() - begun < 2
    assert len(studio.stored(A, "digits-gan").pixels)


def test_nobody_fills_the_disk_with_models(studio, hub, monkeypatch):
    monkeypatch.setattr(process, "MOST_OWNED", 1_000_000)
    stock(hub, "ann/digits")
    order = {"address": {"repo": "ann/digits"}, "owner": studio._owner(A), "alone": False, "replace": ""}
    order |= {"shipped": str(studio.library.shipped), "kind": "pull", "signed": False}
    here = studio.library.local.parent / "job"
    here.mkdir(parents=True)
    files.write_json(here / "order.json", order)
    first = list(process._told(here, None))[-1]
    assert first.result.startswith("own/")
    assert not (here / process.HERE).exists()
    with pytest.raises(Trouble, match="room for 0 MB"):
        list(process._told(here, None))
    files.write_json(here / "order.json", order | {"replace": first.result})
    assert list(process._told(here, None))[-1].result == first.result, "another version in its place is no more"
    files.write_json(here / "order.json", order | {"alone": True})
    assert list(process._told(here, None))[-1].result == first.result, "it is here already"
    assert not (here / process.HERE).exists()


def test_the_story_of_whoever_never_came_back_goes(studio, hub):
    key = studio.hub.pull(A, "ann/missing")
    ended(studio, A, key)
    jobs = studio.hub.transfers.jobs
    jobs.children[key].wait(PATIENCE)
    note = jobs.find(studio._owner(A), key)[0] / "order.json"
    order = json.loads(note.read_text())
    note.write_text(json.dumps(order | {"created": order["created"] - 2 * STORY}))
    studio.hub.cancel(B, studio.hub.pull(B, "ann/missing"))
    assert not note.parent.exists()


def test_update_and_way_back_keep_the_models_place_and_name(studio, hub):
    first = stock(hub, "ann/faces", ROOT / "checkpoints" / "avatars-gan")
    key = good(studio, A, studio.hub.pull(A, "ann/faces")).result
    studio.rename(A, key, "My faces")
    assert studio.hub.newer(A, key) is None
    second = stock(hub, "ann/faces", ROOT / "checkpoints" / "avatars-vae", message="Another family")
    assert studio.hub.newer(A, key).commit == second
    assert [each.commit for each in studio.hub.revisions(A, key)] == [second, first]
    assert good(studio, A, studio.hub.go_to(A, key, second)).result == key
    assert (studio.model(A, key).name, studio.model(A, key).family) == ("My faces", "vae")
    good(studio, A, studio.hub.go_to(A, key, first))
    assert studio.model(A, key).identity == studio.model(A, "avatars-gan").identity
    with pytest.raises(Trouble):
        studio.hub.go_to(B, key, second)


def test_pulled_again_it_is_the_one_that_is_here(studio, hub):
    stock(hub, "ann/digits")
    first = good(studio, A, studio.hub.pull(A, "ann/digits")).result
    assert good(studio, A, studio.hub.pull(A, "ann/digits")).result == first
    stock(hub, "ann/digits", ROOT / "checkpoints" / "digits-vae", message="Another family")
    assert good(studio, A, studio.hub.pull(A, "ann/digits")).result != first


def test_a_page_that_another_model_has_is_seen_before(studio, hub):
    studio.hub.sign_in(A, hub.token("ann"))
    stock(hub, "ann/taken")
    for name, new, other in (("taken", False, True), ("free", True, False)):
        draft = studio.hub.publishing(A, "digits-gan", {"name": name})
        assert (draft.new, draft.other) == (new, other)
    hub.down()
    assert studio.hub.publishing(A, "digits-gan", {"name": "unknown"}).new


def test_published_in_ones_own_name_private_and_shown_before(studio, hub):
    studio.hub.sign_in(A, hub.token("ann"))
    choices = {"name": "my-digits", "licence": "mit", "message": "The first"}
    draft = studio.hub.publishing(A, "digits-gan", choices)
    assert draft.repo == "ann/my-digits"
    assert draft.new
    assert not hub.exists("ann/my-digits"), "looking uploads nothing"
    done = good(studio, A, studio.hub.publish(A, "digits-gan", choices))
    assert {file.name for file in draft.files} <= set(hub.files("ann/my-digits"))
    assert hub.repo("ann/my-digits").private
    assert done.link.startswith(hub.url)
    mine = next(model for model in studio.models(A) if not model.ours)
    assert mine.origin.repo == "ann/my-digits"
    assert not (SHIPPED / "hub.json").exists(), "what ships stays as it is"
    assert good(studio, A, studio.hub.pull(A, "ann/my-digits")).result


def test_nobody_publishes_without_a_sign_in_of_their_own(studio, hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", hub.token("owner"))
    studio.hub.sign_in(A, hub.token("ann"))
    with pytest.raises(Trouble, match="Sign in first"):
        studio.hub.publish(B, "digits-gan", {"name": "x"})
    assert studio.hub.who(B).name == ""
    assert studio.hub.who(A).name == "ann"
    stock(hub, "owner/secret", private=True)
    assert "no owner/secret on the Hub" in sentence(ended(studio, B, studio.hub.pull(B, "owner/secret")))
    assert {row.authorised for row in hub.log} <= {"ann", None}, "the owner's token was used for a visitor"


def test_a_laptop_has_one_owner_whose_own_sign_in_counts(tmp_path, monkeypatch, hub):
    monkeypatch.setenv("GENMODELS_HOME", str(tmp_path))
    monkeypatch.setenv("HF_TOKEN", hub.token("ann"))
    studio = Studio(shared=False)
    assert (studio.hub.who(None).name, studio.hub.who(None).how) == ("ann", "login")
    studio.hub.sign_in("", hub.token("bob"))
    assert (studio.hub.who(None).name, studio.hub.who(None).how) == ("bob", "pasted")
    studio.hub.sign_out("")
    assert studio.hub.who(None).name == "ann"


def test_a_token_that_is_wrong_or_may_only_read_is_met_with_a_sentence(studio, hub):
    for wrong in ("", "short", "two words here", "hf_" + "x" * 30):
        with pytest.raises(Trouble, match="access token"):
            studio.hub.sign_in(A, wrong)
    assert studio.hub.who(A).name == ""
    studio.hub.sign_in(A, hub.token("ann", "read"))
    with pytest.raises(Trouble, match="may only read"):
        studio.hub.publish(A, "digits-gan", {"name": "x"})


def test_a_sign_in_outlives_the_hub_being_away(studio, hub):
    studio.hub.sign_in(A, hub.token("ann"))
    studio.hub.identity._names.clear()
    hub.down()
    person = studio.hub.who(A)
    assert person.how == "pasted"
    assert "does not answer" in person.template
    hub.up()
    assert studio.hub.who(A).name == "ann"
