"""The contract of a model in the laboratory, and how one is made by name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ...data import Dataset, ModalityBatch
from ..encoder_cache import EncoderCache


class Model(ABC):
    """What is fitted to the training rows of a trial and asked for the test rows, which carry no targets."""

    @abstractmethod
    def fit(self, train: Dataset, seed: int) -> Any:
        """Fit to rows with gaps; whatever is chosen is chosen among these rows.

        Args:
            train: Rows whose target is known; a class may have none.
            seed: Of all that draws.
        """

    @abstractmethod
    def log_probs(self, batch: ModalityBatch) -> Tensor:
        """Normalized log-probabilities of the target's states, ``(num_rows, num_states)`` in nats; any row may have
        any gaps, and its answer does not depend on the other rows."""


@dataclass(frozen=True)
class ModelEntry:
    """A model as the laboratory lists it.

    Args:
        caption: What it is, in a phrase.
        make: Makes an unfitted one; it may have its encoders fitted through the cache.
        seconds: About how long a fit to 1000 rows of 30 columns in two classes takes, on one core.
        requires: The package that must be installed, if any.
    """

    caption: str
    make: Callable[[EncoderCache], Model]
    seconds: float
    requires: str | None = None
