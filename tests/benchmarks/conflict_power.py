"""Does a p-value find the rows in which one modality speaks of another class, and does it name that modality?

python -m tests.benchmarks.conflict_power [--data mfeat] [--splits 3]

Half of the rows train, in the other half 40 % of the rows carry one modality of a row of another class. Rows are shown
whole, and with 30 % of their modalities missing; those with fewer than two are left out. The culprit is right in a
share of the flagged rows, and in a share of all that carry a conflict. Accuracy is of the same rows before the
conflict, with it, and after the culprit of every flagged row, clean ones too, was taken away.
"""

import argparse
import os
import time

import numpy as np
import pandas as pd
import torch
from scipy.stats import binomtest

from graphfuse import FusionClassifier, ModalityBatch, load
from graphfuse.evaluation import auroc

LEVEL, CONFLICTED = 0.05, 0.4


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--data", default="mfeat")
    arguments.add_argument("--splits", type=int, default=3)
    given = arguments.parse_args()
    data = load(given.data)
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    detection, accuracies = [], []
    for split in range(given.splits):
        draws = np.random.default_rng(split)
        train, test = np.split(draws.permutation(len(data)), 2)
        model = FusionClassifier(random_state=split).fit(data.batch[train], data.labels[train])
        for rate in (0.0, 0.3):
            gaps, kept = with_gaps(data.batch[test], rate, draws)
            labels = data.labels[test][kept]
            batch, culprit = with_conflict(gaps, labels, draws)
            start = time.process_time()
            found = model.conflict(batch)
            seconds = time.process_time() - start
            detection.append(f"{split:5d}  {rate:7.2f}  {detected(found, culprit)}  {seconds:7.2f}")
            right = [model.predict(each) == labels for each in (gaps, batch, without_culprits(batch, found))]
            accuracies.append((split, rate, *(float(each.mean()) for each in right)))
    print("split  missing  conflicted  AUROC  flagged  right of these  right of all  clean  false alarms  ", end="")
    print("95% interval    seconds", *detection, sep="\n")
    print("\nsplit  missing  accuracy, clean  with conflict  culprits dropped  points lost")
    for split, rate, clean, mixed, dropped in accuracies:
        print(f"{split:5d}  {rate:7.2f}  {accuracy_cells(clean, mixed, dropped)}")
    for rate in (0.0, 0.3):
        means = np.mean([each[2:] for each in accuracies if each[1] == rate], 0)
        print(f" mean  {rate:7.2f}  {accuracy_cells(*means)}")


def accuracy_cells(clean: float, mixed: float, dropped: float) -> str:
    return f"{clean:15.3f}  {mixed:13.3f}  {dropped:16.3f}  {100 * (clean - dropped):11.1f}"


def without_culprits(batch: ModalityBatch, found: pd.DataFrame) -> ModalityBatch:
    """The rows, of which the flagged ones miss what stands against the others."""
    named = np.where(found["p_value"].to_numpy() <= LEVEL, found["culprit"].to_numpy(), None)
    return batch.keep({name: torch.from_numpy(named != name) for name in batch.modalities})


def with_gaps(batch: ModalityBatch, rate: float, draws: np.random.Generator) -> tuple[ModalityBatch, np.ndarray]:
    """The rows that keep two modalities or more when each is lost at a rate, and their positions."""
    left = batch.keep({name: torch.from_numpy(draws.random(len(batch)) >= rate) for name in batch.modalities})
    rows = np.flatnonzero(torch.stack(list(left.present.values())).sum(0).numpy() > 1)
    return left[rows], rows


def with_conflict(
    batch: ModalityBatch, labels: np.ndarray, draws: np.random.Generator
) -> tuple[ModalityBatch, np.ndarray]:
    """The rows, of which some carry one modality of a row of another class, and which; None where none."""
    names, num_rows = list(batch.modalities), len(batch)
    inputs = {name: values.clone() for name, values in batch.inputs.items()}
    culprit = np.full(num_rows, None, dtype=object)
    for row in draws.permutation(num_rows)[: round(CONFLICTED * num_rows)]:
        name = draws.choice([each for each in names if batch.present[each][row]])
        givers = np.flatnonzero((labels != labels[row]) & batch.present[name].numpy())
        inputs[name][row] = batch.inputs[name][int(draws.choice(givers))]
        culprit[row] = name
    return ModalityBatch(inputs, batch.present), culprit


def detected(found: pd.DataFrame, culprit: np.ndarray) -> str:
    """What the table says of one split."""
    conflicted = np.array([each is not None for each in culprit])
    flagged = found["p_value"].to_numpy() <= LEVEL
    sure = torch.from_numpy(1 - found["p_value"].to_numpy().clip(1e-12, 1 - 1e-12))
    area = auroc(torch.stack([1 - sure, sure], -1).log(), torch.from_numpy(conflicted.astype(int)))
    right = found["culprit"].to_numpy() == culprit
    alarms, clean = int((flagged & ~conflicted).sum()), int((~conflicted).sum())
    interval = binomtest(alarms, clean).proportion_ci()
    return (
        f"{conflicted.sum():10d}  {area:5.3f}  {flagged[conflicted].mean():7.1%}  "
        f"{right[flagged & conflicted].mean():14.1%}  {right[conflicted].mean():12.1%}  {clean:5d}  "
        f"{alarms / clean:12.3f}  {interval.low:.3f} to {interval.high:.3f}"
    )


if __name__ == "__main__":
    main()
