"""Does choosing the next test patient by patient beat the best order that is the same for all?

python examples/experiments/next_test.py [--repeats N] [--root FOLDER] [--out FOLDER]

The 297 patients of Cleveland who have every test; age and sex are known, the other seven groups of tests come one by
one. Five folds, stratified, as many times as repeats; FusionClassifier with its defaults. After each test all patients
of the test fold are ranked by the probability of disease; the score is the area under AUROC against the number of
tests, by the trapezoidal rule from none to seven, over seven. The best order for all is found exactly, over all orders,
by the same area on the training rows, which are scored out of fold. `greedy` reads the test of the most expected
information, `two ahead` the first of the best two, `both of two` the one whose information now and after the next is
most together. `random` is the mean of five orders, drawn for each patient. Intervals are 95 %, corrected for the
overlap of the folds.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that spin while they wait slow small fits down manifold

import numpy as np
import torch
from sklearn.model_selection import StratifiedKFold

import graphfuse as gf
from graphfuse.estimators.base import TARGET
from graphfuse.estimators.score_answers import answer_of
from graphfuse.evaluation import auroc, mean_interval
from graphfuse.pages.page import write_whole

KNOWN, NUM_FOLDS, READINGS = "demographics", 5, 8
Policy = Callable[[np.ndarray], np.ndarray]  # which are known, bool (rows, modalities) -> which to read, (rows,)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3, help="of the five folds")
    parser.add_argument("--root", type=Path, help="folder of the data sets; GRAPHFUSE_DATA if not given")
    parser.add_argument("--out", type=Path, default=Path("results"), help="folder for the table")
    arguments = parser.parse_args()
    data = gf.load("heart_disease", arguments.root)
    data = data[np.array(data.sites) == "Cleveland"]
    whole = torch.stack(list(data.batch.present.values())).all(0).numpy()
    frame = data.batch.to_frame()
    data = data[whole & frame.notna().all(axis=1).to_numpy()]
    curves: dict[str, list[list[float]]] = {}
    for seed in range(arguments.repeats):
        folds = StratifiedKFold(NUM_FOLDS, shuffle=True, random_state=seed).split(data.labels, data.labels)
        for train, test in folds:
            model = gf.FusionClassifier(random_state=seed).fit(data.batch[train], data.labels[train])
            for name, curve in measured(model, data[test], seed).items():
                curves.setdefault(name, []).append(curve)
            print(seed, {name: round(area(found[-1]), 4) for name, found in curves.items()}, flush=True)
    page = markdown({name: np.array(found) for name, found in curves.items()}, len(data))
    print(page)
    question, _, caption = __doc__.split("\n\n", 2)
    write_whole(arguments.out / "next_test.md", f"# {question}\n\n{caption.strip()}\n\n{page}\n".encode())


def measured(model: gf.FusionClassifier, test: gf.Dataset, seed: int) -> dict[str, list[float]]:
    """By policy the AUROC after none to seven tests."""
    names, draw = list(test.batch.modalities), np.random.default_rng(seed)
    order = [names.index(name) for name in best_order(model, names)]

    def fixed(known: np.ndarray) -> np.ndarray:
        return np.array([next(i for i in order if not row[i]) for row in known])

    def at_random(known: np.ndarray) -> np.ndarray:
        return np.where(known, -1.0, draw.random(known.shape)).argmax(1)

    def ahead(weights: tuple[float, float]) -> Policy:
        return lambda known: np.where(known, -np.inf, values(model, test.batch, known, weights)).argmax(1)

    found = {
        "best order for all": followed(model, test, fixed),
        "greedy": followed(model, test, ahead((1.0, 0.0))),
        "two ahead": followed(model, test, ahead((0.0, 1.0))),
        "both of two": followed(model, test, ahead((1.0, 1.0))),
    }
    return {"random": np.mean([followed(model, test, at_random) for _ in range(5)], 0).tolist()} | found


def shown(batch: gf.ModalityBatch, known: np.ndarray) -> gf.ModalityBatch:
    return batch.keep({name: torch.from_numpy(known[:, i]) for i, name in enumerate(batch.modalities)})


def followed(model: gf.FusionClassifier, test: gf.Dataset, policy: Policy) -> list[float]:
    """AUROC after none, one, … of the tests that the policy reads."""
    names = list(test.batch.modalities)
    known = np.repeat([[name == KNOWN for name in names]], len(test), 0)
    states, curve = test.batch.targets[test.target.name], []
    while True:
        curve.append(auroc(torch.from_numpy(model.predict_log_proba(shown(test.batch, known))), states))
        if known.all():
            return curve
        known[np.arange(len(test)), policy(known)] = True


def values(
    model: gf.FusionClassifier, batch: gf.ModalityBatch, known: np.ndarray, weights: tuple[float, float]
) -> np.ndarray:
    """Expected information of each test now, and of it and the best one after it, weighted."""
    rows, total = shown(batch, known), np.zeros(known.shape)
    left = int((~known).sum(1).max())
    for horizon, weight in enumerate(weights, 1):
        if weight:
            found = model.next_modality(
                rows, horizon=min(horizon, left), max_readings=READINGS if horizon > 1 else None
            )
            total += weight * np.nan_to_num(found[list(batch.modalities)].to_numpy(dtype=float))
    return total


def best_order(model: gf.FusionClassifier, names: list[str]) -> list[str]:
    """The order of the largest area on the training rows, each scored by experts that were not fitted to it."""
    answer = answer_of(model.model_, TARGET, model.sources_, model.seen_together_)
    batch = model.reference_.batch
    states = batch.targets[TARGET]
    tests = [name for name in names if name != KNOWN]
    worth: dict[frozenset[str], float] = {}
    best: dict[frozenset[str], tuple[float, list[str]]] = {frozenset(): (0.0, [])}
    for size in range(1, len(tests) + 1):
        for subset in map(frozenset, combinations(tests, size)):
            heard = {
                each: torch.full((len(batch),), read == KNOWN or read in subset)
                for each, read in model.sources_.items()
            }
            worth[subset] = auroc(answer(batch.keep(heard)).double(), states)
            before = max((best[subset - {last}][0], last) for last in subset)
            sums, order = best[subset - {before[1]}]
            best[subset] = (sums + worth[subset] * (0.5 if size == len(tests) else 1.0), [*order, before[1]])
    return best[frozenset(tests)][1]


def area(curve: list[float] | np.ndarray) -> float:
    """By the trapezoidal rule, over its width."""
    return float(np.trapezoid(curve) / (len(curve) - 1))


def markdown(curves: dict[str, np.ndarray], num_rows: int) -> str:
    """Areas with intervals, differences from the best order, and the mean curves."""
    reference = np.array([area(each) for each in curves["best order for all"]])
    lines = ["| policy | area | more than the best order |", "| --- | --: | --: |"]
    for name, found in curves.items():
        areas = np.array([area(each) for each in found])
        mean, half = mean_interval(areas, 1 / NUM_FOLDS)
        more, around = mean_interval(areas - reference, 1 / NUM_FOLDS)
        beside = "" if name == "best order for all" else f"{more:+.4f} ± {around:.4f}".replace("-", "\N{MINUS SIGN}")
        lines.append(f"| {name} | {mean:.4f} ± {half:.4f} | {beside} |")
    steps = len(curves["greedy"][0])
    lines += ["", f"| AUROC after | {' | '.join(map(str, range(steps)))} |", f"| --- |{' --: |' * steps}"]
    lines += [f"| {name} | {' | '.join(f'{value:.3f}' for value in found.mean(0))} |" for name, found in curves.items()]
    return f"{num_rows} patients, {len(curves['greedy'])} fits.\n\n" + "\n".join(lines)


if __name__ == "__main__":
    main()
