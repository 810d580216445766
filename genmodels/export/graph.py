"""A model's drawing half as an ONNX graph: traced, stripped, in half precision if wanted, and compared with torch."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from torch import Tensor, nn

from ..models.base import GenerativeModel, labels_of, latents

OPSET = 18  # of all torch versions from 2.8 on the one that needs no conversion; every runtime since 2023 knows it
EXAMPLE = 4  # pictures in the traced batch: 0 and 1 would be taken for constants
LARGE = 256  # numbers in a weight from which on halving it is worth a node
BATCHES = ((1, 0.0), (3, 0.5), (16, 1.0), (5, 1.5))  # pictures and diversity, to compare with


class Drawing(nn.Module):
    """All between chance and picture as one function."""

    def __init__(self, model: GenerativeModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, noise: Tensor, choice: Tensor, diversity: Tensor, label: Tensor | None = None) -> Tensor:
        """[n, latent], [n], [1] and, for a model with classes, [n] -> images [n, c, h, w]."""
        return self.model.decode(self.model.draw(noise, choice, label, diversity), label)


def inputs(model: GenerativeModel, seed: int, count: int, diversity: float) -> dict[str, Tensor]:
    """What a graph takes to draw pictures 0 to `count` of a seed, as this studio would draw them."""
    noise, choice = latents(seed, range(count), model.latent_size)
    found = {"noise": noise, "choice": choice, "diversity": np.full(1, diversity, np.float32)}
    if model.picture.classes:
        found["label"] = labels_of(seed, range(count), len(model.picture.classes))
    return {name: torch.from_numpy(value) for name, value in found.items()}


@torch.no_grad()
def trace(model: GenerativeModel, facts: dict[str, str]) -> onnx.ModelProto:
    """One graph for any number of pictures; `facts` become its metadata.

    torch.export first, so that a batch that turns out to be fixed is an error here: torch.onnx alone would try less
    strict ways and fix it. What torch notes about its own source files stays out.
    """
    drawing = Drawing(model).eval()
    given = inputs(model, 0, EXAMPLE, 1.0)
    batch = torch.export.Dim("pictures")
    shapes = {name: None if name == "diversity" else {0: batch} for name in given}
    with _quiet():
        program = torch.export.export(drawing, (), kwargs=given, dynamic_shapes=shapes, strict=False)
        traced = torch.onnx.export(
            program,
            dynamo=True,
            opset_version=OPSET,
            input_names=list(given),
            output_names=["images"],
            verbose=False,
            external_data=False,
        )
    graph = traced.model_proto
    for part in (*graph.graph.node, *graph.graph.value_info, graph.graph, *graph.graph.input, *graph.graph.output):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    helper.set_model_props(graph, facts)
    return graph


def halve(graph: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph with its weights in half precision: half the bytes. It computes in full precision as before."""
    found = onnx.ModelProto()
    found.CopyFrom(graph)
    casts = []
    for weight in found.graph.initializer:
        if weight.data_type == onnx.TensorProto.FLOAT and np.prod(weight.dims) >= LARGE:
            name = weight.name
            weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight).astype(np.float16), f"{name}.half"))
            casts.append(helper.make_node("Cast", [f"{name}.half"], [name], to=onnx.TensorProto.FLOAT))
    nodes = list(found.graph.node)
    del found.graph.node[:]
    found.graph.node.extend([*casts, *nodes])
    onnx.checker.check_model(found)
    return found


@torch.no_grad()
def differences(graph: onnx.ModelProto, model: GenerativeModel) -> np.ndarray:
    """How far its pictures are from torch's, [n, c, h, w], by ONNX's own reference in numpy."""
    drawing, reference, found = Drawing(model).eval(), ReferenceEvaluator(graph), []
    for seed, (count, diversity) in enumerate(BATCHES):
        given = inputs(model, seed, count, diversity)
        (made,) = reference.run(None, {name: value.numpy() for name, value in given.items()})
        found.append(np.abs(made - drawing(**given).numpy()))
    return np.concatenate(found)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without what torch says to its own developers."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
