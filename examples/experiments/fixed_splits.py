"""What does the default reach on splits that others report, and on pairs whose optimum is known?

python examples/experiments/fixed_splits.py [--data NAME ...] [--root FOLDER] [--out FOLDER]

Every data set is fitted and tested once, with all defaults of FusionClassifier. `rosmap`: the 245 and 106 people of the
published split. `heart_disease`: fitted to Cleveland alone, tested on the other hospitals. Intervals of the AUROC are
DeLong's, those of the negative log-likelihood are means over test rows plus and minus 1.96 standard errors.
`audio_visual_digits`: recordings by take, 2700 to fit and 300 to test; sound as the mean log-mel spectrum of ten
stretches of time, images as pixels. There sound and image are independent given the digit, so the optimum for given
readings of the sides is their product over the prior: `own` is a FusionClassifier of one side, `optimum` the product of
the two over the class frequencies. Differences are paired by row.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that spin while they wait slow small fits down manifold

import numpy as np
import pandas as pd
import torch

from graphfuse import FusionClassifier, ModalityBatch, load
from graphfuse.data.audio_visual_digits import SAMPLE_RATE
from graphfuse.encoders.log_mel import LogMel
from graphfuse.evaluation.auroc_interval import auroc_interval
from graphfuse.pages.page import write_whole

SETS = ("rosmap", "heart_disease", "audio_visual_digits")
HOME = "Cleveland"
STRETCHES, NUM_MELS = 10, 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--root", type=Path, help="folder of the data sets; GRAPHFUSE_DATA if not given")
    parser.add_argument("--out", type=Path, default=Path("results"), help="folder for the page")
    arguments = parser.parse_args()
    ask = {"rosmap": published, "heart_disease": hospitals, "audio_visual_digits": digits}
    pieces = []
    for name in arguments.data:
        pieces.append(f"## {name}\n\n{markdown(ask[name](arguments.root))}")
        print(pieces[-1] + "\n", flush=True)
    question, _, caption = __doc__.split("\n\n", 2)
    page = "\n\n".join([f"# {question}", "`python examples/experiments/fixed_splits.py`", caption.strip(), *pieces])
    write_whole(arguments.out / "fixed_splits.md", f"{page}\n".encode())
    print(f"written: {arguments.out / 'fixed_splits.md'}")


def published(root: Path | None) -> pd.DataFrame:
    data = load("rosmap", root)
    held = np.array(data.split) == "test"
    return tested({"published": held}, data, ~held)


def hospitals(root: Path | None) -> pd.DataFrame:
    data = load("heart_disease", root)
    sites = np.array(data.sites)
    return tested({site: sites == site for site in sorted(set(sites) - {HOME})}, data, sites == HOME)


def tested(parts: dict[str, np.ndarray], data, train: np.ndarray) -> pd.DataFrame:
    """Scores of each part of the rows, of a model fitted to others."""
    truth = np.unique(data.labels, return_inverse=True)[1]
    model = FusionClassifier(random_state=0).fit(data.batch[np.flatnonzero(train)], truth[train])
    table = {}
    for name, part in parts.items():
        log_probs, states = model.predict_log_proba(data.batch[np.flatnonzero(part)]), truth[part]
        losses = -log_probs[np.arange(len(states)), states]
        area, low, high = auroc_interval(torch.from_numpy(log_probs), torch.from_numpy(states))
        table[name] = {
            "rows": f"{part.sum()}",
            "accuracy": f"{(log_probs.argmax(1) == states).mean():.3f}",
            "AUROC": f"{area:.3f} ({low:.3f} to {high:.3f})",
            "NLL": around(losses),
        }
    return pd.DataFrame(table).T


def digits(root: Path | None) -> pd.DataFrame:
    data = load("audio_visual_digits", root)
    batch, truth = readable(data.batch), np.unique(data.labels, return_inverse=True)[1]
    train, test = (np.flatnonzero(np.array(data.split) == part) for part in ("train", "test"))

    def answers(fitted_to: list[str], *seen: list[str]) -> list[np.ndarray]:
        model = FusionClassifier(random_state=0).fit(batch.select(fitted_to)[train], truth[train])
        return [model.predict_log_proba(batch.select(names)[test]) for names in seen]

    sides = ["audio", "image"]
    fused = answers(sides, *([side] for side in sides), sides)
    own = [answers([side], [side])[0] for side in sides]
    optimum = sum(own) - np.log(np.bincount(truth[train]) / len(train))
    optimum = optimum - np.logaddexp.reduce(optimum, axis=1, keepdims=True)
    table, rows = {}, (np.arange(len(test)), truth[test])
    for name, found, peer in zip([f"only {side}" for side in sides] + ["both"], fused, [*own, optimum], strict=True):
        table[name] = {
            "accuracy": f"{(found.argmax(1) == truth[test]).mean():.3f}",
            "NLL": around(-found[rows]),
            "NLL of own, or optimum": around(-peer[rows]),
            "difference": around(peer[rows] - found[rows]),
        }
    return pd.DataFrame(table).T


def readable(batch: ModalityBatch) -> ModalityBatch:
    """Sound as the mean log-mel spectrum of successive stretches, pixels as columns."""
    with torch.no_grad():
        spectrum = LogMel(SAMPLE_RATE, NUM_MELS)(batch.inputs["audio"])
    parts = [part.mean(-1) for part in spectrum.tensor_split(STRETCHES, dim=-1)]
    inputs = {"audio": torch.cat(parts, -1), "image": batch.inputs["image"].flatten(1)}
    return ModalityBatch(inputs, targets=dict(batch.targets))


def around(values: np.ndarray) -> str:
    """A mean, plus and minus 1.96 of its standard errors."""
    return f"{values.mean():.4f} ± {1.96 * values.std(ddof=1) / len(values) ** 0.5:.4f}"


def markdown(table: pd.DataFrame) -> str:
    lines = [["", *table.columns], ["---", *["--:"] * table.shape[1]]]
    lines += [[str(name), *row] for name, row in zip(table.index, table.to_numpy(), strict=True)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    main()
