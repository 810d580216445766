"""The judge: features that see how good pictures are, and classifiers of real pictures; no network needed."""

from __future__ import annotations

from .classifiers import Classifier, classifier
from .digits import digit_judge
from .inception import inception
from .network import Judge, judge

__all__ = ["Classifier", "Judge", "classifier", "digit_judge", "inception", "judge", "named"]


def named(features: str) -> Judge:
    """The judge that a setting names: "studio", "inception", or the file of a digit judge. Raises Trouble."""
    return {"studio": judge, "inception": inception}.get(features, lambda: digit_judge(features))()
