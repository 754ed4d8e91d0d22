"""How far from the truth are probabilities of nine liver disorders when whole groups of findings are missing?

python examples/experiments/known_truth_hepar2.py [--disorders NAME ...] [--tables N] [--train N] [--test N] [--seed N]
                                                    [--out FILE]

Patients are drawn from the network HEPAR II, so the true probability of every disorder given any findings is known
exactly. The distance is KL(true || found) in nats, averaged over nine disorders and fresh patients; labels are not
used. `true network` asks the network by data frames of labels with gaps: zero, if batches lose nothing. `tables
learned` is given the true structure and all 70 variables of its patients, which no other model sees; its pseudo-count
is the default, 1 in every cell. All others see modalities and one disorder at a time: they are fitted once per
disorder, on complete patients unless the row says `fitted with gaps` (each training patient keeps a random subset of
the modalities). `class frequencies` is what a model knows that sees nothing. At test time each modality is dropped
with the same probability, independently; all models see the same gaps. Nine minutes on two busy CPU cores.
"""

import argparse
import os
import shlex
import sys
import time
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that spin while they wait slow small fits down manifold

import numpy as np
import pandas as pd
import torch
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier
from torch import Tensor

import graphfuse as gf
from graphfuse.data.missingness import random_subsets
from graphfuse.networks import estimate_tables
from graphfuse.problems import NetworkProblem, hepar2, mean_kl
from graphfuse.problems.hepar2 import DISORDERS

RATES = (0.0, 0.25, 0.5, 0.75)
WITH_GAPS = "fitted with gaps"


class Boosting(HistGradientBoostingClassifier):
    """Gradient boosting over all findings side by side, as categories, gaps as NaN."""

    def fit(self, batch, labels):
        frame = batch.to_frame()
        self.kinds_ = {name: pd.CategoricalDtype(sorted(frame[name].dropna().unique())) for name in frame.columns}
        return super().fit(self._table(batch), labels)

    def predict_proba(self, batch):
        return super().predict_proba(self._table(batch))

    def _table(self, batch):
        table = batch.to_frame().astype(self.kinds_)
        return table.set_axis(["/".join(name) for name in table.columns], axis=1)


def boosting() -> Boosting:
    settings = {"max_iter": 100, "learning_rate": 0.05, "max_leaf_nodes": 8}
    return Boosting(**settings, categorical_features="from_dtype", random_state=0)


MODELS = {
    "class frequencies": lambda: DummyClassifier(strategy="prior"),
    "graph fusion": lambda: gf.FusionClassifier(random_state=0),
    "early fusion": lambda: gf.EarlyFusionClassifier(),
    "late fusion, mean": lambda: gf.LateFusionClassifier(pool="mean"),
    "late fusion, log pool": lambda: gf.LateFusionClassifier(pool="logarithmic"),
    "hybrid fusion": lambda: gf.HybridFusionClassifier(),
    "boosting, native NaN": boosting,
    f"early fusion, {WITH_GAPS}": lambda: gf.EarlyFusionClassifier(),
    f"boosting, {WITH_GAPS}": boosting,
}


