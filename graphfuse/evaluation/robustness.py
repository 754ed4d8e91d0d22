"""A score along increasing levels of damage, such as the rate of missing modalities, as one number."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..checks import check_count, invalid

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def area_under_levels(levels: ArrayLike, values: ArrayLike) -> float:
    """The mean height of a curve of scores over its levels: the area by the trapezoid rule, divided by their range.

    Args:
        levels: Levels of damage, strictly increasing, ``(num_levels,)``.
        values: The score at each level, ``(num_levels,)``.

    Returns:
        A number in the unit of the score; a score that never changes gets itself.

    Raises:
        ValueError: If there are fewer than two levels, they do not increase, the lengths disagree, or a number is not
            finite.

    Example:
        >>> round(area_under_levels([0.0, 0.5, 1.0], [0.9, 0.8, 0.5]), 4)
        0.75

    Reference: Liang et al. (2021), MultiBench; there the area is not divided by the range.
    """
    places = _levels(levels)
    return float(np.trapezoid(_heights("values", values, places), places) / (places[-1] - places[0]))


def effective_robustness(levels: ArrayLike, values: ArrayLike, baseline: ArrayLike) -> float:
    """How much less a model loses to damage than a baseline does that starts as high, summed over the levels.

    The baseline is moved so that both agree at the first level, which stands for no damage and adds nothing to the sum.
    The sum grows with the number of levels; of a score that is better when lower, turn the sign.

    Args:
        levels: Levels of damage, strictly increasing, ``(num_levels,)``; the sum does not weigh them.
        values: The score of the model at each level, ``(num_levels,)``.
        baseline: The score of the baseline at each level, ``(num_levels,)``; in MultiBench that of late fusion.

    Returns:
        A number in the unit of the score; zero if the model loses exactly what the baseline loses.

    Raises:
        ValueError: As for ``area_under_levels``.

    Example:
        >>> round(effective_robustness([0.0, 0.5, 1.0], [0.9, 0.8, 0.5], [0.8, 0.6, 0.3]), 4)
        0.2

    Reference: Liang et al. (2021), MultiBench; Taori et al. (2020), Measuring robustness to natural distribution
    shifts in image classification.
    """
    places = _levels(levels)
    heights, others = _heights("values", values, places), _heights("baseline", baseline, places)
    return float(((heights - heights[0]) - (others - others[0])).sum())


def _levels(levels: ArrayLike) -> NDArray[np.float64]:
    places = _numbers("levels", levels)
    check_count("the number of levels", len(places), 2)
    steps = np.diff(places)
    if (steps <= 0).any():
        at = int((steps <= 0).argmax())
        raise invalid("levels", "increase strictly", f"{places[at]:g} before {places[at + 1]:g}")
    return places


def _heights(argument: str, values: ArrayLike, places: NDArray[np.float64]) -> NDArray[np.float64]:
    heights = _numbers(argument, values)
    if len(heights) != len(places):
        raise invalid(argument, f"have one number for each of the {len(places)} levels", f"{len(heights)} numbers")
    return heights


def _numbers(argument: str, values: ArrayLike) -> NDArray[np.float64]:
    numbers = np.asarray(values, dtype=np.float64)
    if numbers.ndim != 1:
        raise invalid(argument, "have one dimension, one number a level", f"shape {numbers.shape}")
    if not np.isfinite(numbers).all():
        raise invalid(argument, "be finite", float(numbers[~np.isfinite(numbers)][0]))
    return numbers
