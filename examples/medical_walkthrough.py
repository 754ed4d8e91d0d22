"""A diagnosis model from the data to the report: train, validate, explain, decide, and say what was not done.

python examples/medical_walkthrough.py [--data heart_disease | breast_cancer] [--root FOLDER] [--out FOLDER] [--quick]

Writes medical_walkthrough.md and a folder of figures beside it; every number on the page is computed here. Five folds,
then each hospital by a model of the others, one patient's story, tests under their costs, and nine liver disorders at
once. About four minutes on one CPU core; --quick, which is for tests, takes small models and few patients.
"""

import argparse
import os
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that spin while they wait slow small fits down manifold

from walkthrough import liver, one_disorder, sections, stories, tripod
from walkthrough.page import Pictures, wrapped
from walkthrough.questions import QUESTIONS, groups
from walkthrough.study import run

import graphfuse as gf
from graphfuse.pages.page import write_whole

TITLES = {
    "short": "In short",
    "data": "Question and data",
    "methods": "How it was done",
    "performance": "Discrimination and calibration",
    "elsewhere": "A hospital never seen",
    "curve": "Is it worth deciding by",
    "patient": "One patient",
    "next": "Which test next",
    "decisions": "What to do",
    "groups": "By hospital, sex and age",
    "liver": "Several diagnoses",
    "disorder": "One of the disorders",
    "graph": "The graph",
    "left": "What was not done",
    "tripod": "The items of TRIPOD+AI",
}
SIZES = {"heart_disease": (1, 2, 3, 4, 6), "breast_cancer": (1, 2)}


def main() -> None:
    arguments = parse_arguments()
    data, question = gf.load(arguments.data, arguments.root), QUESTIONS[arguments.data]
    quick = arguments.quick
    study = run(data, 2 if quick else 5, SIZES[arguments.data], quick)
    print(f"fitted: {len(study.models)} folds, {len(study.elsewhere)} hospitals left out", flush=True)
    pictures = Pictures(arguments.out, "medical_walkthrough")
    resamples = 200 if quick else 2000
    parts = {
        "short": sections.in_short(study, question),
        "data": sections.data(study, question),
        "methods": sections.methods(study, resamples, quick),
        "performance": sections.performance(study, pictures),
        "elsewhere": sections.elsewhere(study),
        "curve": sections.curve(study, pictures, resamples),
        "patient": stories.one_patient(study, question, pictures),
        "next": stories.next_test(study, question, pictures),
        "decisions": sections.decisions(study, question),
        "groups": sections.fairness(study),
        "graph": sections.graph(study, pictures),
        "left": "\n".join(f"- {each}" for each in (*question.limits, *LEFT)),
        "tripod": tripod.items(TITLES, data.sites is not None, bool(groups(data))),
    }
    print("the liver clinic", flush=True)
    clinic = liver.clinic(*((120, 40) if quick else (1000, 1000)), quick)
    parts["liver"] = liver.several_diagnoses(clinic, pictures, quick)
    parts["disorder"] = one_disorder.one_disorder(clinic, pictures, resamples, 20 if quick else 300, quick)
    top = (
        f"# Diagnosis with tests that may be missing: {question.patients}\n\n**Research use, not a medical "
        "device.**\n\n"
        f"`{command(arguments)}` makes this page, all its numbers and figures."
    )
    body = [f"## {title}\n\n{parts[name]}" for name, title in TITLES.items()]
    page = wrapped("\n\n".join([top, *body])) + "\n"
    write_whole(arguments.out / "medical_walkthrough.md", page.encode())
    print(f"written: {arguments.out / 'medical_walkthrough.md'}")


LEFT = (
    "Intervals hold the fitted models fixed. How much another draw of training patients would change them was not "
    "measured here; [results](results/README.md) has repeated splits.",
    "No recalibration to a new hospital beside the what-if of its share, and no model was fitted or thresholds set for "
    "a group.",
    "No comparison with models in use or with clinicians; comparisons with other ways of fusing stand in "
    "[results](results/README.md).",
    "What a test costs a patient, in time, pain or risk, is in no number.",
    "The value of the next test takes its reading to be independent of what is known, given the outcome.",
    "In the liver clinic the ledger, the next test and conflict are those of one disorder's own model. The joint graph "
    "was asked for probabilities and combinations alone; no combination has a ledger.",
    "The liver patients are artificial, so no other clinic, no groups, no patients with gaps and no recalibration are "
    "reported of them; how far gaps lead from the truth stands in [known truth](results/known_truth_hepar2.md).",
)


def command(arguments: argparse.Namespace) -> str:
    quick = " --quick" if arguments.quick else ""
    return f"python examples/medical_walkthrough.py --data {arguments.data} --out {arguments.out}{quick}"


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="heart_disease", choices=sorted(QUESTIONS), help="the patients")
    parser.add_argument("--root", default=None, help="folder of data files; GRAPHFUSE_DATA if not given")
    parser.add_argument("--out", type=Path, default=Path("results"), help="folder of the page and its figures")
    parser.add_argument("--quick", action="store_true", help="small models and few patients, for tests")
    return parser.parse_args()


if __name__ == "__main__":
    main()
