"""How the Hub is talked to: addresses as people paste them, errors as one sentence, tokens never said."""

from __future__ import annotations

import dataclasses
import time

import pytest
from loopback import Fault, Hub

from genmodels.events import Trouble
from genmodels.hub import client
from genmodels.hub.client import Address


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("ann/digits", Address("ann/digits")),
        (" ann/digits@v2 ", Address("ann/digits", "v2")),
        ("hub:ann/digits", Address("ann/digits")),
        ("https://huggingface.co/ann/digits", Address("ann/digits")),
        ("https://huggingface.co/ann/digits/", Address("ann/digits")),
        ("huggingface.co/ann/digits?library=x#use", Address("ann/digits")),
        ("https://hf.co/ann/digits/tree/v1", Address("ann/digits", "v1")),
        ("https://huggingface.co/ann/digits/blob/main/config.json", Address("ann/digits", "main")),
        ("https://huggingface.co/ann/digits/commit/" + "a" * 40, Address("ann/digits", "a" * 40)),
        ("https://huggingface.co/datasets/ann/cats/viewer/default/train", Address("ann/cats", "", "dataset")),
        ("http://127.0.0.1:8808/ann/digits", Address("ann/digits")),
    ],
)
def test_an_address_is_understood_however_it_was_copied(text, meant, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:8808")
    assert Address.parse(text) == meant


@pytest.mark.parametrize(
    "text",
    [
        "",
        "digits",
        "a/b/c",
        "../etc/passwd",
        "a/..",
        "a/b@../../x",
        "a/b@/tmp/x",
        "https://[x",
        "https://evil.example/ann/digits",
        "https://huggingface.co@evil.example/ann/digits",
        "https://huggingface.co/spaces/ann/app",
        "ann/<script>",
        "ann/digits\n",
        "ann/dïgits",
        "file:///etc/passwd",
        "ann/" + "x" * 200,
    ],
)
def test_what_is_no_address_is_met_with_a_sentence(text):
    if text.strip() != text:
        assert Address.parse(text).repo == text.strip()
        return
    with pytest.raises(Trouble):
        Address.parse(text)


@pytest.mark.parametrize("revision", ["../../x", "/tmp/x", "-x", "a\n", "x" * 300])
def test_a_revision_is_never_a_path_wherever_it_comes_from(revision):
    with pytest.raises(Trouble, match="no version of this name"):
        dataclasses.replace(Address("ann/digits"), revision=revision)


@pytest.mark.parametrize(
    ("status", "headers", "words"),
    [
        (400, {}, "does not take this"),
        (401, {"X-Error-Message": "Invalid credentials in Authorization header"}, "Sign in again"),
        (403, {"X-Error-Message": "You may not, Bearer hf_abcdefghijkl"}, "does not allow this with your sign-in: You"),
        (404, {"X-Error-Code": "RepoNotFound"}, "There is no ann/digits on the Hub"),
        (403, {"X-Error-Code": "GatedRepo"}, "has conditions"),
        (404, {"X-Error-Code": "RevisionNotFound"}, "no version of this name"),
        (409, {}, "at the same moment"),
        (412, {}, "at the same moment"),
        (429, {"Retry-After": "90"}, "Wait 90 seconds"),
        (503, {}, "trouble of its own"),
    ],
)
def test_every_refusal_is_one_sentence_without_a_token(hub: Hub, monkeypatch, status, headers, words):
    monkeypatch.setattr(client, "TRIES", 1)
    hub.fault(Fault(match="GET /api/models/ann/digits", status=status, headers=headers, times=9))
    token = hub.token("ann")
    with pytest.raises(Trouble, match=words) as caught, client.talking("ann/digits"):
        client.patiently(lambda: client.api(token).model_info("ann/digits"))
    assert "hf_" not in str(caught.value)
    assert str(caught.value).count("\n") == 0


def test_what_the_client_tries_once_is_tried_again(hub: Hub):
    hub.put("ann/digits", {"config.json": b"{}"})
    for fault in (
        Fault(match="GET /api/models/ann", status=500),
        Fault(match="GET /api/models/ann", status=429, headers={"Retry-After": "1"}),
        Fault(match="GET /api/models/ann", reset=True),
    ):
        hub.fault(fault)
        with client.talking("ann/digits"):
            assert client.patiently(lambda: client.api(None).model_info("ann/digits")).id == "ann/digits"


def test_a_refusal_that_will_not_change_is_not_tried_again(hub: Hub):
    hub.fault(Fault(match="GET /api/models/ann", status=403, times=9))
    with pytest.raises(Trouble), client.talking():
        client.patiently(lambda: client.api(None).model_info("ann/digits"))
    assert len(hub.log) == 1


def test_nobody_is_there_is_found_out_at_once(hub: Hub):
    hub.down()
    begun = time.monotonic()
    with pytest.raises(Trouble, match="does not answer"):
        client.reach()
    assert time.monotonic() - begun < 2


def test_who_is_too_slow_is_not_waited_for():
    begun = time.monotonic()
    with pytest.raises(Trouble, match="does not answer"):
        client.within(0.2, lambda: time.sleep(5))
    assert time.monotonic() - begun < 1
    with pytest.raises(ZeroDivisionError):
        client.within(5, lambda: 1 / 0)


def test_nobody_is_nobody_even_where_the_machine_is_signed_in(hub: Hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", hub.token("owner"))
    hub.put("owner/secret", {"config.json": b"{}"}, private=True)
    with pytest.raises(Trouble, match="There is no"), client.talking("owner/secret"):
        client.api(None).model_info("owner/secret")
    assert [row.authorised for row in hub.log] == [None]
