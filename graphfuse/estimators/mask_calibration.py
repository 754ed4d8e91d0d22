"""The calibration of a graph over scores by who is present, from training rows that were held out of the graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from warnings import warn

import numpy as np

from ..checks import invalid, listed
from ..fusion import GraphFusion
from ..graph import FactorGraph
from ..learning import MaskTemperatures, PooledTemperatures
from .fusion_choice import Candidate, ScoredRows, held_out_answers
from .score_answers import heard_by


def checked_calibration(calibration: Any, graph: FactorGraph | None, target: str) -> PooledTemperatures | None:
    """How to calibrate, as the user says it; None for not at all.

    Args:
        calibration: None, ``"masks"`` or ``PooledTemperatures``.
        graph: The structure that was given, if one was.
        target: The variable that modalities must speak of.

    Raises:
        TypeError: If it is something else.
        ValueError: If it is another string, or the graph has more variables than the target.
    """
    if calibration is None:
        return None
    must = 'be None, "masks", or PooledTemperatures'
    if isinstance(calibration, str) and calibration != "masks":
        raise invalid("calibration", must, repr(calibration))
    found = PooledTemperatures() if isinstance(calibration, str) else calibration
    if not isinstance(found, PooledTemperatures):
        raise invalid("calibration", must, repr(calibration), TypeError)
    if graph is not None and set(graph.num_states) != {target}:
        must = f"be None where structure has variables beside {target!r}, of which modalities speak"
        raise invalid("calibration", must, f"{calibration!r} and variables {listed(sorted(graph.num_states))}")
    return found


def mask_temperatures(
    calibration: PooledTemperatures,
    candidate: Candidate,
    scored: ScoredRows,
    sources: Mapping[str, str],
    prior: np.ndarray,
    stray_share: float,
    seed: int,
    finish: Callable[[GraphFusion], None],
) -> MaskTemperatures:
    """The temperature of every mask, from rows that the graph was not fitted to, each under its subsets.

    The copies of a row count together as one. Masks are bool, by modality in alphabetical order.

    Args:
        calibration: How.
        candidate: The graph that was chosen.
        scored: Rows.
        sources: By source, the modality that it reads.
        prior: Class frequencies.
        stray_share: The share of rows that the graph, once widened, takes to be unlike all others.
        seed: Of the folds.
        finish: Sets what is not trained, before and after training.
    """
    answers, held = held_out_answers(candidate, scored, seed, finish)
    modalities = sorted(set(sources.values()))
    own = {name: sources[name] for name in candidate.sources if name in sources}
    masks = np.stack([heard_by(batch[held], own, modalities) for batch in scored.subsets])
    copies = len(scored.subsets)
    return calibration.fit(
        answers.reshape(-1, answers.shape[-1]),
        masks.reshape(-1, len(modalities)),
        np.tile(scored.states[held], copies),
        np.log(prior),
        stray_share,
        np.tile(scored.counts_for[held], copies) / copies,
    )


def warn_of_new_masks(temperatures: MaskTemperatures, present: np.ndarray) -> None:
    """Say how many rows have modalities under which no held-out row was seen, bool ``(rows, num_modalities)``."""
    new = present.any(axis=1) & ~temperatures.seen(present)
    if new.any():
        warn(
            f"{new.sum()} of {len(new)} rows have sets of modalities that calibration did not meet: their temperature "
            "is what similar sets suggest, and wider by what these leave open.",
            stacklevel=4,
        )
