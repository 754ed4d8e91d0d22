"""How good is a diagnosis when tests are missing?  Graph fusion beside early, late and hybrid fusion and boosting.

python examples/medical_diagnosis.py [--data breast_cancer | heart_disease] [--root FOLDER] [--splits N] [--out FOLDER]

Ten random splits, 70 % of the patients for training. At test time each group of measurements is dropped with the same
probability, independently, so a patient may lose everything; all models see the same gaps. Everything is fitted inside
the training part. The intervals are 95 %, corrected for the overlap of the splits. Research use, not a medical device.
"""

import argparse
import os
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import matplotlib.pyplot as plt
import numpy as np
import torch
from missing_modalities import METRICS, RATES, draw_curves, evaluate, markdown, summarize, write

import graphfuse as gf
from graphfuse.laboratory.models import Model

NAMES = (
    "graph-fusion",
    "early-fusion",
    "mean-pool",
    "log-pool",
    "hybrid-fusion",
    "hgb-native-nan",
)
SCORES = {name: METRICS[name] for name in ("AUROC", "NLL", "Brier", "ECE")}


def main() -> None:
    arguments = parse_arguments()
    data = gf.load(arguments.data, arguments.root)
    print(f"{data.name}: {len(data)} patients, {', '.join(data.batch.modalities)}; predicting {data.target.name}\n")
    patients = replace(data, groups=None)  # patients are split at random, also those of one hospital
    scores, models, test = evaluate(patients, NAMES, SCORES, RATES, arguments.splits)
    summary = summarize(scores, SCORES)
    print(markdown(summary, SCORES))
    patient = typical_patient(data, test)
    positive = data.target.states[1]
    arrival = as_tests_arrive(models["graph-fusion"], data[[patient]].batch)
    print(f"\nPatient {patient} ({data.labels[patient]}), graph fusion, as tests arrive:\n")
    for step, probability in arrival.items():
        print(f"  {step:24s} P({positive}) = {probability:.3f}")
    figure = draw(summary, arrival, f"P({positive}), patient {patient} ({data.labels[patient]})")
    command = f'make demo DEMO_ARGS="--data {data.name} --out {arguments.out}"'
    write(arguments.out, f"medical_diagnosis_{data.name}", command, __doc__, markdown(summary, SCORES), figure)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="breast_cancer", help="name of a data set with two classes")
    parser.add_argument("--root", default=None, help="folder of data files; GRAPHFUSE_DATA if not given")
    parser.add_argument("--splits", type=int, default=10, help="number of random splits")
    parser.add_argument("--out", type=Path, default=Path("results"), help="folder for the table and the figure")
    return parser.parse_args()


def typical_patient(data: gf.Dataset, test: np.ndarray) -> int:
    """The first test patient of the second class who has the most tests."""
    present = torch.stack(list(data.batch.present.values())).sum(0).numpy()[test]
    sick = data.batch.targets[data.target.name].numpy()[test] == 1
    return int(test[np.argmax(present * sick)])


def as_tests_arrive(model: Model, patient: gf.ModalityBatch) -> dict[str, float]:
    """The probability of the second class before any test and after each one that the patient has."""
    nothing = patient.keep({name: torch.tensor([False]) for name in patient.modalities})
    steps = {"before any test": float(model.log_probs(nothing)[0, 1].exp())}
    seen: list[str] = []
    for name in (name for name in patient.modalities if patient.present[name][0]):
        seen.append(name)
        known = patient.keep({other: torch.tensor([other in seen]) for other in patient.modalities})
        steps[f"+ {name}"] = float(model.log_probs(known)[0, 1].exp())
    return steps


def draw(summary, arrival: dict[str, float], title: str) -> plt.Figure:
    figure, axes = plt.subplots(2, 3, figsize=(13, 7.5), layout="constrained")
    draw_curves(list(axes[:, :2].flat), summary, SCORES)
    axes[0, 2].axis("off")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    axes[0, 2].legend(handles, labels, loc="center", frameon=False, title="mean and 95 % interval over splits")
    steps = list(arrival)[::-1]
    bars = axes[1, 2].barh(steps, [arrival[step] for step in steps], color="tab:blue")
    axes[1, 2].bar_label(bars, fmt="%.3f", padding=3)
    axes[1, 2].set(title=title, xlim=(0, 1.18), xticks=(0, 0.5, 1))
    return figure


if __name__ == "__main__":
    main()
