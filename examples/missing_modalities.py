"""How do fusion models age as modalities go missing?  Any data set, any models, a sweep of rates.

python examples/missing_modalities.py [--data NAME] [--root FOLDER] [--models NAME ...] [--rates R ...] [--splits N]
                                      [--jobs N] [--out FOLDER]

Random splits, 70 % of the rows for training (whole groups, a person or an article, where the data have them). Models
are fitted to the rows as they come; of the test rows a share of the entries (a modality of a row) goes missing, every
row keeps one, and all models see the same gaps. Everything is fitted inside the training part; networks are trained
under random subsets of the modalities and keep the epoch that is best on a fifth of the training rows. The same as
`graphfuse bench --protocol mismatched_rates`, as one table and one figure; a stopped run goes on.
"""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that spin while they wait slow small fits down manifold

import pandas as pd

from graphfuse.laboratory import BenchSettings
from graphfuse.laboratory.benchmark import run
from graphfuse.laboratory.models import model_names
from graphfuse.laboratory.plan import DEFAULT_MODELS, make_plan
from graphfuse.laboratory.report.figures import missing_rate_curves, model_styles, saved
from graphfuse.laboratory.report.markdown import markdown_table
from graphfuse.laboratory.report.tables import means
from graphfuse.pages.page import write_whole

RATES = (0.0, 0.25, 0.5, 0.7)
METRICS = ("accuracy", "auroc", "nll", "brier", "ece")


def main() -> None:
    arguments = parse_arguments()
    sizes = (arguments.rates, arguments.splits, arguments.out, arguments.root, arguments.jobs)
    found = sweep(arguments.data, arguments.models, *sizes)
    table = markdown_table(found, METRICS)
    print(table)
    if "prior" in arguments.models:
        print(f"\nNLL above the prior's: {above_the_prior(found)}")
    command = f"python examples/missing_modalities.py --data {arguments.data} --splits {arguments.splits}"
    write(arguments.out, f"missing_modalities_{arguments.data}", command, __doc__, table, curves(found))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="breast_cancer", help="name of a data set")
    parser.add_argument("--root", default=None, help="folder of data files; GRAPHFUSE_DATA if not given")
    parser.add_argument("--models", nargs="+", default=list(DEFAULT_MODELS), choices=model_names(), metavar="NAME")
    parser.add_argument("--rates", nargs="+", type=float, default=list(RATES))
    parser.add_argument("--splits", type=int, default=10, help="number of random splits")
    parser.add_argument("--jobs", type=int, default=1, help="processes at once")
    parser.add_argument("--out", type=Path, default=Path("results"), help="folder for the table and the figure")
    return parser.parse_args()


def sweep(
    data: str, models: Sequence[str], rates: Sequence[float], num_splits: int, out: Path, root=None, jobs: int = 1
) -> pd.DataFrame:
    """By rate, model and metric the mean over splits with its interval, of models fitted to the rows as they come."""
    settings = {"mismatched_rates": {"train_rates": [0.0], "test_rates": rates}}
    plan = make_plan(BenchSettings([data], list(settings), models, num_splits, protocol_settings=settings, root=root))
    results = run(plan, out / f"sweep_{data}", jobs)
    for _, cell in results.cells[results.cells["status"] == "failed"].iterrows():
        print(f"failed: {cell['model']}, split {cell['split']}: {cell['message']}")
    return means(results)


def curves(found: pd.DataFrame, metrics: Sequence[str] = ("accuracy", "nll", "brier", "ece")) -> bytes:
    """One panel for each metric, as a picture."""
    data, protocol = found[["data", "protocol"]].iloc[0]
    styles, axis = model_styles(found, "graph-fusion"), "share of the entries of the test rows that are missing"
    return saved(missing_rate_curves(found, data, protocol, styles, metrics, axis))[1]


def above_the_prior(found: pd.DataFrame) -> str:
    """The models whose mean NLL is above the prior's, with the test conditions under which it is."""
    table = found[found["metric"] == "nll"].pivot_table(index="model", columns="test", values="mean", sort=False)
    worse = table.gt(table.loc["prior"] + 1e-9)
    return "; ".join(f"{name} at {', '.join(row.index[row])}" for name, row in worse.iterrows() if row.any()) or "none"


def write(folder: Path, name: str, command: str, header: str, table: str, picture: bytes) -> None:
    """Write a table, with its figure below it, and the figure."""
    write_text(folder, name, command, header, f"{table}\n\n\\* best mean of its condition.\n\n![{name}]({name}.png)")
    write_whole(folder / f"{name}.png", picture)
    print(f"written: {folder / name}.png")


def write_text(folder: Path, name: str, command: str, header: str, table: str) -> None:
    """Write a table under the question and the conditions that the header of a script states."""
    question, conditions = header.splitlines()[0], header.split("\n\n")[-1].strip()
    content = "\n\n".join([f"# {question}", f"`{command}`", conditions, table]) + "\n"
    write_whole(folder / f"{name}.md", content.encode())
    print(f"\nwritten: {folder / name}.md")


if __name__ == "__main__":
    main()
