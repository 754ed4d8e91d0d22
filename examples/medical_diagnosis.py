"""How good is a diagnosis when tests are missing?  Graph fusion beside early, late and hybrid fusion and boosting.

python examples/medical_diagnosis.py [--data breast_cancer | heart_disease] [--root FOLDER] [--splits N] [--out FOLDER]

Ten random splits, 70 % of the patients for training. At test time each group of measurements is dropped with the same
probability, independently, so a patient may lose everything; all models see the same gaps. Everything is fitted inside
the training part. The intervals are 95 %, corrected for the overlap of the splits. Research use, not a medical device.
"""

import argparse
import os
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that spin while they wait slow small fits down manifold

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import StratifiedShuffleSplit

import graphfuse as gf
from graphfuse.evaluation import auroc, brier_score, expected_calibration_error, mean_interval, negative_log_likelihood

RATES = (0.0, 0.25, 0.5, 0.75)
TEST_FRACTION = 0.3
METRICS = {
    "AUROC": auroc,
    "NLL": negative_log_likelihood,
    "Brier": brier_score,
    "ECE": expected_calibration_error,
}


class Boosting(HistGradientBoostingClassifier):
    """Gradient boosting over all columns side by side, as practitioners use it, gaps as NaN."""

    def fit(self, batch, labels):
        return super().fit(table(batch), labels)

    def predict_log_proba(self, batch):
        return np.log(super().predict_proba(table(batch)))


def table(batch: gf.ModalityBatch) -> pd.DataFrame:
    frame = batch.to_frame()
    return frame.set_axis([f"{modality} {column}" for modality, column in frame.columns], axis=1)


MODELS = {
    "graph fusion": lambda: gf.FusionClassifier(random_state=0),
    "early fusion": lambda: gf.EarlyFusionClassifier(),
    "late fusion, mean": lambda: gf.LateFusionClassifier(pool="mean"),
    "late fusion, log pool": lambda: gf.LateFusionClassifier(pool="logarithmic"),
    "hybrid fusion": lambda: gf.HybridFusionClassifier(),
    "boosting, native NaN": lambda: Boosting(max_iter=100, learning_rate=0.05, max_leaf_nodes=8, random_state=0),
}


def main() -> None:
    arguments = parse_arguments()
    data = gf.load(arguments.data, arguments.root)
    print(f"{data.name}: {len(data)} patients, {', '.join(data.batch.modalities)}; predicting {data.target.name}\n")
    scores, models, test = evaluate(data, arguments.splits)
    summary = summarize(scores)
    print(markdown(summary))
    patient = typical_patient(data, test)
    arrival = as_tests_arrive(models["graph fusion"], data[[patient]].batch)
    positive = data.target.states[1]
    print(f"\nPatient {patient} ({data.labels[patient]}), graph fusion, as tests arrive:\n")
    for step, probability in arrival.items():
        print(f"  {step:24s} P({positive}) = {probability:.3f}")
    figure = draw(summary, arrival, f"P({positive}), patient {patient} ({data.labels[patient]})")
    for path in write(arguments.out, data.name, summary, figure):
        print(f"\nwritten: {path}", end="")
    print()


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="breast_cancer", help="name of a data set with two classes")
    parser.add_argument("--root", default=None, help="folder of data files; GRAPHFUSE_DATA if not given")
    parser.add_argument("--splits", type=int, default=10, help="number of random splits")
    parser.add_argument("--out", type=Path, default=Path("results"), help="folder for the table and the figure")
    return parser.parse_args()


def evaluate(data: gf.Dataset, num_splits: int):
    """One row of scores per split, rate and model; the models and the test rows of the last split."""
    splitter = StratifiedShuffleSplit(num_splits, test_size=TEST_FRACTION, random_state=0)
    rows = []
    for split, (train, test) in enumerate(splitter.split(data.labels, data.labels)):
        models = {name: make().fit(data.batch[train], data.labels[train]) for name, make in MODELS.items()}
        states = data.batch.targets[data.target.name][test]
        for rate in RATES:
            generator = torch.Generator().manual_seed(1000 * split + int(100 * rate))
            seen = gf.drop_modalities(data.batch[test], rate, generator)
            missing = 1 - torch.stack(list(seen.present.values())).double().mean().item()
            for name, model in models.items():
                log_probs = torch.from_numpy(model.predict_log_proba(seen))
                found = {metric: score(log_probs, states) for metric, score in METRICS.items()}
                rows.append({"split": split, "dropped": rate, "missing": missing, "model": name, **found})
    return pd.DataFrame(rows), models, test


