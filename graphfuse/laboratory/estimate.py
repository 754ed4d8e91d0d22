"""How long a run will take, told before it starts: from what models took before, else from their listed costs."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median

from .cells import CellStore
from .models import model_entry
from .plan import Plan, TrialPlan
from .trial import finished

_OVERHEAD = 0.3  # seconds of a cell that no fit takes: asking, scoring, checking


def estimate_seconds(plan: Plan, store: CellStore, jobs: int) -> tuple[int, float]:
    """How many cells are left to compute, and about how many seconds they take.

    The listed cost of a model is scaled by the training rows, the columns and the classes, then corrected by what the
    model took in the finished cells of the store. Expect a factor of two either way.
    """
    left = [(trial, model) for trial in plan.trials for model in trial.models if not finished(store, trial, model)]
    factors = _observed_factors(plan, store)
    usual = median(factors.values()) if factors else 1.0
    seconds = sum(listed_seconds(trial, model) * factors.get(model, usual) + _OVERHEAD for trial, model in left)
    return len(left), seconds / max(1, min(jobs, len(plan.trials)))


def listed_seconds(trial: TrialPlan, model: str) -> float:
    """The listed cost of a model, scaled to a trial."""
    num_rows, num_columns, num_classes = trial.size
    rows = num_rows * (1 - trial.test_fraction) / 1000
    return model_entry(model).seconds * rows * max(1.0, num_columns / 30) ** 0.7 * (num_classes / 2) ** 0.7


def spoken(seconds: float) -> str:
    """A duration as a person says it.

    Example:
        >>> spoken(42), spoken(640), spoken(9000)
        ('less than a minute', '11 minutes', '2.5 hours')
    """
    if seconds < 60:
        return "less than a minute"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"


def _observed_factors(plan: Plan, store: CellStore) -> Mapping[str, float]:
    """By model, how much longer than listed its finished cells took."""
    ratios: dict[str, list[float]] = {}
    for trial in plan.trials:
        for model in trial.models:
            cell = store.read(trial.key(model))
            if cell is not None and cell.get("status") == "finished":
                taken = cell["fit_seconds"] + cell["predict_seconds"]
                ratios.setdefault(model, []).append(taken / listed_seconds(trial, model))
    return {model: median(found) for model, found in ratios.items()}
