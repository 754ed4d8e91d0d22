"""Networks over raw sound, pixels, text and tables: trained one by one and weighed, or all together through the graph?

python examples/experiments/end_to_end.py [--data NAME ...] [--root FOLDER] [--out FOLDER]

The same networks read the same raw modalities twice. `cross-fitted` is FusionClassifier: each is trained by itself, and
the graph learns from scores of rows held out how far they say the same. `end to end` is EndToEndClassifier: all are
trained together by the exact mean over all subsets of the modalities of every row; `mean of 3` averages three such
trainings. ValidatedChoice is asked which of the three to take, by training rows alone; the line it takes is marked,
with the gain on held-out rows over the first and its standard error. All are then fitted to all training rows
and tested once, on rows with all their modalities and with one alone (those of the test rows that have it).

`audio_visual_digits`: one second of sound as it was recorded, 8000 numbers, through log-mel windows and a small
convolutional network; images of 28 by 28 pixels through another one. Recordings by take, 300 to test; `300 rows` are
every ninth of the 2700 to train on, `900 rows` every third. `covid_chestxray`: X-rays of 128 by 128 pixels averaged to
32 by 32 before a convolutional network, a table with gaps, and notes (words that name the disease are masked); split by
patient, 97 images of 46 patients to test, groups are patients. There the table and the notes get the encoders that each
side has by default. Negative log-likelihood in nats: means over test rows plus and minus 1.96 standard errors, by
patient where there are.
"""

from __future__ import annotations

import argparse
import os
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that spin while they wait slow small fits down manifold

import numpy as np
import torch
from torch import nn

from graphfuse import EndToEndClassifier, FitSettings, FusionClassifier, ModuleEncoder, ValidatedChoice, load
from graphfuse.data.audio_visual_digits import SAMPLE_RATE
from graphfuse.data.covid_chestxray import SIDE
from graphfuse.encoders import CNN
from graphfuse.encoders.log_mel import LogMel
from graphfuse.estimators.held_out import mean_and_error
from graphfuse.pages.page import write_whole

SETS = ("audio_visual_digits", "covid_chestxray")
EPOCHS, RATE, MEMBERS = 20, 2e-3, 3
FRACTIONS = {"audio_visual_digits": (9, 3), "covid_chestxray": (1,)}  # every so manieth training row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--root", type=Path, help="folder of the data sets; GRAPHFUSE_DATA if not given")
    parser.add_argument("--out", type=Path, default=Path("results"), help="folder for the page")
    arguments = parser.parse_args()
    pieces = []
    for name in arguments.data:
        for every in FRACTIONS[name]:
            pieces.append(compared(name, every, arguments.root))
            print(pieces[-1] + "\n", flush=True)
    question, _, caption = __doc__.split("\n\n", 2)
    page = "\n\n".join([f"# {question}", "`python examples/experiments/end_to_end.py`", caption.strip(), *pieces])
    write_whole(arguments.out / "end_to_end.md", f"{page}\n".encode())
    print(f"written: {arguments.out / 'end_to_end.md'}")


def networks(name: str) -> dict[str, partial[nn.Module]]:
    """By raw modality what makes its network, to logits."""
    if name == "audio_visual_digits":
        return {"audio": partial(sound_network, 10), "image": partial(CNN, 1, 10)}
    return {"image": partial(small_image_network, 2)}


def sound_network(num_classes: int) -> nn.Module:
    mels = 40
    return nn.Sequential(LogMel(SAMPLE_RATE, mels), nn.Unflatten(1, (1, mels)), nn.BatchNorm2d(1), CNN(1, num_classes))


def small_image_network(num_classes: int) -> nn.Module:
    return nn.Sequential(nn.AvgPool2d(SIDE // 32), CNN(1, num_classes))


def candidates(name: str) -> dict[str, Any]:
    makers = networks(name)
    alone = FitSettings(EPOCHS, 64, RATE, 1e-2)
    torch.manual_seed(0)
    each = {modality: ModuleEncoder(make(), settings=alone) for modality, make in makers.items()}
    held_out = FitSettings(EPOCHS, 64, RATE, 1e-2, validation_fraction=0.2, patience=EPOCHS)
    together = partial(EndToEndClassifier, encoders=makers, settings=held_out, random_state=0)
    return {
        "cross-fitted": FusionClassifier(encoders=each, random_state=0),
        "end to end": together(),
        f"end to end, mean of {MEMBERS}": together(num_members=MEMBERS),
    }


def compared(name: str, every: int, root: Path | None) -> str:
    """One table: the candidates, what held-out rows say of them, and how they do on the test rows."""
    data = load(name, root)
    truth, split = np.unique(data.labels, return_inverse=True)[1], np.array(data.split)
    train, test = np.flatnonzero(split == "train")[::every], np.flatnonzero(split == "test")
    by_patient = name == "covid_chestxray"
    groups = np.unique(data.groups, return_inverse=True)[1] if by_patient else np.arange(len(truth))
    settings = {"groups": groups[train]} if by_patient else {}
    choice = ValidatedChoice(candidates(name), random_state=0).fit(data.batch[train], truth[train], **settings)
    sides = sorted(data.batch.modalities)
    views = {"all": sides, **{f"{side} alone": [side] for side in sides}}
    lines = [["", "gain on held-out rows", *(f"{view}: accuracy, NLL" for view in views)]]
    for label, candidate in candidates(name).items():
        fitted = candidate.fit(data.batch[train], truth[train], **settings)
        gain = choice.improvements_.get(label)
        cells = [f"{label}{' (taken)' if label == choice.chosen_ else ''}"]
        cells.append("" if gain is None else f"{gain[0]:.4f} ± {gain[1]:.4f}")
        cells += [scored(fitted, data.batch[test], truth[test], groups[test], kept) for kept in views.values()]
        lines.append(cells)
    lines.insert(1, ["---", *["--:"] * (len(lines[0]) - 1)])
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"## {name}, {len(train)} rows\n\n{table}"


def scored(fitted: Any, batch: Any, truth: np.ndarray, groups: np.ndarray, kept: list[str]) -> str:
    """Accuracy and negative log-likelihood of the rows that have what is kept."""
    rows = np.flatnonzero(np.any([batch.present[side].numpy() for side in kept], axis=0))
    log_probs = fitted.predict_log_proba(batch.select(kept)[rows])
    losses = -log_probs[np.arange(len(rows)), truth[rows]]
    mean, error = mean_and_error(losses, np.ones(len(rows)), groups[rows])
    return f"{(log_probs.argmax(1) == truth[rows]).mean():.3f}, {mean:.3f} ± {1.96 * error:.3f}"


if __name__ == "__main__":
    main()
