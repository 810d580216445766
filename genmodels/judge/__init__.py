"""The judge: features that see how good pictures are, and classifiers of real pictures; no network needed."""

from __future__ import annotations

from .classifiers import Classifier, classifier
from .digits import digit_judge
from .network import Judge, judge

__all__ = ["Classifier", "Judge", "classifier", "digit_judge", "judge"]
