"""How far from the truth are probabilities read from images of handwritten digits, when modalities are missing?

python examples/experiments/known_truth_images.py [--rows N] [--tests N] [--models NAME ...] [--out FOLDER]

Newborns are drawn from the network child. Every variable of a modality shows an image instead of its state: a digit,
in four of five cases that of the state, else one of the other states, in the hand of somebody. Images to train and to
test on are apart, so the true probability of every target given any images is known exactly and no test image was seen.
The distance is KL(true || found) in nats, averaged over two targets and 1000 fresh rows; labels are not used. Of the
test rows a share of the modalities is missing, and each keeps one; all see the same gaps. What is learned is learned
from 20 000 rows, complete unless it says `fitted with gaps` (half of the modalities are missing).

Nobody tells which digit an image shows, nor how many digits there are. One mixture of Gaussians sorts all images to
train on into twelve kinds, several of one digit; those that a variable hardly ever shows are left out.

- `learned structure`: the network that pgmpy's HillClimbSearch finds by AIC over the targets and the kinds, its tables
  counted. A test image is soft evidence: how likely it is among the images of each kind.
- `read`: a model of the laboratory that gets, in place of every image, the probabilities of its kinds: the same reading
  as the graph has.
- `pixels`: a model that gets the images themselves. `graph-fusion` is FusionClassifier with all defaults.

`best without a graph` is, column by column, the best of all others but graph-fusion.
"""

import argparse
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that spin while they wait slow small fits down manifold

import numpy as np
import torch
from known_truth_signals import RATES, SEED, by_model, gaps, markdown, structure
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture
from torch import Tensor

from graphfuse import Variable, bayesian_network
from graphfuse.data import ModalityBatch
from graphfuse.laboratory.models import model_names
from graphfuse.networks import estimate_tables
from graphfuse.pages.page import write_whole
from graphfuse.problems import DigitImages, NetworkProblem, digit_images, mean_kl, signal_problem
from graphfuse.problems.readings import Reading

NAME, TARGETS = "child", ("Disease", "LungParench")
RIGHT, SYMBOLS = 0.8, 5  # share of images of the state; digits
SHAPE = (8, 8)  # of an image
KINDS, DIMENSIONS, LEAST = 12, 20, 0.005  # of images; numbers that sort an image; share of a kind that is kept
READ = ("prior", "product-of-logistic", "hgb-native-nan", "hgb-modality-dropout", "early-fusion")
PIXELS = ("product-of-logistic",)
FUSION = "graph-fusion"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=20_000, help="to learn from")
    parser.add_argument("--tests", type=int, default=1_000, help="rows to be asked about")
    parser.add_argument("--models", nargs="*", choices=model_names(), default=[*READ, FUSION], metavar="NAME")
    parser.add_argument("--out", type=Path, default=Path("results"), help="folder for the table")
    arguments = parser.parse_args()
    table = markdown(measured(arguments))
    print(table)
    question, _, caption = __doc__.split("\n\n", 2)
    command = "`python examples/experiments/known_truth_images.py`"
    page = f"# {question}\n\n{command}\n\n{caption.strip()}\n\n{table}\n"
    write_whole(arguments.out / "known_truth_images.md", page.encode())
    print(f"\nwritten: {arguments.out / 'known_truth_images.md'}")


def measured(arguments: argparse.Namespace) -> list[tuple[str, str, list[float]]]:
    """What was learned, and its mean distance at every rate."""
    generator = torch.Generator().manual_seed(SEED)
    learning, asking = problems()
    train = learning.observe(learning.network.sample(arguments.rows, generator), generator)
    tests = gaps(NAME, asking, asking.draw(arguments.tests, generator), generator)
    true = [asking.true_posterior(batch) for batch in tests]
    kinds = sorted_images(learning, train)
    rows = []

    def add(label: str, answer, view=lambda batch: batch) -> list[float]:
        found = [answer(view(batch)) for batch in tests]
        pairs = (
            [{each: answers[each] for each in TARGETS} for answers in pair] for pair in zip(true, found, strict=True)
        )
        distances = [mean_kl(*pair) for pair in pairs]
        rows.append((NAME, label, distances))
        print(label, *distances, file=sys.stderr, flush=True)
        return distances

    symbols = {**train.targets, **kinds_of(kinds, learning, train)}
    sizes = {name: each.num_states for name, each in kinds.items()}
    told = [learning.network.graph.variable(name) for name in learning.targets]
    variables = bayesian_network([*told, *(Variable(name, size) for name, size in sizes.items())], {})
    graph = structure(variables, symbols)
    network = estimate_tables(graph, {name: symbols[name] for name in graph.variable_names})
    add("learned structure", replace(learning, network=network, readings=kinds).true_posterior)
    best = [float("inf")] * len(RATES)
    view = partial(read, kinds, learning)
    for said, shown, models in (("read", view, arguments.models), ("pixels", flat, (*PIXELS, FUSION))):
        for model in models:
            for rate, also in ((0.0, ""), (0.5, ", fitted with gaps")):
                images = said == "pixels" and model == FUSION
                seen = shown if not images else (lambda batch: batch)
                found = add(f"{model}, {said}{also}", by_model(model, NAME, learning, seen(train), rate), seen)
                best = best if model == FUSION else list(map(min, best, found))
    rows.append((NAME, "best without a graph", best))
    return rows


