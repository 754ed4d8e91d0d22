"""What does a ledger cost, does it add up on every data set, and does it name what leave-one-out names?

python -m tests.benchmarks.explain_cost [--data NAME ...]

10 000 rows of 8 modalities with 4 columns, Shapley values over all 256 subsets of each row, process CPU time of all
threads, one call. Encoding is timed apart. Then every data set that is there: a default classifier, of one linear
expert a modality where one has more than 1000 columns, is fitted to a random part of the rows, and the others are
explained. Compared are the sum of the ledger with the log-odds of predict_log_proba, and the entry of leave-one-out
with the change of these log-odds when the modality is taken from the row. Agreement is the share of rows in which the
largest Shapley value and the largest entry of leave-one-out are of the same modality, of rows with two or more.
"""

import argparse
import os
import time
import warnings
from math import prod

import numpy as np
import torch
from scipy.special import logsumexp
from sklearn.naive_bayes import GaussianNB

from graphfuse import FusionClassifier, ModalityBatch, TabularEncoder, load, star
from graphfuse.data import Dataset, available
from graphfuse.explanations.ledger import ledger

NUM_ROWS, NUM_MODALITIES, NUM_COLUMNS = 10_000, 8, 4
MOST_TRAIN, MOST_EXPLAINED = 400, 2000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="*", default=available(), help="data sets; all if not given")
    names = parser.parse_args().data
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print("model                        gaps  experts  joint  encoding s  ledger s")
    for gaps in (0.0, 0.3):
        for name, model in models().items():
            X, _ = rows(NUM_ROWS, gaps, seed=1)
            start = time.process_time()
            answers = model._answers(X)
            middle = time.process_time()
            ledger(answers, 1, "shapley", None)
            end = time.process_time()
            cells = f"{len(model.sources_):8d} {'yes' if model.joint_ else 'no':>6s}"
            print(f"{name:28s} {gaps:4.0%} {cells} {middle - start:11.2f} {end - middle:9.2f}")
    print("\ndata set                 trained  explained  modalities  sum, nats  removal, nats  same modality first")
    for name in names:
        try:
            data = load(name)
        except FileNotFoundError:
            continue
        print(f"{name:24s} {exactness(data)}", flush=True)


def models() -> dict[str, FusionClassifier]:
    X, y = rows(300, 0.2, seed=0)
    quick = {"encoders": GaussianNB(), "random_state": 0}
    return {
        "star": FusionClassifier(**quick, structure=star).fit(X, y),
        "correlated, without joint": FusionClassifier(joint_encoder=None, random_state=0).fit(X, y),
        "correlated, joint bayes": FusionClassifier(**quick, joint_encoder=GaussianNB()).fit(*rows(300, 0.2, 0, True)),
        "default": FusionClassifier(random_state=0).fit(*rows(300, 0.2, 0, True)),
    }


def rows(num_rows: int, gaps: float, seed: int, across: bool = False) -> tuple[ModalityBatch, np.ndarray]:
    """Modalities that speak of two classes, and, if ``across``, an effect that no modality sees alone."""
    draws = np.random.default_rng(seed)
    y = draws.integers(0, 2, num_rows)
    X = {f"m{i}": draws.normal(size=(num_rows, NUM_COLUMNS)) + 0.3 * y[:, None] for i in range(NUM_MODALITIES)}
    if across:
        X["m0"][:, 0] = np.where(y == 1, 1, -1) * np.sign(X["m1"][:, 0]) * np.abs(X["m0"][:, 0])
    for values in X.values():
        values[draws.random(num_rows) < gaps] = np.nan
    return ModalityBatch(X), y


def exactness(data: Dataset) -> str:
    """Largest gaps over rows and modalities, and the agreement."""
    order = np.random.default_rng(0).permutation(len(data))
    num_train = min(MOST_TRAIN, 3 * len(data) // 4)
    train, test = order[:num_train], order[num_train : num_train + MOST_EXPLAINED]
    with warnings.catch_warnings(action="ignore"):
        wide = max(prod(values.shape[1:]) for values in data.batch.inputs.values()) > 1000
        model = FusionClassifier(encoders=TabularEncoder() if wide else None, random_state=0)
        model.fit(data.batch[train], data.labels[train])
        batch, state = data.batch[test], 1
        label = None if len(model.classes_) == 2 else model.classes_[state]
        shapley, removal = (model.explain(batch, label, effects) for effects in ("shapley", "removal"))
        names = list(batch.modalities)
        whole = log_odds(model, batch, state)
        gaps = []
        for name in names:
            here = batch.present[name].numpy()
            kept = {name: torch.zeros(len(batch), dtype=torch.bool)}
            change = whole - log_odds(model, batch.keep(kept), state)
            gaps.append(np.abs(removal[name].to_numpy() - change)[here].max(initial=0.0))
    off = max(float(np.abs(each.sum(axis=1).to_numpy() - whole).max()) for each in (shapley, removal))
    first = [each[names].abs().to_numpy().argmax(1) for each in (shapley, removal)]
    several = sum(batch.present[each].numpy().astype(int) for each in names) > 1
    same = f"{(first[0] == first[1])[several].mean():19.1%}" if several.any() else f"{'one modality':>19s}"
    return f"{num_train:7d}  {len(test):9d}  {len(names):10d}  {off:9.0e}  {max(gaps):13.0e}  {same}"


def log_odds(model: FusionClassifier, batch: ModalityBatch, state: int) -> np.ndarray:
    log_probs = model.predict_log_proba(batch)
    return log_probs[:, state] - logsumexp(np.delete(log_probs, state, axis=1), axis=1)


if __name__ == "__main__":
    main()
