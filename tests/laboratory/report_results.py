"""Results of a run that was never made, with numbers that look like those of one."""

from itertools import combinations

import numpy as np

from graphfuse.laboratory.results import Results

MODELS = (
    "prior",
    "graph-fusion",
    "early-fusion",
    "mean-pool",
    "log-pool",
    "hybrid-fusion",
    "logistic-mean-indicator",
    "hgb-native-nan",
)
DATA = {
    "breast_cancer": ("margin", "shape", "texture"),
    "heart_disease": ("clinic", "ecg", "lab", "stress"),
    "mfeat": ("fou", "kar", "pix"),
}
RATES = (0.0, 0.25, 0.5, 0.75)


def made_up(data=DATA, protocols=("mismatched_rates", "modality_subsets"), models=MODELS, num_splits=5, failed=()):
    """Cells of all these; ``failed`` holds models, or pairs of a model and a split."""
    rng = np.random.default_rng(0)
    skill = {model: 0.03 * rng.normal() for model in models} | {"graph-fusion": -0.06, "prior": 0.3}
    cells = []
    for place, (name, modalities) in enumerate(dict(data).items()):
        for protocol in protocols:
            conditions = ("complete", "half missing") if protocol == "mismatched_rates" else ("complete",)
            tests = {f"rate {rate:.2f}": (rate, rate) for rate in RATES}
            if protocol == "missing_rates":  # each training condition has a test condition of its own
                conditions = tuple(tests)
            if protocol == "modality_subsets":
                kept = [each for size in range(len(modalities), -1, -1) for each in combinations(modalities, size)]
                tests = {"+".join(each) or "none": (None, 1 - len(each) / len(modalities)) for each in kept}
            for split in range(num_splits):
                ease = 0.05 * rng.normal()
                for condition in conditions:
                    for model in models:
                        key = {
                            "data": name,
                            "protocol": protocol,
                            "split": split,
                            "condition": condition,
                            "model": model,
                        }
                        if model in failed or (model, split) in failed:
                            cells.append(
                                {"key": key, "status": "failed", "message": "ValueError: X must be finite; got nan."}
                            )
                            continue
                        base = 0.35 + 0.08 * place + ease + skill[model]
                        cells.append(
                            {
                                "key": key,
                                **_finished(
                                    rng,
                                    base,
                                    {condition: tests[condition]} if protocol == "missing_rates" else tests,
                                    model == "prior",
                                    name == "mfeat",
                                ),
                            }
                        )
    return Results.of(cells)


def _finished(rng, base, tests, constant, many_classes):
    found = []
    for i, (test, (level, gone)) in enumerate(tests.items()):
        nll = 0.7 if constant else float(max(0.05, base + 0.35 * gone + 0.02 * rng.normal()))
        accuracy = float(np.clip(1.02 - 0.75 * nll + 0.01 * rng.normal(), 0, 1))
        rows = np.zeros((15, 3))
        sure = np.clip(rng.beta(6, 2 + 4 * gone, 170), 1 / 15 + 1e-6, 1)
        bins = np.ceil(sure * 15).astype(int) - 1
        right = rng.random(170) < np.clip(sure - 0.3 * (nll - 0.4), 0, 1)
        np.add.at(rows, bins, np.stack([np.ones(170), sure, right], 1))
        coverages = np.round(np.arange(1, 21) * 0.05, 2)
        metrics = {
            "accuracy": accuracy,
            "auroc": None if many_classes and test.startswith("none") else float(min(1.0, accuracy + 0.08)),
            "macro_f1": accuracy - 0.01,
            "nll": nll,
            "brier": nll / 3,
            "ece": float(abs(rows[:, 2] - rows[:, 1]).sum() / 170),
            "aurc": (1 - accuracy) / 2,
            "missing": gone,
            "unseen_rows": gone / 2,
        } | ({"confidence_rises": 0.2} if i == 0 else {})
        risks = [[float(c), float((1 - accuracy) * c**1.5)] for c in coverages]
        found.append({"test": test, "level": level, "metrics": metrics, "bins": rows.tolist(), "risks": risks})
    seconds = float(np.exp(rng.normal() * 0.2 + 8 * abs(base) - 4))
    return {
        "status": "finished",
        "message": "",
        "fit_seconds": seconds,
        "predict_seconds": seconds / 30,
        "peak_mib": 200 + 300 * seconds,
        "num_train": 700,
        "num_test": 300,
        "tests": found,
    }
