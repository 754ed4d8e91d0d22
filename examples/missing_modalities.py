"""How do fusion models age as modalities go missing?  Any data set, any models, a sweep of rates.

python examples/missing_modalities.py [--data NAME] [--root FOLDER] [--models NAME ...] [--rates R ...] [--splits N]
                                      [--epochs N] [--out FOLDER]

Random splits, 70 % of the rows for training (whole groups, a patient or a hospital, where the data have them). At test
time each modality is dropped with the same probability, independently, so a row may lose everything; all models see
the same gaps. Everything is fitted inside the training part; networks are trained under random subsets of the
modalities and keep the epoch that is best on a fifth of the training rows. The intervals are 95 %, corrected for the
overlap of the splits.
"""

import argparse
import os
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that spin while they wait slow small fits down manifold

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from sklearn.model_selection import GroupShuffleSplit, StratifiedShuffleSplit

import graphfuse as gf
from graphfuse.evaluation import (
    accuracy,
    auroc,
    brier_score,
    expected_calibration_error,
    mean_interval,
    negative_log_likelihood,
)
from graphfuse.laboratory.encoder_cache import EncoderCache
from graphfuse.laboratory.models import Model, model_entry, model_names
from graphfuse.laboratory.models.networks import MODELS as NETWORKS

TEST_FRACTION = 0.3
RATES = (0.0, 0.25, 0.5, 0.75)
METRICS = {
    "accuracy": accuracy,
    "AUROC": auroc,
    "NLL": negative_log_likelihood,
    "Brier": brier_score,
    "ECE": expected_calibration_error,
}
UPWARDS = ("accuracy", "AUROC")


MODELS = (
    "prior",
    "graph-fusion",
    "early-fusion",
    "mean-pool",
    "log-pool",
    "hybrid-fusion",
    "hgb-native-nan",
    *NETWORKS,
)


def main() -> None:
    arguments = parse_arguments()
    data = gf.load(arguments.data, arguments.root)
    print(f"{data.name}: {len(data)} rows, {', '.join(data.batch.modalities)}; predicting {data.target.name}\n")
    metrics = {name: score for name, score in METRICS.items() if name != "AUROC" or data.target.num_states == 2}
    scores, _, _ = evaluate(data, arguments.models, metrics, arguments.rates, arguments.splits, arguments.epochs)
    summary = summarize(scores, metrics)
    print(markdown(summary, metrics))
    if "prior" in arguments.models:
        print(f"\nNLL above the prior's: {above_the_prior(summary)}")
    figure, axes = plt.subplots(1, len(metrics), figsize=(3.6 * len(metrics), 5.5), layout="constrained")
    draw_curves(list(axes), summary, metrics)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
    settings = f"--data {data.name} --splits {arguments.splits} --epochs {arguments.epochs}"
    command = f"python examples/missing_modalities.py {settings}"
    write(arguments.out, f"missing_modalities_{data.name}", command, __doc__, markdown(summary, metrics), figure)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="breast_cancer", help="name of a data set")
    parser.add_argument("--root", default=None, help="folder of data files; GRAPHFUSE_DATA if not given")
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=model_names(), metavar="NAME")
    parser.add_argument("--rates", nargs="+", type=float, default=list(RATES))
    parser.add_argument("--splits", type=int, default=10, help="number of random splits")
    parser.add_argument("--epochs", type=int, default=60, help="most passes over the rows of a network")
    parser.add_argument("--out", type=Path, default=Path("results"), help="folder for the table and the figure")
    return parser.parse_args()


def evaluate(data: gf.Dataset, names, metrics, rates, num_splits: int, num_epochs: int = 60):
    """One row of scores per split, rate and model; the models and the test rows of the last split."""
    splitter = (StratifiedShuffleSplit if data.groups is None else GroupShuffleSplit)(
        num_splits, test_size=TEST_FRACTION, random_state=0
    )
    rows = []
    for split, (train, test) in enumerate(splitter.split(data.labels, data.labels, data.groups)):
        cache = EncoderCache()
        models = {name: make(name, cache, num_epochs).fit(data[train], seed=0) for name in names}
        states = data.batch.targets[data.target.name][test]
        for rate in rates:
            generator = torch.Generator().manual_seed(1000 * split + int(100 * rate))
            seen = gf.drop_modalities(data.batch[test], rate, generator)
            missing = 1 - torch.stack(list(seen.present.values())).double().mean().item()
            for name, model in models.items():
                log_probs = model.log_probs(seen)
                found = {metric: score(log_probs, states) for metric, score in metrics.items()}
                rows.append({"split": split, "dropped": rate, "missing": missing, "model": name, **found})
    return pd.DataFrame(rows), models, test


