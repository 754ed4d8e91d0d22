"""Bayesian networks learned from labels and readings alone: the states that were read are latent.

Structural EM: the network that a greedy search finds over one guess at the states, its tables and readings by stepwise
EM, then a new guess, drawn given all that was seen, and so on. Of these rounds the earliest counts that rows held out
do not tell, by more than one standard error, from the best.

Friedman (1997), Learning belief networks in the presence of missing values and hidden variables; Cappe and Moulines
(2009), On-line Expectation-Maximization Algorithm for Latent Data Models; Breiman et al. (1984), Classification and
Regression Trees (the standard error).
"""

import warnings
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pandas as pd
import torch
from torch import Tensor

from graphfuse import Evidence, FactorGraph, bayesian_network, infer
from graphfuse.inference import sample
from graphfuse.networks import Network, estimate_tables
from graphfuse.problems import GaussianSignal
from graphfuse.problems.readings import Reading

ROWS_A_STEP = 500
PSEUDO_COUNT = 1.0
HELD_OUT = 10  # one row in so many chooses the round
AT_ONCE = 1000  # rows that are asked together


class LearnedReading(Reading):
    """A reading that expected counts make."""

    @abstractmethod
    def counts(self, shares: Tensor, values: Tensor) -> Tensor:
        """What it needs to know of rows, summed; ``shares`` are the probabilities of the states ``(rows, states)``."""

    @abstractmethod
    def learned(self, counts: Tensor, pseudo_count: float) -> "LearnedReading":
        """The reading that makes counts per row most likely."""


@dataclass(frozen=True)
class LearnedSignal(GaussianSignal, LearnedReading):
    """Numbers around the mean of the state, with one noise for all states; a state without rows keeps its mean."""

    def counts(self, shares: Tensor, values: Tensor) -> Tensor:
        return torch.stack([torch.ones_like(values), values, values.square()]) @ shares

    def learned(self, counts: Tensor, pseudo_count: float) -> "LearnedSignal":
        share, first, second = counts
        known = share > 1e-6 * share.sum()
        means = torch.where(known, first / share.clamp(min=1e-12), self.means.double())
        variance = (second - 2 * means * first + means.square() * share).sum() / share.sum()
        return LearnedSignal(means.float(), float(variance.clamp(min=1e-4).sqrt()))


@dataclass(frozen=True, eq=False)
class Rows:
    """Labels and what was seen, by variable ``(num_rows, ...)``."""

    labels: Mapping[str, Tensor]
    seen: Mapping[str, Tensor]

    def __len__(self) -> int:
        return len(next(iter(self.labels.values())))

    def __getitem__(self, rows: Tensor) -> "Rows":
        return Rows(*({name: each[rows] for name, each in of.items()} for of in (self.labels, self.seen)))


Learned = tuple[Network, Mapping[str, LearnedReading]]


