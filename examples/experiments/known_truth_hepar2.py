"""How far from the truth are probabilities of nine liver disorders when whole groups of findings are missing?

python examples/experiments/known_truth_hepar2.py [--disorders NAME ...] [--models NAME ...] [--tables N] [--jobs N]
                                                  [--out FOLDER]

Patients are drawn from the network HEPAR II, so the true probability of every disorder given any findings is known
exactly. The distance is KL(true || found) in nats, averaged over nine disorders and 900 fresh patients; labels are not
used. `true network` asks the network by data frames of labels with gaps: zero, if batches lose nothing. `tables
learned` is given the true structure and all 70 variables of its patients, which no other model sees; its pseudo-count
is the default, 1 in every cell. All others are the models of the laboratory: they see 2100 patients by modalities, one
disorder at a time, and are fitted once per disorder; on complete patients, unless the row says `fitted with gaps` (half
of the modalities of the training patients are missing). Networks train under random subsets in any case. `prior` is
what a model knows that sees nothing. Of the test patients a share of the modalities is missing, and each keeps one; all
models see the same gaps. A stopped run goes on. Half an hour on two CPU cores.
"""

import argparse
import os
import shlex
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that spin while they wait slow small fits down manifold

import pandas as pd
import torch
from torch import Tensor

from graphfuse.data import ModalityBatch
from graphfuse.laboratory import BenchSettings
from graphfuse.laboratory.benchmark import run
from graphfuse.laboratory.models import model_names
from graphfuse.laboratory.plan import Plan, make_plan
from graphfuse.laboratory.trial import draw
from graphfuse.networks import Network, estimate_tables
from graphfuse.pages.page import write_whole
from graphfuse.problems import hepar2, mean_kl
from graphfuse.problems.hepar2 import DISORDERS

RATES = [0.0, 0.25, 0.5, 0.7]
FITTED_WITH_GAPS = ("graph-fusion", "early-fusion", "logistic-mean-indicator", "hgb-native-nan", "random-forest")
SEED = 0  # of the patients that tables are learned from


def main() -> None:
    arguments = parse_arguments()
    complete = planned(arguments.disorders, arguments.models, 0.0)
    rows = [("true network", "", distances(complete, asked_by_labels))]
    patients = hepar2().network.sample(max(arguments.tables), torch.Generator().manual_seed(SEED))
    for count in sorted(arguments.tables, reverse=True):
        learned = estimate_tables(hepar2().network.graph, {name: states[:count] for name, states in patients.items()})
        rows.append(("tables learned", f"{count}", distances(complete, answer_of(learned))))
    rows += measured(complete, arguments.out, arguments.jobs)
    if again := [name for name in FITTED_WITH_GAPS if name in arguments.models]:
        rows += measured(planned(arguments.disorders, again, 0.5), arguments.out, arguments.jobs, ", fitted with gaps")
    table = markdown(rows)
    print(table)
    write(arguments.out / "known_truth_hepar2.md", table)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    models = [name for name in model_names() if name != "lightgbm"]
    parser.add_argument("--disorders", nargs="+", choices=DISORDERS, default=DISORDERS, help="all nine if not given")
    parser.add_argument("--models", nargs="+", choices=model_names(), default=models, metavar="NAME")
    parser.add_argument("--tables", type=int, nargs="+", default=[20_000, 2_100], help="patients to learn tables from")
    parser.add_argument("--jobs", type=int, default=1, help="processes at once")
    parser.add_argument("--out", type=Path, default=Path("results"), help="folder for the table and the cells")
    arguments = parser.parse_args()
    if min(arguments.tables) < 1:
        parser.error(f"--tables must be at least 1; got {min(arguments.tables)}.")
    return arguments


def planned(disorders: list[str], models: list[str], train_rate: float) -> Plan:
    """One split of the patients for every disorder, trained under one rate and tested under all."""
    settings = {"mismatched_rates": {"train_rates": [train_rate], "test_rates": RATES}}
    data = [f"hepar2/{name}" for name in disorders]
    return make_plan(BenchSettings(data, list(settings), models, num_seeds=1, protocol_settings=settings))


def measured(plan: Plan, out: Path, jobs: int, said: str = "") -> list[tuple[str, str, list[float]]]:
    """By model its mean distance over the disorders, at every rate."""
    results = run(plan, out / "known_truth", jobs)
    for _, cell in results.cells[results.cells["status"] == "failed"].iterrows():
        print(f"failed: {cell['model']} of {cell['data']}: {cell['message']}", file=sys.stderr)
    kl = results.scores[results.scores["metric"] == "kl"]
    table = kl.pivot_table(index="model", columns="level", values="value", sort=False)
    return [(f"{name}{said}", "2100", row.tolist()) for name, row in table.iterrows()]


def distances(plan: Plan, answer: Callable[[str, ModalityBatch], Tensor]) -> list[float]:
    """The mean distance of probabilities over the disorders, at every rate, for the same test patients."""
    problem, by_disorder = hepar2(), []
    for trial in plan.trials:
        disorder = trial.data.removeprefix("hepar2/")
        tests = [rows.batch for rows in draw(trial)[0].tests.values()]
        true = [{disorder: problem.true_posterior(batch)[disorder]} for batch in tests]
        found = [{disorder: answer(disorder, batch)} for batch in tests]
        by_disorder.append([mean_kl(*pair) for pair in zip(true, found, strict=True)])
    return pd.DataFrame(by_disorder).mean().tolist()


def asked_by_labels(disorder: str, batch: ModalityBatch) -> Tensor:
    """What the network itself answers to a data frame of labels."""
    return hepar2().network.infer(batch.to_frame().droplevel(0, axis=1), [disorder]).marginal(disorder)


def answer_of(network: Network) -> Callable[[str, ModalityBatch], Tensor]:
    """What a network of the same variables makes of what patients show."""
    problem = replace(hepar2(), network=network)
    return lambda disorder, batch: problem.true_posterior(batch)[disorder]


def markdown(rows: list[tuple[str, str, list[float]]]) -> str:
    lines = [
        f"| mean KL, nats | patients | {' | '.join(f'missing {rate:.2f}' for rate in RATES)} |",
        f"| --- | --: | {' | '.join('--:' for _ in RATES)} |",
    ]
    for name, num_patients, found in rows:
        cells = " | ".join(f"{value:12.5f}" for value in found)
        lines.append(f"| {name:42s} | {num_patients:>8} | {cells} |")
    return "\n".join(lines)


def write(path: Path, table: str) -> None:
    """Write the table under what was asked, how, and the command."""
    question, _, caption = __doc__.split("\n\n", 2)
    command = f"python examples/experiments/known_truth_hepar2.py {shlex.join(sys.argv[1:])}"
    write_whole(path, f"# {question}\n\n`{command.strip()}`\n\n{caption.strip()}\n\n{table}\n".encode())
    print(f"\nwritten: {path}")


if __name__ == "__main__":
    main()
