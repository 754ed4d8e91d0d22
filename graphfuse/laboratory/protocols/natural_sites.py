"""Test rows from a place that no training row comes from, with the gaps that each place has."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from ...checks import check_count, check_type, invalid
from ...data import Dataset
from .base import Protocol, Trial


@dataclass(frozen=True)
class NaturalSites(Protocol):
    """One site is left out of training and tested, each in turn; rows are as they come, and nothing is drawn.

    There are as many splits as sites, in alphabetical order, whatever the seeds. Groups of the data set are not kept
    together: one with rows at several sites is on both sides.

    Args:
        told: Whether models are told the sites of the training rows as groups, so that what they hold out to learn by
            is a site that they have not seen, as the test is.

    Example:
        >>> from graphfuse import Variable
        >>> from graphfuse.data import ModalityBatch
        >>> batch = ModalityBatch({"age": [61.0, 48.0, 55.0]}, targets={"flu": [0, 1, 0]})
        >>> visits = Dataset("visits", batch, Variable("flu", 2), sites=("Rome", "Bonn", "Rome"))
        >>> protocol = NaturalSites()
        >>> train, test = protocol.split(visits, 0, test_fraction=0.3, seed=0)
        >>> protocol.num_splits(visits, 10), protocol.split_name(visits, 0), train.tolist(), test.tolist()
        (2, 'Bonn', [0, 2], [1])

    Reference: Steyerberg and Harrell (2016), Prediction models need appropriate internal, internal-external, and
    external validation.
    """

    told: bool = False

    question = "How does a model do at a site that it has never seen?"
    keeps_groups = False

    def __post_init__(self) -> None:
        check_type("told", self.told, bool, "be a bool")

    def refusal(self, dataset: Dataset) -> str | None:
        if dataset.sites is None:
            return f"it takes rows whose sites are known; {dataset.name!r} has none"
        if len(set(dataset.sites)) < 2:
            return f"it takes two sites; {dataset.name!r} has {len(set(dataset.sites))}"
        return None

    def num_splits(self, dataset: Dataset, num_seeds: int) -> int:
        return len(_sites(dataset))

    def split_name(self, dataset: Dataset, split: int) -> str:
        """The site that a split leaves out."""
        check_count("split", split, minimum=0)
        sites = _sites(dataset)
        if split >= len(sites):
            raise invalid("split", f"be below the number of sites, {len(sites)}", split)
        return sites[split]

    def split(self, dataset: Dataset, split: int, test_fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
        left_out = self.split_name(dataset, split)
        is_test = np.array([site == left_out for site in dataset.sites or ()], dtype=bool)
        return np.flatnonzero(~is_test), np.flatnonzero(is_test)

    def conditions(self, dataset: Dataset) -> tuple[str, ...]:
        return ("other sites",)

    def draw(self, train: Dataset, test: Dataset, condition: str, generator: torch.Generator) -> Trial:
        self._check_condition(train, condition)
        return Trial(replace(train, groups=train.sites) if self.told else train, {"left-out site": test})


def _sites(dataset: Dataset) -> list[str]:
    if dataset.sites is None:
        raise invalid("sites", "be given for a site to be left out", f"None in the data set {dataset.name!r}")
    return sorted(set(dataset.sites))
