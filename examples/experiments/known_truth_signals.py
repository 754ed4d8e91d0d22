"""How far from the truth are probabilities read from noisy signals, in four networks, when modalities are missing?

python examples/experiments/known_truth_signals.py [--networks NAME ...] [--models NAME ...] [--rows N] [--tests N]
                                                   [--passes N] [--rounds N] [--seed N] [--out FOLDER]

Rows are drawn from a network whose modalities show one noisy number per variable (`graphfuse.problems.signals`), so the
true probability of every target given any signals is known exactly. The distance is KL(true || found) in nats, averaged
over two targets of the network and 1000 fresh rows; labels are not used. Of the test rows a share of the modalities is
missing, and each keeps one; all see the same gaps. What is learned is learned from 20 000 rows, complete unless it says
`fitted with gaps` (half of the modalities are missing).

- `signals alone`: graphs that see what the models see, signals and labels, but the labels of all targets of the network
  at once. Every state but those of the targets is latent, that of a variable in a modality too; nobody tells how the
  readings map states to numbers, only how many states there are. Tables, means and noise are learned together by
  stepwise EM from one start. `true structure` is given the edges, hidden variables included. `learned structure` is
  given none, and has no hidden variables: pgmpy's HillClimbSearch finds a network by AIC (on hepar2 by BIC, for AIC's
  has cliques of 27 variables) over the targets and the states nearest to the signals, and after EM again over states
  drawn given all that was seen, for so many rounds; a tenth of the rows, held out, chooses the round
  (`latent_states.py`).
- `states seen`: an easier task, and no fair match for the models. The training rows also tell the state of every
  variable (of the hidden ones too, where the structure is given), so tables are counted, and readings are fitted to the
  rows of each state. Test rows show signals only.
- All others are models of the laboratory, which see the signals and the label of one target and are fitted once per
  target. `graph-fusion` is FusionClassifier with all defaults. `best without a graph` is, column by column, the best of
  the others in either fitting: harder to beat than any one model.
"""

import argparse
import os
import shlex
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that spin while they wait slow small fits down manifold

import torch
from latent_states import LearnedReading, LearnedSignal, Rows, by_em, jittered, rounds_of_learning, structure
from torch import Tensor

from graphfuse import FactorGraph
from graphfuse.data import Dataset, ModalityBatch
from graphfuse.laboratory.encoder_cache import EncoderCache
from graphfuse.laboratory.guards import without_targets
from graphfuse.laboratory.models import model_entry, model_names
from graphfuse.laboratory.protocols.exact_losses import lose_exactly
from graphfuse.laboratory.trial import one_thread
from graphfuse.networks import Network, estimate_tables
from graphfuse.pages.page import write_whole
from graphfuse.problems import SIGNAL_PROBLEMS, NetworkProblem, mean_kl, signal_problem

RATES = [0.0, 0.25, 0.5, 0.7]
TARGETS = {
    "alarm": ("HYPOVOLEMIA", "INTUBATION"),
    "insurance": ("Accident", "RiskAversion"),
    "child": ("Disease", "LungParench"),
    "hepar2": ("ChHepatitis", "PBC"),
}
PASSES = {"alarm": 36, "insurance": 18, "child": 20, "hepar2": 4}  # of EM over the rows, by what a pass costs
SPARSE = {
    "hepar2": 20
}  # passes where BIC searches: a pass over what AIC finds, 27 variables in a clique, takes 7 minutes
MODELS = (
    "prior",
    "logistic-mean-indicator",
    "product-of-logistic",
    "hgb-native-nan",
    "hgb-modality-dropout",
    "early-fusion",
    "mean-pool",
    "log-pool",
    "graph-fusion",
)
GRAPHS = ("graph-fusion", "neural-graph")  # no contenders of the graphs
SEED = 0
Answer = Callable[[ModalityBatch], Mapping[str, Tensor]]


