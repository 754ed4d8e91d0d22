"""How far from the truth are probabilities read from images of handwritten digits, when modalities are missing?

python examples/experiments/known_truth_images.py [--rows N] [--tests N] [--models NAME ...] [--out FOLDER]

Newborns are drawn from the network child. Every variable of a modality shows an image instead of its state: a digit,
in four of five cases that of the state, else one of the other states, in the hand of somebody. Images to train and to
test on are apart, so the true probability of every target given any images is known exactly and no test image was seen.
The distance is KL(true || found) in nats, averaged over two targets and 1000 fresh rows; labels are not used. Of the
test rows a share of the modalities is missing, and each keeps one; all see the same gaps. What is learned is learned
from 20 000 rows, complete unless it says `fitted with gaps` (half of the modalities are missing).

Nobody tells which digit an image shows, nor how many digits there are. One mixture of Gaussians sorts all images to
train on into kinds, several of one digit, of which cross-validated images choose the number; those that a variable
hardly ever shows are left out.

- `learned structure`: a network over the targets and the latent states behind the images, of which only is told how
  many there are. A first guess puts the kinds of a variable together that are seen beside the same kinds of others;
  structure, tables and how often a state shows each kind are learned by structural EM, and rows held out choose the
  round (`latent_states.py`). An image is soft evidence: how likely it is among the images of each kind.
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
from known_truth_signals import RATES, SEED, by_model, gaps, markdown
from latent_states import LearnedReading, Rows, rounds_of_learning
from sklearn.cluster import AgglomerativeClustering
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV, KFold
from torch import Tensor
from torch.nn.functional import one_hot

from graphfuse.data import ModalityBatch
from graphfuse.laboratory.models import model_names
from graphfuse.pages.page import write_whole
from graphfuse.problems import DigitImages, NetworkProblem, digit_images, mean_kl, signal_problem
from graphfuse.problems.readings import Reading

NAME, TARGETS = "child", ("Disease", "LungParench")
RIGHT, SYMBOLS = 0.8, 5  # share of images of the state; digits
SHAPE = (8, 8)  # of an image
KINDS = (5, 10, 20, 30, 40)  # of images, that are compared
DIMENSIONS, LEAST = 20, 0.005  # numbers that sort an image; share of a kind that is kept
PASSES = 10  # of EM over the rows
READ = ("prior", "product-of-logistic", "hgb-native-nan", "hgb-modality-dropout", "early-fusion")
PIXELS = ("product-of-logistic",)
FUSION = "graph-fusion"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=20_000, help="to learn from")
    parser.add_argument("--tests", type=int, default=1_000, help="rows to be asked about")
    parser.add_argument("--rounds", type=int, default=10, help="of structure and EM")
    parser.add_argument("--models", nargs="*", choices=model_names(), default=[*READ, FUSION], metavar="NAME")
    parser.add_argument("--out", type=Path, default=Path("results"), help="folder for the table")
    arguments = parser.parse_args()
    for what in ("rows", "tests", "rounds"):
        if getattr(arguments, what) < 1:
            parser.error(f"--{what} must be at least 1; got {getattr(arguments, what)}.")
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

    add("learned structure", learned(kinds, learning, train, arguments.rounds).true_posterior)
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


@dataclass(frozen=True, eq=False)
class OfKinds(LearnedReading):
    """How often a state shows each kind, read through how likely a row is of every kind ``(rows, kinds)``.

    Args:
        table: Log-probabilities of kinds ``(num_states, num_kinds)``.
    """

    table: Tensor

    @property
    def num_states(self) -> int:  # type: ignore[override]
        return len(self.table)

    def sample(self, states: Tensor, generator: torch.Generator) -> Tensor:
        drawn = torch.multinomial(self.table.exp()[states], 1, generator=generator).flatten()
        return one_hot(drawn, self.table.shape[1]).double().log()

    def log_likelihoods(self, values: Tensor) -> Tensor:
        return (values.unsqueeze(1) + self.table).logsumexp(-1)

    def counts(self, shares: Tensor, values: Tensor) -> Tensor:
        of_kinds = (values.unsqueeze(1) + self.table).softmax(-1)
        return (shares.unsqueeze(-1) * of_kinds).sum(0)

    def learned(self, counts: Tensor, pseudo_count: float) -> "OfKinds":
        counts = counts.clamp(min=0) + pseudo_count
        return OfKinds((counts / counts.sum(-1, keepdim=True)).log())


@dataclass(frozen=True, eq=False)
class Images(Reading):
    """Images by their kinds, and kinds by the state."""

    kinds: Kinds
    shown: OfKinds

    @property
    def num_states(self) -> int:  # type: ignore[override]
        return self.shown.num_states

    def sample(self, states: Tensor, generator: torch.Generator) -> Tensor:
        return self.kinds.sample(self.shown.sample(states, generator).argmax(1), generator)

    def log_likelihoods(self, values: Tensor) -> Tensor:
        return self.shown.log_likelihoods(self.kinds.log_likelihoods(values))


def sorted_images(problem: NetworkProblem, train: ModalityBatch) -> dict[str, Kinds]:
    """By variable the kinds that its images are of."""
    shown = torch.cat([batch.flatten(0, 1).flatten(1) for batch in train.inputs.values()]).unique(dim=0)
    reduce = PCA(DIMENSIONS, random_state=SEED).fit(shown.numpy())
    mixture = GaussianMixture(covariance_type="tied", n_init=20, random_state=SEED)
    folds = KFold(5, shuffle=True, random_state=SEED)
    sizes = {"n_components": [size for size in KINDS if size <= len(shown) // 2]}
    search = GridSearchCV(mixture, sizes, cv=folds).fit(reduce.transform(shown.numpy()))
    mixture = search.best_estimator_
    found = {}
    for modality, group in problem.modalities.items():
        for place, variable in enumerate(group):
            images = reduce.transform(train.inputs[modality][:, place].flatten(1).numpy())
            counts = np.bincount(mixture.predict(images), minlength=mixture.n_components)
            found[variable] = Kinds(reduce, mixture, np.flatnonzero(counts >= LEAST * len(images)), shown)
    return found


def learned(kinds: Mapping[str, Kinds], problem: NetworkProblem, train: ModalityBatch, rounds: int) -> NetworkProblem:
    """Structure, tables and how often a state shows each kind, learned from images and labels."""
    graph = problem.network.graph
    likely = likelihoods_of_kinds(kinds, problem, train)
    symbols = {name: each.argmax(1) for name, each in likely.items()}
    labels = {name: train.targets[name] for name in problem.targets}
    told = {name: one_hot(each, graph.num_states[name]).double() for name, each in labels.items()}
    told |= {name: one_hot(each, kinds[name].num_states).double() for name, each in symbols.items()}
    states, readings = dict(labels), {}
    for name, each in symbols.items():
        states[name] = put_together(name, told, graph.num_states[name])[each]
        counts = one_hot(states[name], graph.num_states[name]).double().T @ told[name] / len(train)
        readings[name] = OfKinds(torch.empty(counts.shape)).learned(counts, 0.1 / counts.numel())
    generator = torch.Generator().manual_seed(SEED)
    chosen, found = rounds_of_learning(graph, states, readings, Rows(labels, likely), PASSES, rounds, generator)
    print(f"round {chosen + 1} of {rounds}", file=sys.stderr, flush=True)
    network, shown = found[chosen]
    return replace(problem, network=network, readings={name: Images(kinds[name], shown[name]) for name in kinds})


def put_together(name: str, told: Mapping[str, Tensor], num_states: int) -> Tensor:
    """A state for every kind of a variable: kinds share one that are seen beside the same things.

    Args:
        name: Of the variable.
        told: By variable, what every row shows of it, one-hot.
        num_states: Of the variable.
    """
    share = told[name].mean(0)
    if len(share) <= num_states:
        return torch.arange(len(share))
    beside = []
    for other in (each for each in told if each != name):
        usual = told[other].mean(0).clamp(min=1e-12)
        beside.append((told[name].T @ told[other] / len(told[other]) / share.unsqueeze(1) - usual) / usual.sqrt())
    copies = (200 * share).round().clamp(min=1).long()  # so that rare kinds count for little
    found = AgglomerativeClustering(num_states).fit_predict(torch.cat(beside, 1).repeat_interleave(copies, 0).numpy())
    return torch.from_numpy(found)[copies.cumsum(0) - 1]


def likelihoods_of_kinds(
    kinds: Mapping[str, Kinds], problem: NetworkProblem, batch: ModalityBatch
) -> dict[str, Tensor]:
    """By variable how likely every image is among those of each kind ``(rows, kinds)``, as logarithms."""
    return {
        variable: kinds[variable].log_likelihoods(batch.inputs[modality][:, place])
        for modality, group in problem.modalities.items()
        for place, variable in enumerate(group)
    }


def read(kinds: Mapping[str, Kinds], problem: NetworkProblem, batch: ModalityBatch) -> ModalityBatch:
    """The probabilities of the kinds in place of the images."""
    inputs = {}
    likely = likelihoods_of_kinds(kinds, problem, batch)
    for modality, group in problem.modalities.items():
        inputs[modality] = torch.cat([likely[variable].softmax(1) for variable in group], dim=1)
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
