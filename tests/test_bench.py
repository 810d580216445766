"""Speed: what `bench` prints for every family and size, and compiling that falls back where it must."""

from __future__ import annotations

import re

import pytest
import torch
from test_models import FORMATS, made, pictures
from torch import nn

from genmodels import bench
from genmodels.__main__ import main
from genmodels.compiling import compile_proven, in_place
from genmodels.events import Trouble
from genmodels.models import FAMILIES
from genmodels.training import Plan, Training

GREY = FORMATS["grey 28 with classes"]
ROW = re.compile(r"^(\w+) (\w+) +(\d+) +([\d,]+) +([\d,]+) +(\d+)% +([\d,]+) MB$", re.MULTILINE)


def test_bench_prints_a_row_for_every_family_and_size(capsys) -> None:
    assert main(["bench", "--seconds", "0.2", "--device", "cpu"]) == 0
    found = {(row[0], row[1]): row[2:] for row in ROW.findall(capsys.readouterr().out)}
    assert set(found) == {(family, size) for family in FAMILIES for size in FAMILIES.sizes(family)}
    for (family, size), (batch, clock, processor, share, _) in found.items():
        assert int(batch) == FAMILIES.sizes(family)[size].batch
        assert int(clock.replace(",", "")) > 0
        assert int(processor.replace(",", "")) > 0
        assert 0 < int(share) < 150, f"{family} {size}"


def test_bench_measures_what_is_chosen_and_nothing_else(capsys) -> None:
    main(["bench", "--family", "vae", "--size", "tiny", "--set", "avatars", "--seconds", "0.1", "--device", "cpu"])
    out = capsys.readouterr().out
    assert [row[:2] for row in ROW.findall(out)] == [("vae", "tiny")]
    assert out.startswith("avatars, float32 on ")


def test_a_device_that_is_not_there_is_said(capsys) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is one")
    assert main(["bench", "--device", "cuda"]) == 2
    assert "no cuda here" in capsys.readouterr().err
    with pytest.raises(Trouble):
        bench.measure("vae", "tiny", "digits", 0.1, "cuda")


def test_plain_passes_teach_nothing() -> None:
    training = Training(made("gan", GREY), pictures(GREY), Plan(threads=1))
    before = [parameter.clone() for parameter in training.model.parameters()]
    bench.plain_passes(training)()
    assert all(torch.equal(a, b) for a, b in zip(before, training.model.parameters(), strict=True))
    assert training.step == 0


# ---- compiling, with stand-ins for the compiler


def same(module: nn.Module, mode: str) -> None:
    """A compiler that computes the same."""
    module._compiled_call_impl = module._call_impl


def refusing(module: nn.Module, mode: str) -> None:
    """One that fails when it is first run, as the real one does."""

    def fail(*given: object) -> None:
        raise RuntimeError("cannot be differentiated twice")

    module._compiled_call_impl = fail


def wrong(module: nn.Module, mode: str) -> None:
    """One that computes something else."""

    def scaled(*given: object) -> object:
        result = module._call_impl(*given)
        return tuple(1.1 * each for each in result) if isinstance(result, tuple) else 1.1 * result

    module._compiled_call_impl = scaled


def prove(family: str, compiler) -> tuple[Training, dict[str, str]]:
    """A training, and what of its model passed."""
    training = Training(made(family, GREY), pictures(GREY), Plan(threads=1))
    return training, compile_proven(training.model, *training._batch(), training.dtype, compiler)


@pytest.mark.parametrize("family", list(FAMILIES))
def test_only_what_computes_the_same_is_compiled(family) -> None:
    training, passed = prove(family, same)
    assert set(passed) == {name for name, _ in training.model.named_children()}
    for compiler in (refusing, wrong):
        training, passed = prove(family, compiler)
        assert passed == {}
        assert all(child._compiled_call_impl is None for child in training.model.children())


def test_a_network_that_fails_does_not_keep_the_others_back() -> None:
    def partly(module: nn.Module, mode: str) -> None:
        (refusing if hasattr(module, "verdict") else same)(module, mode)

    training, passed = prove("gan", partly)
    assert set(passed) == {"generator"}
    training.advance()


def test_training_goes_on_without_when_something_compiled_fails_later() -> None:
    training = Training(made("vae", GREY), pictures(GREY), Plan(threads=1))
    plain = Training(made("vae", GREY), pictures(GREY), Plan(threads=1))
    training.advance(), plain.advance()
    refusing(training.model.decoder, "default")
    training.compiled = {"decoder": "default"}
    training.advance(), plain.advance()
    assert training.compiled == {}
    kept, expected = training.tensors(), plain.tensors()
    learned = [name for name in kept if "running" not in name and "num_batches" not in name]  # the failed try ran, too
    assert learned
    assert all(torch.equal(kept[name], expected[name]) for name in learned)


def test_a_failure_that_is_nobody_elses_is_raised() -> None:
    training = Training(made("vae", GREY), pictures(GREY), Plan(threads=1))
    refusing(training.model.decoder, "default")
    with pytest.raises(RuntimeError):
        training.advance()


def test_compiled_networks_are_saved_under_the_same_names() -> None:
    training = Training(made("vae", GREY), pictures(GREY), Plan(threads=1))
    names = set(training.tensors())
    in_place(training.model.decoder, "default")
    assert set(training.tensors()) == names
