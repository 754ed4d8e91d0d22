"""Numbers in the settings of protocols, and in the names of their conditions: two decimals, so a name tells all."""

from __future__ import annotations

import re
from collections.abc import Iterable
from math import inf, isfinite
from typing import Any

from ...checks import invalid
from ...data import Dataset


def checked_levels(argument: str, values: Any, highest: float = inf) -> tuple[float, ...]:
    """Numbers as a tuple; refused unless each lies in [0, highest], has two decimals at most, and occurs once."""
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise invalid(argument, "be a sequence of numbers", repr(values), TypeError)
    found = tuple(checked_number(f"each of {argument}", value, highest) for value in values)
    if not found:
        raise invalid(argument, "hold at least one number", "none")
    for value in found:
        if value != round(value, 2):
            raise invalid(f"each of {argument}", "have two decimals at most, as the names of conditions", value)
        if found.count(value) > 1:
            raise invalid(argument, "hold each number once", f"{value:g} more than once")
    return found


def checked_number(argument: str, value: Any, highest: float = 1.0) -> float:
    """A number as a float; refused outside [0, highest]."""
    if isinstance(value, bool) or not hasattr(value, "__float__"):
        raise invalid(argument, "be a number", repr(value), TypeError)
    if not (isfinite(value) and 0.0 <= value <= highest):
        must = f"be between 0 and {highest:g}" if isfinite(highest) else "be finite and not negative"
        raise invalid(argument, must, value)
    return float(value) + 0.0  # a negative zero would have a name of its own


def level_name(stem: str, level: float) -> str:
    """The name of a condition: ``"rate 0.30"``."""
    return f"{stem} {level:.2f}"


def level_of(condition: str, *stems: str) -> tuple[str, float]:
    """What stands before the number in the name of a condition, one of the stems, and the number."""
    stem, _, number = condition.rpartition(" ")
    if stem not in stems or not re.fullmatch(r"\d+\.\d\d", number):
        raise invalid("condition", f"be {' or '.join(map(repr, stems))} and a number of two decimals", repr(condition))
    return stem, float(number)


def needs_two_modalities(dataset: Dataset) -> str | None:
    """The refusal of a data set with one modality."""
    if len(dataset.batch.modalities) >= 2:
        return None
    return f"it takes two modalities; {dataset.name!r} has one, {dataset.batch.modalities[0]!r}"
