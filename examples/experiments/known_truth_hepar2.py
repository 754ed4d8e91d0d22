"""How far from the truth are probabilities of nine liver disorders when whole groups of findings are missing?

python examples/experiments/known_truth_hepar2.py [--disorders NAME ...] [--models NAME ...] [--tables N] [--train N]
                                                  [--test N] [--seed N] [--jobs N] [--out FILE]

Patients are drawn from the network HEPAR II, so the true probability of every disorder given any findings is known
exactly. The distance is KL(true || found) in nats, averaged over nine disorders and fresh patients; labels are not
used. `true network` asks the network by data frames of labels with gaps: zero, if batches lose nothing. `tables
learned` is given the true structure and all 70 variables of its patients, which no other model sees; its pseudo-count
is the default, 1 in every cell. All others, the models of the laboratory, see modalities and one disorder at a time:
they are fitted once per disorder, on complete patients unless the row says `fitted with gaps` (each training patient
keeps a random subset of the modalities); networks train under random subsets in any case. `prior` is what a model knows
that sees nothing. At test time each modality is dropped with the same probability, independently; all models see the
same gaps. About an hour on two CPU cores, of which the networks take most.
"""

import argparse
import os
import shlex
import sys
import time
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that spin while they wait slow small fits down manifold

import numpy as np
import torch
from torch import Tensor

import graphfuse as gf
from graphfuse.data.missingness import random_subsets
from graphfuse.laboratory.encoder_cache import EncoderCache
from graphfuse.laboratory.models import model_entry, model_names
from graphfuse.laboratory.trial import one_thread
from graphfuse.laboratory.workers import work_through
from graphfuse.networks import estimate_tables
from graphfuse.problems import NetworkProblem, hepar2, mean_kl
from graphfuse.problems.hepar2 import DISORDERS

RATES = (0.0, 0.25, 0.5, 0.75)
WITH_GAPS = " fitted with gaps"
OPTIONAL = ("lightgbm",)
MODELS = (
    *(name for name in model_names() if name not in OPTIONAL),
    *(f"{name}{WITH_GAPS}" for name in ("early-fusion", "logistic-mean-indicator", "hgb-native-nan", "random-forest")),
)


@dataclass(frozen=True)
class Rows:
    """What is drawn once: patients, and fresh ones under every rate of gaps with their true probabilities."""

    problem: NetworkProblem
    patients: dict[str, Tensor]
    train: gf.ModalityBatch
    gappy: gf.ModalityBatch
    seen: dict[float, gf.ModalityBatch]
    true: dict[float, dict[str, Tensor]]


def main() -> None:
    arguments = parse_arguments()
    sizes = (arguments.tables, arguments.train, arguments.test, arguments.seed)
    rows = drawn(*sizes)
    problem = replace(rows.problem, targets=arguments.disorders)
    asked = {rate: asked_by_labels(problem, batch) for rate, batch in rows.seen.items()}
    found = [("true network", None, distances(rows, asked))]
    for count in sorted({arguments.tables, arguments.train}, reverse=True):
        cases = {name: states[:count] for name, states in rows.patients.items()}
        learned = replace(problem, network=estimate_tables(problem.network.graph, cases))
        answers = {rate: learned.true_posterior(batch) for rate, batch in rows.seen.items()}
        found.append(("tables learned", count, distances(rows, answers)))
    by_model: dict[str, list[list[float]]] = {name: [] for name in arguments.models}
    task = partial(fitted, sizes=sizes, models=tuple(arguments.models))
    started = time.perf_counter()
    for disorder, (name, distance) in work_through(arguments.disorders, task, arguments.jobs):
        by_model[name].append(distance)
        print(f"{time.perf_counter() - started:5.0f} s  {disorder}, {name}: {distance[0]:.4f}", file=sys.stderr)
    found += [(name, arguments.train, np.mean(each, axis=0).tolist()) for name, each in by_model.items()]
    table = markdown(found)
    print(table)
    if arguments.out is not None:
        write(arguments.out, table)
        print(f"\nwritten: {arguments.out}")


@lru_cache(maxsize=1)
def drawn(num_tables: int, num_train: int, num_test: int, seed: int) -> Rows:
    """The same rows in every process."""
    generator, problem = torch.Generator().manual_seed(seed), hepar2()
    patients = problem.network.sample(num_tables, generator)
    train = problem.observe(patients, generator)[:num_train]
    test = problem.draw(num_test, generator)
    seen = {rate: gf.drop_modalities(test, rate, generator) for rate in RATES}
    true = {rate: problem.true_posterior(batch) for rate, batch in seen.items()}
    return Rows(problem, patients, train, random_subsets(train, generator), seen, true)


def fitted(disorder: str, sizes: tuple[int, int, int, int], models: tuple[str, ...]):
    """Every model, fitted to one disorder: its name, and its distance from the truth at every rate."""
    rows, cache = drawn(*sizes), EncoderCache()
    target = next(each for each in rows.problem.network.graph.variables if each.name == disorder)
    with one_thread():
        for name in models:
            model = model_entry(name.removesuffix(WITH_GAPS)).make(cache)
            train = rows.gappy if name.endswith(WITH_GAPS) else rows.train
            model.fit(gf.Dataset("hepar2", train, target), seed=0)
            answers = {rate: {disorder: model.log_probs(batch).exp()} for rate, batch in rows.seen.items()}
            yield name, distances(rows, answers)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--disorders", nargs="+", choices=DISORDERS, default=DISORDERS, help="all nine if not given")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS, metavar="NAME", help="all if not given")
    parser.add_argument("--jobs", type=int, default=1, help="processes at once, each on one thread")
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


def distances(rows: Rows, found: dict[float, dict[str, Tensor]]) -> list[float]:
    """By rate the mean distance of the probabilities found, over patients and the disorders found."""
    return [mean_kl({name: rows.true[rate][name] for name in found[rate]}, found[rate]) for rate in RATES]


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