def main() -> None:
    arguments = parse_arguments()
    lines = []
    for name in arguments.networks:
        for row in measured(name, arguments):
            lines.append(row)
            print(*row, file=sys.stderr, flush=True)
    table = markdown(lines)
    print(table)
    write(arguments.out / "known_truth_signals.md", table)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", nargs="+", choices=SIGNAL_PROBLEMS, default=SIGNAL_PROBLEMS, metavar="NAME")
    parser.add_argument("--models", nargs="*", choices=model_names(), default=MODELS, metavar="NAME")
    parser.add_argument("--rows", type=int, default=20_000, help="to learn from")
    parser.add_argument("--tests", type=int, default=1_000, help="rows to be asked about")
    parser.add_argument("--passes", type=int, help="of EM over the rows; a number for every network if not given")
    parser.add_argument("--rounds", type=int, default=10, help="of structure and EM")
    parser.add_argument("--seed", type=int, default=SEED, help="of what learning alone draws; data stay the same")
    parser.add_argument("--out", type=Path, default=Path("results"), help="folder for the table")
    arguments = parser.parse_args()
    for what in ("rows", "tests", "passes", "rounds"):
        if getattr(arguments, what) is not None and getattr(arguments, what) < 1:
            parser.error(f"--{what} must be at least 1; got {getattr(arguments, what)}.")
    return arguments


def measured(name: str, arguments: argparse.Namespace) -> Iterator[tuple[str, str, list[float]]]:
    """Of one network, by what was learned its mean distance at every rate."""
    problem, generator = signal_problem(name), torch.Generator().manual_seed(SEED)
    states = problem.network.sample(arguments.rows, generator)
    train = problem.observe(states, generator)
    tests = gaps(name, problem, problem.draw(arguments.tests, generator), generator)
    true = [problem.true_posterior(batch) for batch in tests]
    targets, passes = TARGETS[name], arguments.passes or PASSES[name]

    def distances(answer: Answer) -> list[float]:
        found = [answer(batch) for batch in tests]
        return [
            mean_kl({each: t[each] for each in targets}, {each: f[each] for each in targets})
            for t, f in zip(true, found, strict=True)
        ]

    given = problem.network.graph
    shown = (*problem.targets, *problem.readings)
    yield name, "true structure, states seen", distances(counted(problem, given, states, train).true_posterior)
    yield (
        name,
        "true structure, signals alone",
        distances(learned_given(problem, train, passes, generator).true_posterior),
    )
    score = "bic-d" if name in SPARSE else "aic-d"
    learned = structure(given, {each: states[each] for each in shown}, score)
    yield name, "learned structure, states seen", distances(counted(problem, learned, states, train).true_posterior)
    often = arguments.passes or SPARSE.get(name, passes), arguments.rounds
    found = learned_alone(problem, train, *often, score, arguments.seed)
    yield name, "learned structure, signals alone", distances(found.true_posterior)
    best = [float("inf")] * len(RATES)
    for model in arguments.models:
        for rate, said in ((0.0, ""), (0.5, ", fitted with gaps")):
            found = distances(by_model(model, name, problem, train, rate))
            best = best if model in GRAPHS else list(map(min, best, found))
            yield name, f"{model}{said}", found
    if set(arguments.models) - {*GRAPHS}:
        yield name, "best without a graph", best


def gaps(name: str, problem: NetworkProblem, rows: ModalityBatch, generator: torch.Generator) -> list[ModalityBatch]:
    """The same rows at every rate; each keeps at least one modality."""
    whole = Dataset(name, rows, problem.network.graph.variable(problem.targets[0]))
    return [lose_exactly(whole, rate, generator).batch for rate in RATES]


def values(problem: NetworkProblem, train: ModalityBatch) -> dict[str, Tensor]:
    """By variable what its reading showed, float64 ``(num_rows,)``."""
    return {
        variable: train.inputs[modality][:, place].double()
        for modality, group in problem.modalities.items()
        for place, variable in enumerate(group)
    }


def counted(
    problem: NetworkProblem, graph: FactorGraph, states: Mapping[str, Tensor], train: ModalityBatch
) -> NetworkProblem:
    """Tables counted from the states of all variables of the graph, readings from the signals of each state."""
    network = estimate_tables(graph, {name: states[name] for name in graph.variable_names})
    readings = {}
    for name, seen in values(problem, train).items():
        weights = torch.nn.functional.one_hot(states[name], graph.num_states[name]).double()
        before = LearnedSignal(torch.zeros(weights.shape[1]), 1.0)
        readings[name] = before.learned(before.counts(weights, seen), 0.0)
    return replace(problem, network=network, readings=readings)