def main() -> None:
    arguments = parse_arguments()
    started = time.perf_counter()
    generator = torch.Generator().manual_seed(arguments.seed)
    problem = replace(hepar2(), targets=arguments.disorders)
    patients = problem.network.sample(arguments.tables, generator)
    train = problem.observe(patients, generator)[: arguments.train]
    test = problem.draw(arguments.test, generator)
    seen = {rate: gf.drop_modalities(test, rate, generator) for rate in RATES}
    true = {rate: problem.true_posterior(batch) for rate, batch in seen.items()}
    asked = {rate: asked_by_labels(problem, batch) for rate, batch in seen.items()}
    rows = [("true network", None, distances(true, asked))]
    for count in sorted({arguments.tables, arguments.train}, reverse=True):
        cases = {name: states[:count] for name, states in patients.items()}
        learned = replace(problem, network=estimate_tables(problem.network.graph, cases))
        found = {rate: learned.true_posterior(batch) for rate, batch in seen.items()}
        rows.append(("tables learned", count, distances(true, found)))
    gappy = random_subsets(train, generator)
    for name, make in MODELS.items():
        found = fitted_per_disorder(problem, make, gappy if name.endswith(WITH_GAPS) else train, seen)
        rows.append((name, arguments.train, distances(true, found)))
        print(f"{name}: {time.perf_counter() - started:.0f} s since the start", file=sys.stderr)
    table = markdown(rows)
    print(table)
    if arguments.out is not None:
        write(arguments.out, table)
        print(f"\nwritten: {arguments.out}")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--disorders", nargs="+", choices=DISORDERS, default=DISORDERS, help="all nine if not given")
    parser.add_argument("--tables", type=int, default=20_000, help="patients that the tables are learned from")
    parser.add_argument("--train", type=int, default=5_000, help="of these, patients that the other models see")
    parser.add_argument("--test", type=int, default=2_000, help="fresh patients")
    parser.add_argument("--seed", type=int, default=0, help="seed of patients and gaps")
    parser.add_argument("--out", type=Path, default=None, help="file for the table, in markdown; none if not given")
    arguments = parser.parse_args()
    if not 2 <= arguments.train <= arguments.tables:
        parser.error(f"--train must be between 2 and --tables, {arguments.tables}; got {arguments.train}.")
    if arguments.test < 1:
        parser.error(f"--test must be at least 1; got {arguments.test}.")
    return arguments


def asked_by_labels(problem: NetworkProblem, batch: gf.ModalityBatch) -> dict[str, Tensor]:
    """By disorder the probabilities that the network itself answers to a data frame of labels."""
    posterior = problem.network.infer(batch.to_frame().droplevel(0, axis=1), problem.targets)
    return {disorder: posterior.marginal(disorder) for disorder in problem.targets}


def fitted_per_disorder(
    problem: NetworkProblem, make, train: gf.ModalityBatch, seen: dict[float, gf.ModalityBatch]
) -> dict[float, dict[str, Tensor]]:
    """By rate and disorder the probabilities of a model that is fitted once per disorder."""
    found: dict[float, dict[str, Tensor]] = {rate: {} for rate in seen}
    for disorder in problem.targets:
        num_states = problem.network.graph.num_states[disorder]
        model = make().fit(train, train.targets[disorder].numpy())
        for rate, batch in seen.items():
            table = np.zeros((len(batch), num_states))
            table[:, model.classes_] = model.predict_proba(batch)
            found[rate][disorder] = torch.from_numpy(table)
    return found


def distances(true: dict[float, dict[str, Tensor]], found: dict[float, dict[str, Tensor]]) -> list[float]:
    return [mean_kl(true[rate], found[rate]) for rate in RATES]


def markdown(rows: list[tuple[str, int | None, list[float]]]) -> str:
    lines = [
        f"| mean KL, nats | patients | {' | '.join(f'dropped {rate:.2f}' for rate in RATES)} |",
        f"| --- | --: | {' | '.join('--:' for _ in RATES)} |",
    ]
    for name, num_patients, found in rows:
        cells = " | ".join(f"{value:12.5f}" for value in found)
        lines.append(f"| {name:30s} | {num_patients or '':>8} | {cells} |")
    return "\n".join(lines)


def write(path: Path, table: str) -> None:
    """Write under a temporary name, then rename, so that no reader finds half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.part")
    question, _, caption = __doc__.split("\n\n", 2)
    command = f"python examples/experiments/known_truth_hepar2.py {shlex.join(sys.argv[1:])}"
    partial.write_text(f"# {question}\n\n`{command.strip()}`\n\n{caption.strip()}\n\n{table}\n")
    partial.replace(path)


if __name__ == "__main__":
    main()
