"""How good is a diagnosis when tests are missing?  Graph fusion beside early, late and hybrid fusion and boosting.

python examples/medical_diagnosis.py [--data breast_cancer | heart_disease] [--root FOLDER] [--splits N]
                                     [--jobs N] [--out FOLDER]

Random splits, 70 % of the patients for training. Of the test patients a share of all measurements, by groups, goes
missing; every patient keeps one group, and all models see the same gaps. Everything is fitted inside the training part.
The intervals are 95 %, corrected for the overlap of the splits. Research use, not a medical device.
"""

import argparse
import os
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch
from missing_modalities import curves, sweep, write

import graphfuse as gf
from graphfuse.figures import arrival, saved
from graphfuse.laboratory.report.markdown import markdown_table
from graphfuse.laboratory.splits import random_split
from graphfuse.pages.page import write_whole

NAMES = ("graph-fusion", "early-fusion", "mean-pool", "log-pool", "hybrid-fusion", "hgb-native-nan")
RATES = (0.0, 0.25, 0.5, 0.65)
METRICS = ("auroc", "nll", "brier", "ece")


def main() -> None:
    arguments = parse_arguments()
    data = gf.load(arguments.data, arguments.root)
    print(f"{data.name}: {len(data)} patients, {', '.join(data.batch.modalities)}; predicting {data.target.name}\n")
    found = sweep(data.name, NAMES, RATES, arguments.splits, arguments.out, arguments.root, arguments.jobs)
    table = markdown_table(found, METRICS)
    print(table)
    positive = data.target.states[1]
    patient, steps = as_tests_arrive(data, positive)
    title = f"Patient {patient}, in truth {data.labels[patient]}"
    figure = arrival(steps, f"{data.target.name} {positive}", title=title)
    print(f"\nPatient {patient} ({data.labels[patient]}), graph fusion, as tests arrive:\n")
    for step, probability in steps.items():
        print(f"  {step:24s} P({positive}) = {probability:.3f}")
    command = f'make demo DEMO_ARGS="--data {data.name} --out {arguments.out}"'
    story = "\n".join(f"| {step} | {probability:.3f} |" for step, probability in steps.items())
    shown = f"{table}\n\n| patient {patient}, as tests arrive | P({positive}) |\n| --- | --- |\n{story}"
    write(arguments.out, f"medical_diagnosis_{data.name}", command, __doc__, shown, curves(found, METRICS))
    write_whole(arguments.out / f"medical_diagnosis_{data.name}_patient.png", saved(figure)[1])


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="breast_cancer", help="name of a data set with two classes")
    parser.add_argument("--root", default=None, help="folder of data files; GRAPHFUSE_DATA if not given")
    parser.add_argument("--splits", type=int, default=10, help="number of random splits")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes at once; all cores")
    parser.add_argument("--out", type=Path, default=Path("results"), help="folder for the table and the figures")
    return parser.parse_args()


def as_tests_arrive(data: gf.Dataset, positive: str) -> tuple[int, dict[str, float]]:
    """A test patient of the second class with the most tests, and their probabilities as the tests come in."""
    train, test = random_split(data, split=0, test_fraction=0.3, seed=0)
    model = gf.FusionClassifier(random_state=0).fit(data.batch[train], data.labels[train])
    num_tests = torch.stack(list(data.batch.present.values())).sum(0)[test]
    patient = int(test[int((num_tests * torch.from_numpy(data.labels[test] == positive)).argmax())])
    row, column = data.batch[[patient]], model.classes_.tolist().index(positive)
    steps, seen = {}, []
    for name in ("before any test", *(name for name in row.modalities if row.present[name][0])):
        seen.append(name)
        known = row.keep({other: torch.tensor([other in seen]) for other in row.modalities})
        steps[name if len(seen) == 1 else f"+ {name}"] = float(model.predict_proba(known)[0, column])
    return patient, steps


if __name__ == "__main__":
    main()