def summarize(scores: pd.DataFrame) -> pd.DataFrame:
    """By rate and model, the mean over splits of every metric and the half-width of its interval."""
    rows = []
    for (rate, name), group in scores.groupby(["dropped", "model"], sort=False):
        row = {"dropped": rate, "missing": group["missing"].mean(), "model": name}
        for metric in METRICS:
            row[metric], row[f"{metric} ±"] = mean_interval(group[metric], TEST_FRACTION)
        rows.append(row)
    return pd.DataFrame(rows)


def markdown(summary: pd.DataFrame) -> str:
    """The summary as one table; the best mean of each rate and metric is marked with a star."""
    lines = [
        f"| dropped | missing | model | {' | '.join(METRICS)} |",
        f"| --- | --- | --- | {' | '.join('---' for _ in METRICS)} |",
    ]
    best = {
        metric: summary.groupby("dropped")[metric].transform("max" if metric == "AUROC" else "min")
        for metric in METRICS
    }
    for i, row in summary.iterrows():
        cells = [
            f"{row[metric]:.3f} ± {row[f'{metric} ±']:.3f}{'*' if row[metric] == best[metric][i] else ' '}"
            for metric in METRICS
        ]
        lines.append(f"| {row['dropped']:.2f} | {row['missing']:.2f} | {row['model']:21s} | {' | '.join(cells)} |")
    return "\n".join(lines)


def typical_patient(data: gf.Dataset, test: np.ndarray) -> int:
    """The first test patient of the second class who has the most tests."""
    present = torch.stack(list(data.batch.present.values())).sum(0).numpy()[test]
    sick = data.batch.targets[data.target.name].numpy()[test] == 1
    return int(test[np.argmax(present * sick)])


def as_tests_arrive(model: gf.FusionClassifier, patient: gf.ModalityBatch) -> dict[str, float]:
    """The probability of the second class before any test and after each one that the patient has."""
    nothing = patient.keep({name: torch.tensor([False]) for name in patient.modalities})
    steps = {"before any test": float(model.predict_proba(nothing)[0, 1])}
    seen: list[str] = []
    for name in (name for name in patient.modalities if patient.present[name][0]):
        seen.append(name)
        known = patient.keep({other: torch.tensor([other in seen]) for other in patient.modalities})
        steps[f"+ {name}"] = float(model.predict_proba(known)[0, 1])
    return steps


def draw(summary: pd.DataFrame, arrival: dict[str, float], title: str) -> plt.Figure:
    figure, axes = plt.subplots(2, 3, figsize=(13, 7.5), layout="constrained")
    for metric, axis in zip(METRICS, axes[:, :2].flat, strict=True):
        for (name, group), marker in zip(summary.groupby("model", sort=False), "os^vDX", strict=False):
            first = marker == "o"
            line = axis.plot(group["dropped"], group[metric], marker=marker, ms=5, lw=2.2 if first else 1.2)
            line[0].set_zorder(4 if first else 3)
            low, high = group[metric] - group[f"{metric} ±"], group[metric] + group[f"{metric} ±"]
            axis.fill_between(group["dropped"], low, high, color=line[0].get_color(), alpha=0.1, lw=0)
            line[0].set_label(name)
        axis.set(title=metric, xlabel="drop probability of each modality", xticks=RATES)
        axis.set_ylim(top=min(axis.get_ylim()[1], 1.005) if metric == "AUROC" else None)
        axis.grid(alpha=0.3)
    axes[0, 2].axis("off")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    axes[0, 2].legend(handles, labels, loc="center", frameon=False, title="mean and 95 % interval over splits")
    steps = list(arrival)[::-1]
    bars = axes[1, 2].barh(steps, [arrival[step] for step in steps], color="tab:blue")
    axes[1, 2].bar_label(bars, fmt="%.3f", padding=3)
    axes[1, 2].set(title=title, xlim=(0, 1.18), xticks=(0, 0.5, 1))
    return figure


def write(folder: Path, name: str, summary: pd.DataFrame, figure: plt.Figure) -> list[Path]:
    """Write table and figure under temporary names, then rename, so that no reader finds half a file."""
    folder.mkdir(parents=True, exist_ok=True)
    text, picture = folder / f"medical_diagnosis_{name}.md", folder / f"medical_diagnosis_{name}.png"
    caption = __doc__.split("\n\n")[2].strip()
    head = f'# Diagnosis with missing tests: {name}\n\n`make demo DEMO_ARGS="--data {name} --out {folder}"`\n\n'
    partial = text.with_suffix(".md.part")
    partial.write_text(f"{head}{caption}\n\n{markdown(summary)}\n\n* best mean of its rate.\n\n![]({picture.name})\n")
    figure.savefig(picture.with_suffix(".png.part"), format="png", dpi=110)
    partial.replace(text)
    picture.with_suffix(".png.part").replace(picture)
    return [text, picture]


if __name__ == "__main__":
    main()
