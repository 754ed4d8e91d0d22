"""One trial: rows are split and hidden, then every model is fitted, asked and scored; each cell is kept at once."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any, Literal

import torch
from torch import Tensor

from ..data import ModalityBatch, missing_rates
from ..evaluation import confidence_rises
from .cells import CellStore
from .encoder_cache import EncoderCache
from .guards import (
    Answer,
    blanked,
    check_reads_rows_alone,
    check_split,
    check_unchanged,
    fingerprint,
    shared_groups,
    unseen_patterns,
    without_targets,
)
from .memory import PeakMemory
from .models import model_entry
from .plan import TrialPlan, code_digest, opened
from .protocols import make_protocol
from .protocols.base import Trial
from .scores import score

Event = tuple[Literal["started", "kept"], str]  # what happened, and the model

_MOST_WARNINGS = 5


def run_trial(plan: TrialPlan, store: CellStore) -> Iterator[Event]:
    """Compute and keep the cells of a trial that are not finished, and say of each that it is kept.

    A model that raises gives a cell that says so, and the next one follows.
    """
    todo = []
    for model in plan.models:
        if finished(store, plan, model):
            yield "kept", model
        else:
            todo.append(model)
    if not todo:
        return
    with one_thread():
        try:
            trial, notes = draw(plan)
        except Exception as error:  # whatever a protocol raises must not end the run
            for model in todo:
                store.write(plan.key(model), failure(error))
                yield "kept", model
            return
        answers = _true_answers(plan, trial)
        protocol = make_protocol(plan.protocol, plan.protocol_settings)
        split_name = protocol.split_name(opened(plan.data, plan.root).dataset, plan.split)
        cache = EncoderCache()
        for model in todo:
            yield "started", model
            found = _cell(plan, model, trial, answers, cache)
            store.write(plan.key(model), {**found, "split_name": split_name, "notes": notes, "code": code_digest()})
            yield "kept", model


def finished(store: CellStore, plan: TrialPlan, model: str) -> bool:
    """Whether the cell is there and sound; a failed one is tried again."""
    cell = store.read(plan.key(model))
    return cell is not None and cell.get("status") == "finished"


def failure(error: BaseException | str) -> dict[str, Any]:
    """The content of a cell that could not be computed."""
    if isinstance(error, str):
        return {"status": "failed", "message": error}
    notes = " ".join(getattr(error, "__notes__", ()))
    return {"status": "failed", "message": f"{type(error).__name__}: {error} {notes}".strip()}


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread for all that computes, so that numbers and times do not depend on how many jobs run."""
    from threadpoolctl import threadpool_limits

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(before)


def draw(plan: TrialPlan) -> tuple[Trial, list[str]]:
    """The rows of a trial, the same in every process, and what a reader should know of the split."""
    dataset = opened(plan.data, plan.root).dataset
    protocol = make_protocol(plan.protocol, plan.protocol_settings)
    train, test = protocol.split(dataset, plan.split, plan.test_fraction, plan.seed)
    notes = []
    if protocol.keeps_groups:
        check_split(dataset, train, test)
    elif both := shared_groups(dataset, train, test):
        notes.append(f"{len(both)} of {len(set(dataset.groups or ()))} groups have rows on both sides of the split.")
    generator = torch.Generator().manual_seed(plan.draw_seed("draw"))  # of all conditions: their gaps are paired
    trial = protocol.draw(dataset[train], dataset[test], plan.condition, generator)
    tests = {name: blanked(rows) for name, rows in trial.tests.items()}
    return Trial(blanked(trial.train), tests, trial.levels), notes


def _true_answers(plan: TrialPlan, trial: Trial) -> dict[str, Tensor | None]:
    truth = opened(plan.data, plan.root).truth
    return {name: None if truth is None else truth(test.batch) for name, test in trial.tests.items()}


def _cell(
    plan: TrialPlan, name: str, trial: Trial, answers: dict[str, Tensor | None], cache: EncoderCache
) -> dict[str, Any]:
    """Fit, ask and score one model."""
    memory, before = PeakMemory(), fingerprint(trial.train.batch)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            clock = _Clock(cache)
            model = model_entry(name).make(cache)
            model.fit(trial.train, plan.draw_seed("model"))
            fit_seconds = clock.seconds()
            check_unchanged("the training rows", before, trial.train.batch)
            clock = _Clock(cache)
            log_probs = {test: model.log_probs(without_targets(rows.batch)) for test, rows in trial.tests.items()}
            predict_seconds = clock.seconds()
            tests = [_scored(trial, test, log_probs[test], answers[test]) for test in trial.tests]
            reference = next(iter(trial.tests))
            shown = without_targets(trial.tests[reference].batch)
            check_reads_rows_alone(model.log_probs, shown, log_probs[reference])
            tests[0]["metrics"]["confidence_rises"] = rises(model.log_probs, shown, log_probs[reference])
        except Exception as error:  # a model that raises is a finding, and must not end the run
            return failure(error)
    messages = list(dict.fromkeys(str(warning.message) for warning in caught))
    return {
        "status": "finished",
        "message": "",
        "fit_seconds": round(fit_seconds, 4),
        "predict_seconds": round(predict_seconds, 4),
        "peak_mib": memory.mib(),
        "num_train": len(trial.train),
        "num_test": len(next(iter(trial.tests.values()))),
        "warnings": messages[:_MOST_WARNINGS],
        "tests": tests,
    }


class _Clock:
    """Seconds since it was made, and those that the cache had taken at first for what it gave since."""

    def __init__(self, cache: EncoderCache) -> None:
        self.cache, self.saved, self.started = cache, cache.saved_seconds, perf_counter()

    def seconds(self) -> float:
        return perf_counter() - self.started + self.cache.saved_seconds - self.saved


def _scored(trial: Trial, name: str, log_probs: Tensor, true_probs: Tensor | None) -> dict[str, Any]:
    test = trial.tests[name]
    found = score(log_probs, test.batch.targets[test.target.name], true_probs).plain()
    rates = missing_rates(test.batch)
    found["metrics"]["missing"] = sum(rates.values()) / len(rates)
    found["metrics"]["unseen_rows"] = float(unseen_patterns(trial.train.batch, test.batch).double().mean())
    level = trial.levels.get(name)
    return {"test": name, "level": None if level is None else float(level), "num_rows": len(test), **found}


def rises(answer: Answer, batch: ModalityBatch, log_probs: Tensor) -> float | None:
    """How often a model is surer of its answer after a modality was taken away, over rows and modalities.

    Rows count that keep something; None if there are none.
    """
    num_present = torch.stack(list(batch.present.values())).sum(0)
    total, higher = 0, 0.0
    for name in batch.modalities:
        rows = torch.nonzero(batch.present[name] & (num_present > 1)).flatten()
        if len(rows):
            fewer = batch[rows].keep({name: torch.zeros(len(rows), dtype=torch.bool)})
            higher += len(rows) * confidence_rises(log_probs[rows], answer(fewer))
            total += len(rows)
    return higher / total if total else None
