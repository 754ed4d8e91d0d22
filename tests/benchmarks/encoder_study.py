"""What does an average of encoders buy over a logistic regression?      python -m tests.benchmarks.encoder_study [NAME]

By modality: mean negative log-likelihood of held-out rows in nats over five outer folds (the first of them where there
are 1900 rows or more), whole groups held out together where the data has groups; support2 has 3000 of its rows. The
other members are parts of the average; `nan` where one was not fitted, or left out in every fold. `fit` is processor
seconds of one fit of the average, and `linear` those of the logistic regression; `rows/s` is what one fitted average
answers in a processor second. `speed` as a name times drawn tables, `mfeat_fits` six fits for each view of mfeat.
"""

import sys
import time
import warnings

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold
from threadpoolctl import threadpool_limits

from graphfuse import load
from graphfuse.estimators import AveragedEncoder, TabularEncoder
from graphfuse.estimators.inputs import encoder_inputs
from graphfuse.learning.cross_fit import take_rows

DATA = [
    *("breast_cancer", "heart_disease", "rosmap", "mfeat", "dermatology", "hepatitis", "ckd", "cervical", "parkinsons"),
    *("breast_tcga_multiomics", "brca_tcga_348", "support2", "scene15_views"),
]
MEMBERS = ("linear", "kernel", "boosted")
ONE_SPLIT = 1900


def main() -> None:
    warnings.simplefilter("ignore")
    with threadpool_limits(1):
        for name in sys.argv[1:] or [*DATA, "mfeat_fits", "speed"]:
            if name in ("mfeat_fits", "speed"):
                {"mfeat_fits": mfeat_fits, "speed": speed}[name]()
                continue
            print(f"\n{name}\n{'modality':22s}" + "".join(f"{column:>9s}" for column in HEADER), flush=True)
            study(name)


HEADER = ("columns", *MEMBERS, "average", "weights", "", "", "fit", "linear", "rows/s")


def study(name: str) -> None:
    """Print a line for each modality, and their mean."""
    data = load(name)
    states = np.unique(np.asarray(data.labels), return_inverse=True)[1]
    rows = np.arange(len(states))
    if name == "support2":
        rows = np.sort(np.random.default_rng(0).permutation(rows)[:3000])
    means = []
    for modality in data.batch.modalities:
        inputs = encoder_inputs(data.batch.select([modality]), modality, True)
        present = data.batch.present[modality].numpy()
        found = [
            one_split(inputs, states, train[present[train]], test[present[test]])
            for train, test in splits(states, rows, data.groups)
        ]
        losses, weights, (fit, linear, rate) = (np.nanmean([each[i] for each in found], axis=0) for i in range(3))
        means.append(losses[[0, -1]])
        cells = "".join(f"{loss:9.4f}" for loss in losses) + "".join(f"{weight:9.2f}" for weight in weights)
        print(f"{modality:22s}{inputs.shape[1]:9d}{cells}{fit:9.2f}{linear:9.2f}{rate:9.0f}", flush=True)
    linear, average = np.mean(means, axis=0)
    print(f"{'mean':22s}{'':9s}{linear:9.4f}{'':18s}{average:9.4f}", flush=True)


def splits(states: np.ndarray, rows: np.ndarray, groups: np.ndarray | None) -> list[tuple[np.ndarray, np.ndarray]]:
    """Training and test rows."""
    kind = StratifiedKFold if groups is None else StratifiedGroupKFold
    folds = kind(5, shuffle=True, random_state=0).split(
        rows, states[rows], None if groups is None else np.asarray(groups)[rows]
    )
    return [(rows[train], rows[test]) for train, test in folds][: 1 if len(states) >= ONE_SPLIT else 5]


def one_split(inputs, states: np.ndarray, train: np.ndarray, test: np.ndarray) -> tuple[list, list, list]:
    """Losses of the old default, the other members and the average; weights; seconds and rows a second."""
    test = test[np.isin(states[test], states[train])]
    seen, unseen = take_rows(inputs, train), take_rows(inputs, test)
    old, linear = timed(lambda: TabularEncoder().fit(seen, states[train]))
    new, fit = timed(lambda: AveragedEncoder(random_state=0).fit(seen, states[train]))
    answered, answer = timed(lambda: new.predict_proba(take_rows(inputs, np.resize(test, 8_000))))
    others = [
        loss(new.members_[name], unseen, states[test]) if name in new.members_ else np.nan for name in MEMBERS[1:]
    ]
    weights = [new.weights_.get(name, 0.0) for name in MEMBERS]
    losses = [loss(old, unseen, states[test]), *others, loss(new, unseen, states[test])]
    return losses, weights, [fit, linear, len(answered) / answer]


def loss(encoder, inputs, states: np.ndarray) -> float:
    """Mean negative log-likelihood, in nats."""
    found = encoder.predict_proba(inputs)[np.arange(len(states)), np.searchsorted(encoder.classes_, states)]
    return float(-np.log(np.maximum(found, 1e-12)).mean())


def mfeat_fits() -> None:
    """Processor seconds of five folds and a refit, for each view of mfeat."""
    data, total = load("mfeat"), 0.0
    states = np.unique(np.asarray(data.labels), return_inverse=True)[1]
    train = splits(states, np.arange(len(states)), None)[0][0]  # 1600 rows
    folds = [rows for rows, _ in StratifiedKFold(5).split(train, states[train])] + [np.arange(len(train))]
    for modality in data.batch.modalities:
        inputs = encoder_inputs(data.batch.select([modality]), modality, True)[train]
        seconds = [
            timed(lambda r=rows, x=inputs: AveragedEncoder(random_state=0).fit(x[r], states[train][r]))[1]
            for rows in folds
        ]
        total += sum(seconds)
        print(f"mfeat {modality}: six fits in {sum(seconds):.1f} processor seconds", flush=True)
    print(f"mfeat, all views: {total:.1f} processor seconds")


def speed() -> None:
    """Rows that one fitted average answers in a processor second."""
    draws = np.random.default_rng(0)
    for num_columns, num_classes in ((30, 2), (240, 10)):
        X = draws.normal(size=(1600, num_columns))
        scores = X[:, :num_classes] + X[:, 10 : 10 + num_classes] * X[:, 20 : 20 + num_classes]
        encoder = AveragedEncoder(random_state=0).fit(X, scores.argmax(1))
        many = draws.normal(size=(50_000, num_columns))
        seconds = min(timed(lambda e=encoder, m=many: e.predict_proba(m))[1] for _ in range(3))
        print(
            f"{num_columns} columns, {num_classes} classes, weights {encoder.weights_}: {50_000 / seconds:.0f} rows/s"
        )


def timed(run) -> tuple:
    """What a call returns, and its processor seconds."""
    start = time.process_time()
    return run(), time.process_time() - start


if __name__ == "__main__":
    main()
