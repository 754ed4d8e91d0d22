"""Image and text, or only one of them: the image+text network beside graph fusion on Wikipedia articles.

python examples/image_text.py [--root FOLDER] [--data NAME] [--seeds N] [--epochs N] [--out FOLDER]

Ten categories from 128 visual words and 10 topics, on the published split (2173 sections to train, 693 to test; another
data set is split at random, 70 % to train). The network is f(x, t) = W2 s(W1 [x; t] + b1) + b2 over two encoders, with
learned features in place of a missing side; the graph of encoders is a star over small encoders trained end to end, the
graph of logistic regressions one over cross-fitted ones, and graph fusion is the default. Networks are trained under
random subsets and keep the epoch that is best on a fifth of the training rows. Mean and standard deviation over seeds
(of weights and folds; the rows are the same).
"""

import argparse
import os
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import pandas as pd
import torch
from missing_modalities import write_text

import graphfuse as gf
from graphfuse.evaluation import accuracy, negative_log_likelihood
from graphfuse.laboratory.encoder_cache import EncoderCache
from graphfuse.laboratory.models import model_entry
from graphfuse.laboratory.models.trained_network import TrainedNetwork

MODELS = {
    "prior": "prior",
    "image+text network": "joint-network",
    "graph of encoders": "neural-graph",
    "graph of logistic regressions": "graph-star",
    "graph fusion": "graph-fusion",
}


def main() -> None:
    arguments = parse_arguments()
    data = gf.load(arguments.data, arguments.root)
    train, test = parts(data)
    sides = data.batch.modalities
    shown = {"all": sides, **{f"{name} only": (name,) for name in sides}, "none": ()}
    print(f"{data.name}: {len(train)} rows to train, {len(test)} to test; {', '.join(sides)}\n")
    rows = []
    for seed in range(arguments.seeds):
        for model, name in MODELS.items():
            unfitted = model_entry(name).make(EncoderCache())
            if isinstance(unfitted, TrainedNetwork):
                unfitted.num_epochs = arguments.epochs
            fitted = unfitted.fit(train, seed)
            for view, kept in shown.items():
                masks = {name: torch.full((len(test),), name in kept) for name in sides}
                log_probs, states = fitted.log_probs(test.batch.keep(masks)), test.batch.targets[test.target.name]
                scores = {"accuracy": accuracy(log_probs, states), "NLL": negative_log_likelihood(log_probs, states)}
                rows.append({"model": model, "seen": view, **scores})
    table = markdown(pd.DataFrame(rows), list(shown))
    print(table)
    command = f"python examples/image_text.py --data {data.name} --seeds {arguments.seeds}"
    write_text(arguments.out, f"image_text_{data.name}", command, __doc__, table)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="wikipedia_xmodal", help="name of a data set")
    parser.add_argument("--root", default=None, help="folder of data files; GRAPHFUSE_DATA if not given")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=60, help="most passes over the rows of a network")
    parser.add_argument("--out", type=Path, default=Path("results"), help="folder for the table")
    return parser.parse_args()


def parts(data: gf.Dataset) -> tuple[gf.Dataset, gf.Dataset]:
    """The published parts, or seventy and thirty per cent of the rows."""
    if data.split is not None:
        split = np.array(data.split)
        return data[split == "train"], data[split == "test"]
    order = np.random.default_rng(0).permutation(len(data))
    cut = int(0.7 * len(data))
    return data[order[:cut]], data[order[cut:]]


def markdown(scores: pd.DataFrame, views: list[str]) -> str:
    """One row per model; accuracy and NLL under each view."""
    lines = [
        f"| model | {' | '.join(f'{view}: accuracy / NLL' for view in views)} |",
        "| --- |" + " --- |" * len(views),
    ]
    for model, group in scores.groupby("model", sort=False):
        cells = []
        for view in views:
            mean, spread = group[group["seen"] == view][["accuracy", "NLL"]].agg(["mean", "std"]).fillna(0.0).to_numpy()
            cells.append(" / ".join(f"{m:.3f} ± {s:.3f}" for m, s in zip(mean, spread, strict=True)))
        lines.append(f"| {model:29s} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
