"""What does a ledger cost, and does it name the modality that leave-one-out names?

python -m tests.benchmarks.explain_cost

10 000 rows of 8 modalities with 4 columns, Shapley values over all 256 subsets of each row, process CPU time of all
threads, one call. Encoding is timed apart. Agreement is the share of test rows in which both name the same modality as
the one with the largest effect, of rows with two modalities or more.
"""

import os
import time

import numpy as np
from sklearn.naive_bayes import GaussianNB

from graphfuse import FusionClassifier, ModalityBatch, load, star
from graphfuse.data import available
from graphfuse.explanations.ledger import ledger

NUM_ROWS, NUM_MODALITIES, NUM_COLUMNS = 10_000, 8, 4


def main() -> None:
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
    for name in ("breast_cancer", "heart_disease"):
        if name in available():
            print(f"{name}: same modality first in {agreement(name):.1%} of test rows")


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


def agreement(name: str) -> float:
    data = load(name)
    draws = np.random.default_rng(0).permutation(len(data))
    train, test = np.split(draws, [3 * len(data) // 4])
    model = FusionClassifier(random_state=0).fit(data.batch[train], data.labels[train])
    batch = data.batch[test]
    names = list(batch.modalities)
    several = sum(batch.present[each].numpy().astype(int) for each in names) > 1
    label = None if len(model.classes_) == 2 else model.classes_[1]
    first = [
        model.explain(batch, label, effects)[names].abs().to_numpy().argmax(1) for effects in ("shapley", "removal")
    ]
    return float((first[0] == first[1])[several].mean())


if __name__ == "__main__":
    main()
