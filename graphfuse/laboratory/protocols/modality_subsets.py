"""Complete training rows, and test rows reduced to every subset of the modalities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import torch

from ...checks import check_count
from ...data import Dataset
from .base import Protocol, Trial
from .levels import needs_two_modalities

_JOINED = "+"


@dataclass(frozen=True)
class ModalitySubsets(Protocol):
    """Trained on rows as they come, a model is asked for the test rows with one subset of the modalities at a time.

    The full set is the reference. Where the non-empty subsets are more than ``max_subsets``, the full set, all single
    modalities and all that leave one out are asked, even if these are more, and the rest is drawn uniformly among the
    others. A row that came with none of a subset is asked with nothing.

    Args:
        max_subsets: How many subsets are asked at most.

    Raises:
        TypeError: If the count is no integer.
        ValueError: If it is below 1.

    Example:
        >>> from graphfuse import load
        >>> data = load("breast_cancer")
        >>> trial = ModalitySubsets().draw(data[:400], data[400:], "complete", torch.Generator())
        >>> tuple(trial.tests)
        ('mean+error+worst', 'mean+error', 'mean+worst', 'error+worst', 'mean', 'error', 'worst')

    Reference: Choi and Lee (2019), EmbraceNet: A robust deep learning architecture for multimodal classification.
    """

    question = "How does a model trained on all modalities do with each subset of them?"
    axis = "number of modalities kept"

    max_subsets: int = 64

    def __post_init__(self) -> None:
        check_count("max_subsets", self.max_subsets)

    def refusal(self, dataset: Dataset) -> str | None:
        for name in dataset.batch.modalities:
            if _JOINED in name:
                return f"names of subsets join modalities by {_JOINED!r}, which {name!r} of {dataset.name!r} holds"
        return needs_two_modalities(dataset)

    def conditions(self, dataset: Dataset) -> tuple[str, ...]:
        return ("complete",)

    def draw(self, train: Dataset, test: Dataset, condition: str, generator: torch.Generator) -> Trial:
        self._check_condition(train, condition)
        batch, tests, levels = test.batch, {}, {}
        nothing = torch.zeros(batch.shape, dtype=torch.bool)
        for subset in self._subsets(batch.modalities, generator):
            name = _JOINED.join(subset)
            lost = {each: nothing for each in batch.modalities if each not in subset}
            tests[name] = replace(test, batch=batch.keep(lost))
            levels[name] = float(len(subset))
        return Trial(train, tests, levels)

    def _subsets(self, names: Sequence[str], generator: torch.Generator) -> list[tuple[str, ...]]:
        """Large subsets first, each in the order of the modalities."""
        sizes = range(len(names), 0, -1)
        if 2 ** len(names) - 1 <= self.max_subsets:
            return [subset for size in sizes for subset in combinations(names, size)]
        found = {subset for size in (len(names), len(names) - 1, 1) for subset in combinations(names, size)}
        while len(found) < self.max_subsets:
            kept = torch.randint(2, (len(names),), generator=generator).tolist()
            found |= {tuple(name for name, keep in zip(names, kept, strict=True) if keep)} - {()}
        place = {name: i for i, name in enumerate(names)}
        return sorted(found, key=lambda subset: (-len(subset), [place[name] for name in subset]))