def learned_given(
    problem: NetworkProblem, train: ModalityBatch, passes: int, generator: torch.Generator
) -> NetworkProblem:
    """The true structure, its tables and readings learned from signals and labels alone.

    The start: the nearest state of every signal, and chance for what is hidden.
    """
    graph, start = problem.network.graph, guesses(problem, train)
    for name in (name for name in graph.variable_names if name not in start):
        start[name] = torch.randint(graph.num_states[name], (len(train),), generator=generator)
    network = jittered(estimate_tables(graph, {name: start[name] for name in graph.variable_names}), generator)
    return with_learned(problem, *by_em(network, spreads(problem, train), seen_in(problem, train), passes, generator))


def learned_alone(
    problem: NetworkProblem, train: ModalityBatch, passes: int, rounds: int, score: str = "aic-d", seed: int = SEED
) -> NetworkProblem:
    """Structure, tables and readings learned from signals and labels alone."""
    chosen, found = rounds_of_learning(
        problem.network.graph,
        guesses(problem, train),
        spreads(problem, train),
        seen_in(problem, train),
        passes,
        rounds,
        torch.Generator().manual_seed(seed),
        score,
    )
    print(f"round {chosen + 1} of {rounds}", file=sys.stderr, flush=True)
    return with_learned(problem, *found[chosen])


def with_learned(problem: NetworkProblem, network: Network, readings: Mapping[str, LearnedReading]) -> NetworkProblem:
    return replace(problem, network=network, readings={**problem.readings, **readings})


def seen_in(problem: NetworkProblem, train: ModalityBatch) -> Rows:
    return Rows({name: train.targets[name] for name in problem.targets}, values(problem, train))


def spreads(problem: NetworkProblem, train: ModalityBatch) -> dict[str, LearnedSignal]:
    """A first guess at every reading."""
    sizes = problem.network.graph.num_states
    return {name: spread(each, sizes[name]) for name, each in values(problem, train).items()}


def spread(seen: Tensor, num_states: int) -> LearnedSignal:
    """A first guess at a reading: states are spread evenly over the signals, half of a step from one to the next."""
    low, high = torch.quantile(seen, torch.tensor([0.02, 0.98], dtype=seen.dtype)).tolist()
    step = (high - low) / (num_states + 1)
    return LearnedSignal(low + step * (1 + torch.arange(num_states)), 0.7 * step)


def guesses(problem: NetworkProblem, train: ModalityBatch) -> dict[str, Tensor]:
    """The labels of the targets, and of every signal the state that a first guess at its reading finds nearest."""
    seen = values(problem, train)
    nearest = {name: each.log_likelihoods(seen[name]).argmax(1) for name, each in spreads(problem, train).items()}
    return {**{name: train.targets[name] for name in problem.targets}, **nearest}


def by_model(model: str, name: str, problem: NetworkProblem, train: ModalityBatch, rate: float) -> Answer:
    """A model of the laboratory, fitted once for every target to rows that miss this share of the modalities."""
    fitted = {}
    with one_thread(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for target in TARGETS[name]:
            rows = Dataset(name, train, problem.network.graph.variable(target))
            fitted[target] = model_entry(model).make(EncoderCache())
            fitted[target].fit(lose_exactly(rows, rate, torch.Generator().manual_seed(SEED)), SEED)
    return lambda batch: {target: each.log_probs(without_targets(batch)).exp() for target, each in fitted.items()}


def markdown(rows: list[tuple[str, str, list[float]]]) -> str:
    lines = [
        f"| mean KL, nats | | {' | '.join(f'missing {rate:.2f}' for rate in RATES)} |",
        f"| --- | --- | {' | '.join('--:' for _ in RATES)} |",
    ]
    for network, name, found in rows:
        cells = " | ".join(f"{value:12.5f}" for value in found)
        lines.append(f"| {network} | {name:42s} | {cells} |")
    return "\n".join(lines)


def write(path: Path, table: str) -> None:
    """Write the table under what was asked, how, and the command."""
    question, _, caption = __doc__.split("\n\n", 2)
    command = f"python examples/experiments/known_truth_signals.py {shlex.join(sys.argv[1:])}"
    write_whole(path, f"# {question}\n\n`{command.strip()}`\n\n{caption.strip()}\n\n{table}\n".encode())
    print(f"\nwritten: {path}")


if __name__ == "__main__":
    main()