def make(name: str, cache: EncoderCache, num_epochs: int) -> Model:
    """The unfitted model of a name; a network takes so many epochs at most."""
    model = model_entry(name).make(cache)
    if name in NETWORKS:
        model.num_epochs = num_epochs
    return model


def summarize(scores: pd.DataFrame, metrics) -> pd.DataFrame:
    """By rate and model, the mean over splits of every metric and the half-width of its interval."""
    rows = []
    for (rate, name), group in scores.groupby(["dropped", "model"], sort=False):
        row = {"dropped": rate, "missing": group["missing"].mean(), "model": name}
        for metric in metrics:
            single = len(group) == 1
            row[metric], row[f"{metric} ±"] = (
                (group[metric].iloc[0], np.nan) if single else mean_interval(group[metric], TEST_FRACTION)
            )
        rows.append(row)
    return pd.DataFrame(rows)


def markdown(summary: pd.DataFrame, metrics) -> str:
    """The summary as one table; the best mean of each rate and metric is marked with a star."""
    width = summary["model"].str.len().max()
    lines = [
        f"| dropped | missing | model | {' | '.join(metrics)} |",
        f"| --- | --- | --- | {' | '.join('---' for _ in metrics)} |",
    ]
    models = summary[summary["model"] != "prior"].groupby("dropped")
    best = {metric: models[metric].max() if metric in UPWARDS else models[metric].min() for metric in metrics}
    for _, row in summary.iterrows():
        stars = {metric: "*" if row[metric] == best[metric].get(row["dropped"]) else " " for metric in metrics}
        widths = {metric: "" if np.isnan(row[f"{metric} ±"]) else f" ± {row[f'{metric} ±']:.3f}" for metric in metrics}
        cells = [f"{row[metric]:.3f}{widths[metric]}{stars[metric]}" for metric in metrics]
        lines.append(f"| {row['dropped']:.2f} | {row['missing']:.2f} | {row['model']:{width}s} | {' | '.join(cells)} |")
    return "\n".join(lines)


def above_the_prior(summary: pd.DataFrame) -> str:
    """The models whose mean NLL is above the prior's, with the rates at which it is."""
    prior = summary[summary["model"] == "prior"].set_index("dropped")["NLL"]
    worse = summary[summary["NLL"] > summary["dropped"].map(prior) + 1e-9]
    found = [
        f"{name} at {', '.join(f'{rate:.2f}' for rate in group['dropped'])}" for name, group in worse.groupby("model")
    ]
    return "; ".join(found) or "none"


def draw_curves(axes, summary: pd.DataFrame, metrics) -> None:
    """One panel per metric: means over the drop rate; bands for the intervals, of graph fusion alone if many models."""
    crowded = summary["model"].nunique() > 7
    for metric, axis in zip(metrics, axes, strict=True):
        for i, (name, group) in enumerate(summary.groupby("model", sort=False)):
            ours = name == "graph-fusion"
            line = axis.plot(
                group["dropped"], group[metric], marker="os^vDXPh<>*d"[i % 12], ms=5, lw=2.4 if ours else 1.2
            )
            line[0].set(label=name, zorder=4 if ours else 3, color=plt.get_cmap("tab20")(2 * i % 20 + i // 10))
            low, high = group[metric] - group[f"{metric} ±"], group[metric] + group[f"{metric} ±"]
            if crowded and not ours:
                continue
            axis.fill_between(group["dropped"], low, high, color=line[0].get_color(), alpha=0.08, lw=0)
        axis.set(title=metric, xlabel="drop probability of each modality", xticks=sorted(set(summary["dropped"])))
        axis.set_ylim(top=min(axis.get_ylim()[1], 1.005) if metric in UPWARDS else None)
        axis.grid(alpha=0.3)


def write(folder: Path, name: str, command: str, header: str, table: str, figure: plt.Figure) -> None:
    """Write a table, with its figure below it, and the figure."""
    picture = folder / f"{name}.png"
    notes = f"{table}\n\n\\* best mean of its rate.\n\n![{name}]({picture.name})"
    write_text(folder, name, command, header, notes)
    replace_file(picture, lambda partial: figure.savefig(partial, format="png", dpi=110))


def write_text(folder: Path, name: str, command: str, header: str, table: str) -> None:
    """Write a table under the question and the conditions that the header of a script states."""
    folder.mkdir(parents=True, exist_ok=True)
    question, conditions = header.splitlines()[0], header.split("\n\n")[-1].strip()
    content = "\n\n".join([f"# {question}", f"`{command}`", conditions, table]) + "\n"
    replace_file(folder / f"{name}.md", lambda partial: partial.write_text(content))


def replace_file(path: Path, save) -> None:
    """Write under a temporary name, then rename, so that no reader finds half a file."""
    partial = path.with_suffix(path.suffix + ".part")
    save(partial)
    partial.replace(path)
    print(f"\nwritten: {path}")


if __name__ == "__main__":
    main()