def rounds_of_learning(
    variables: FactorGraph,
    states: Mapping[str, Tensor],
    readings: Mapping[str, LearnedReading],
    rows: Rows,
    passes: int,
    rounds: int,
    generator: torch.Generator,
    score: str = "aic-d",
) -> tuple[int, list[Learned]]:
    """Which of the rounds counts, from 0 on, and what each of them found; a tenth of the rows chooses.

    Args:
        variables: What the names of the states stand for.
        states: A first guess at every variable of the network ``(num_rows,)``.
        readings: A first guess at them, by variable that was seen.
        rows: Labels and readings.
        passes: Of EM over the rows, in every round.
        rounds: Of structure and EM.
        generator: Of all that is drawn.
        score: Of networks, by its name in pgmpy.
    """
    order = torch.randperm(len(rows), generator=generator)
    held, kept = rows[order[: len(rows) // HELD_OUT]], rows[order[len(rows) // HELD_OUT :]]
    states = {name: each[order[len(rows) // HELD_OUT :]] for name, each in states.items()}
    found: list[Learned] = []
    losses = []
    for number in range(rounds):
        graph = structure(variables, states, score)
        network = estimate_tables(graph, {name: states[name] for name in graph.variable_names})
        found.append(by_em(network, found[-1][1] if found else readings, kept, passes, generator))
        losses.append(-torch.cat([log_evidence(*found[-1], part) for part in in_parts(held)]))
        if number < rounds - 1:
            states = drawn(*found[-1], kept, generator)
    best = min(losses, key=lambda each: float(each.mean()))
    worse = [each - best for each in losses]
    close = [float(each.mean()) <= float(each.std()) / len(held) ** 0.5 for each in worse]
    return close.index(True), found


def by_em(
    network: Network, readings: Mapping[str, LearnedReading], rows: Rows, passes: int, generator: torch.Generator
) -> Learned:
    """Tables and readings of greatest likelihood, from labels and readings: every other state is latent.

    Expected counts are the gradient of the log-likelihood in the log-tables. They are averaged over steps of few rows,
    each with a weight that shrinks.
    """
    graph, pseudo_count = network.graph, PSEUDO_COUNT / len(rows)
    sums: dict[str, Tensor] = {}
    step = 0
    for _ in range(passes):
        for some in torch.randperm(len(rows), generator=generator).split(ROWS_A_STEP):
            found, weight = expected(network, readings, rows[some]), (step + 2) ** -0.6
            sums = {name: each.lerp(found[name], weight) for name, each in sums.items()} if sums else found
            counts = {name: sums[name].clamp(min=0) + pseudo_count for name in graph.scopes}
            network = Network(graph, {name: (each / each.sum(-1, keepdim=True)).log() for name, each in counts.items()})
            readings = {name: each.learned(sums[f"reading of {name}"], pseudo_count) for name, each in readings.items()}
            step += 1
    return network, readings


def expected(network: Network, readings: Mapping[str, LearnedReading], rows: Rows) -> dict[str, Tensor]:
    """Means over the rows: by factor, of its joint states; by ``reading of`` a variable, of its counts."""
    tables = {name: table.detach().float().requires_grad_() for name, table in network.log_tables.items()}
    soft = {name: each.float().requires_grad_() for name, each in likelihoods(readings, rows).items()}
    log_partition = infer(network.graph, tables, Evidence(rows.labels, soft), targets=()).log_partition
    found = torch.autograd.grad(log_partition.sum(), [*tables.values(), *soft.values()])
    means = {name: each.double() / len(rows) for name, each in zip(tables, found, strict=False)}
    for name, shares in zip(soft, found[len(tables) :], strict=True):
        means[f"reading of {name}"] = readings[name].counts(shares.double(), rows.seen[name]) / len(rows)
    return means


def likelihoods(readings: Mapping[str, Reading], rows: Rows) -> dict[str, Tensor]:
    return {name: readings[name].log_likelihoods(each) for name, each in rows.seen.items()}


def log_evidence(network: Network, readings: Mapping[str, Reading], rows: Rows) -> Tensor:
    """Log-likelihood of labels and readings ``(num_rows,)`` in nats."""
    evidence = Evidence(rows.labels, likelihoods(readings, rows))
    return infer(network.graph, network.log_tables, evidence, targets=()).log_partition


def drawn(
    network: Network, readings: Mapping[str, Reading], rows: Rows, generator: torch.Generator
) -> dict[str, Tensor]:
    """One draw of all states of every row, given its labels and readings."""
    parts = []
    for some in in_parts(rows):
        evidence = Evidence(some.labels, likelihoods(readings, some))
        parts.append(sample(network.graph, network.log_tables, 1, generator, evidence))
    return {name: torch.cat([part[name][0] for part in parts]) for name in network.graph.variable_names}


def in_parts(rows: Rows) -> Iterator[Rows]:
    return (rows[some] for some in torch.arange(len(rows)).split(AT_ONCE))


def jittered(network: Network, generator: torch.Generator) -> Network:
    """The same tables, each mixed with as much of a random one, so that no two states are alike."""
    tables = {}
    for name, table in network.log_tables.items():
        chance = -torch.rand(table.shape, generator=generator, dtype=table.dtype).clamp(min=1e-9).log()
        tables[name] = ((table.exp() + chance / chance.sum(-1, keepdim=True)) / 2).log()
    return Network(network.graph, tables)


def structure(variables: FactorGraph, states: Mapping[str, Tensor], score: str = "aic-d") -> FactorGraph:
    """The Bayesian network over these variables that a greedy search finds, by pgmpy and a score by its name there."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # pgmpy 1.3 moves the class and its neighbours
        from pgmpy.estimators import HillClimbSearch

        frame = pd.DataFrame({name: each.numpy() for name, each in states.items()}).astype(str).astype("category")
        search = HillClimbSearch(frame).estimate(scoring_method=score, max_indegree=4, show_progress=False)
    parents: dict[str, list[str]] = {}
    for parent, child in sorted(search.edges()):
        parents.setdefault(child, []).append(parent)
    return bayesian_network([variables.variable(name) for name in states], parents)
