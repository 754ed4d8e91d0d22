"""Block patterns: each row keeps one of a few sets of modalities, as patients of different clinics have other tests."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import isclose

import torch

from ...checks import check_known, check_names, check_type, invalid
from ..batch import ModalityBatch
from .base import Missingness, checked_rate, uniform


@dataclass(frozen=True)
class BlockPatterns(Missingness):
    """Each row keeps the modalities of one pattern, drawn with its probability; all others are lost.

    Modalities go missing together, and which do is drawn without looking at values or labels.

    Args:
        patterns: By set of kept modalities (a tuple or frozenset; the empty one loses everything) its probability;
            together they sum to 1.
        at_least_one: Whether a row that loses everything gets a modality back.

    Raises:
        TypeError: If a pattern is a bare string, or a probability no number.
        ValueError: If a probability is outside [0, 1], they do not sum to 1, a pattern is given twice or, in ``apply``,
            names an unknown modality.

    Example:
        >>> batch = ModalityBatch({name: torch.zeros(1000) for name in ("age", "ecg", "scan")})
        >>> clinics = BlockPatterns({("age", "ecg"): 0.7, ("age", "scan"): 0.3})
        >>> kept = clinics.apply(batch, torch.Generator().manual_seed(0)).present
        >>> bool(kept["age"].all()), bool((kept["ecg"] ^ kept["scan"]).all()), 650 < int(kept["ecg"].sum()) < 750
        (True, True, True)

    Reference: Xue and Qu (2021), Integrating Multisource Block-Wise Missing Data in Model Selection.
    """

    patterns: Mapping[Collection[str], float]

    def __post_init__(self) -> None:
        check_type("patterns", self.patterns, Mapping, "be a mapping from kept modalities to probabilities")
        found: dict[tuple[str, ...], float] = {}
        for pattern, probability in self.patterns.items():
            kept = check_names("each pattern", sorted(pattern) if isinstance(pattern, frozenset) else pattern)
            if any(set(kept) == set(other) for other in found):
                raise invalid("patterns", "hold each set of modalities once", f"{kept} twice")
            found[kept] = checked_rate(f"the probability of {kept}", probability)
        if not isclose(sum(found.values()), 1.0, abs_tol=1e-6):
            raise invalid("the probabilities of patterns", "sum to 1", f"{sum(found.values()):g}")
        object.__setattr__(self, "patterns", found)

    def _draw(self, batch: ModalityBatch, generator: torch.Generator) -> ModalityBatch:
        for name in (name for pattern in self.patterns for name in pattern):
            check_known("each modality in patterns", name, batch.inputs)
        weights = torch.tensor(list(self.patterns.values()), dtype=torch.float64, device=generator.device)
        below = weights.cumsum(0) / weights.sum()
        last = int(weights.nonzero().max())
        drawn = torch.bucketize(uniform(batch.shape, generator).double(), below, right=True).clamp(max=last)
        kept = {}
        for name, present in batch.present.items():
            holds = torch.tensor([name in pattern for pattern in self.patterns], device=drawn.device)
            kept[name] = holds[drawn].to(present.device)
        return batch.keep(kept)