def problems() -> tuple[NetworkProblem, NetworkProblem]:
    """The same newborns, read through images to train on and through others."""
    signals = signal_problem(NAME)
    both: tuple[dict[str, DigitImages], dict[str, DigitImages]] = ({}, {})
    for variable in signals.readings:
        size = signals.network.graph.num_states[variable]
        confusion = torch.zeros(size, SYMBOLS, dtype=torch.float64)
        confusion[:, :size] = (1 - RIGHT) / (size - 1)
        confusion[:, :size].fill_diagonal_(RIGHT)
        pools = digit_images(confusion, torch.Generator().manual_seed(SEED))  # the same two pools for every variable
        for readings, pool in zip(both, pools, strict=True):
            readings[variable] = pool
    first, second = (replace(signals, network=signals.network, readings=readings) for readings in both)
    return first, second


@dataclass(frozen=True, eq=False)
class Kinds(Reading):
    """Images of the kinds that a mixture tells apart; one that is ``nan`` is missing."""

    reduce: PCA
    mixture: GaussianMixture
    kept: np.ndarray
    images: Tensor  # those that were sorted

    @property
    def num_states(self) -> int:  # type: ignore[override]
        return len(self.kept)

    def sample(self, states: Tensor, generator: torch.Generator) -> Tensor:
        sorts = torch.from_numpy(self.mixture.predict(self.reduce.transform(self.images.numpy())))
        alike = sorts == torch.from_numpy(self.kept)[states].unsqueeze(1)
        places = torch.multinomial(alike.double(), 1, generator=generator).flatten()
        return self.images[places].unflatten(1, SHAPE)

    def log_likelihoods(self, values: Tensor) -> Tensor:
        found = torch.zeros(len(values), self.num_states, dtype=torch.float64)
        seen = (~values.isnan().flatten(1).all(1)).nonzero().flatten()
        if len(seen):
            shares = self.mixture.predict_proba(self.reduce.transform(values[seen].flatten(1).numpy()))
            odds = np.log(np.maximum(shares, 1e-12)) - np.log(self.mixture.weights_)
            found[seen] = torch.from_numpy(odds[:, self.kept]).double()
        return found


def sorted_images(problem: NetworkProblem, train: ModalityBatch) -> dict[str, Kinds]:
    """By variable the kinds that its images are of."""
    shown = torch.cat([batch.flatten(0, 1).flatten(1) for batch in train.inputs.values()]).unique(dim=0)
    reduce = PCA(DIMENSIONS, random_state=SEED).fit(shown.numpy())
    mixture = GaussianMixture(KINDS, covariance_type="tied", n_init=20, random_state=SEED)
    mixture.fit(reduce.transform(shown.numpy()))
    found = {}
    for modality, group in problem.modalities.items():
        for place, variable in enumerate(group):
            images = reduce.transform(train.inputs[modality][:, place].flatten(1).numpy())
            counts = np.bincount(mixture.predict(images), minlength=KINDS)
            found[variable] = Kinds(reduce, mixture, np.flatnonzero(counts >= LEAST * len(images)), shown)
    return found


def kinds_of(kinds: Mapping[str, Kinds], problem: NetworkProblem, batch: ModalityBatch) -> dict[str, Tensor]:
    """By variable the most likely kind of every image."""
    return {
        variable: kinds[variable].log_likelihoods(batch.inputs[modality][:, place]).argmax(1)
        for modality, group in problem.modalities.items()
        for place, variable in enumerate(group)
    }


def read(kinds: Mapping[str, Kinds], problem: NetworkProblem, batch: ModalityBatch) -> ModalityBatch:
    """The probabilities of the kinds in place of the images."""
    inputs = {}
    for modality, group in problem.modalities.items():
        images = batch.inputs[modality]
        likelihoods = [kinds[variable].log_likelihoods(images[:, place]) for place, variable in enumerate(group)]
        inputs[modality] = torch.cat([each.softmax(1) for each in likelihoods], dim=1)
    return ModalityBatch(inputs, dict(batch.present), targets=dict(batch.targets))


def flat(batch: ModalityBatch) -> ModalityBatch:
    """Pixels as columns."""
    return ModalityBatch(
        {name: images.flatten(1) for name, images in batch.inputs.items()},
        dict(batch.present),
        targets=dict(batch.targets),
    )


if __name__ == "__main__":
    main()
