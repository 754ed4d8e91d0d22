"""What does an edge between modalities buy when encoders are trained through inference?  Two minutes on two cores.

python examples/neural_encoders.py [--epochs N] [--seeds N]

Four views of a handwritten digit, read by two small CNNs and two MLPs, trained end to end by the exact conditional
likelihood of the digit under random gaps: on a star, where the views are independent given the digit, and on a graph
in which every view has a reading of its own and an edge ties the readings of the upper and lower half. Beside them,
the same encoders trained under the same gaps and averaged late. Negative log-likelihood in nats on the held-out third,
mean and standard deviation over seeds, with each view dropped at the rate in the head of the column.
"""

import argparse
import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch
from sklearn.model_selection import train_test_split

import graphfuse as gf
from graphfuse.encoders import CNN, MLP
from graphfuse.evaluation import negative_log_likelihood

RATES = (0.0, 0.25, 0.5, 0.75)


def main() -> None:
    arguments = parse_arguments()
    data = gf.load("handwritten_digits")
    names = data.batch.modalities
    makers = {
        "star": lambda: star(data.target, data.batch),
        "edge upper-lower": lambda: with_edge(data.target, data.batch),
        "late, mean": lambda: late(gf.MeanPool, data.target, data.batch),
        "late, log pool": lambda: late(gf.LogarithmicPool, data.target, data.batch),
    }
    print(f"{data.name}: {len(data)} digits, views {', '.join(names)}; {arguments.seeds} seeds\n")
    print(f"{'model':18s}" + "".join(f"{f'drop {rate:.2f}':>16s}" for rate in RATES))
    for name, make in makers.items():
        scores = torch.tensor([run(make, data, seed, arguments.epochs) for seed in range(arguments.seeds)])
        spread = scores.std(0) if len(scores) > 1 else torch.zeros(len(RATES))
        cells = [f"{mean:.3f} ± {deviation:.3f}" for mean, deviation in zip(scores.mean(0), spread, strict=True)]
        print(f"{name:18s}" + "".join(f"{cell:>16s}" for cell in cells), flush=True)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=25, help="passes over the training digits")
    parser.add_argument("--seeds", type=int, default=3, help="splits and initial weights")
    return parser.parse_args()


def run(make, data: gf.Dataset, seed: int, num_epochs: int) -> list[float]:
    """The held-out negative log-likelihood at every rate of a model trained from one seed."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    train, test = train_test_split(range(len(data)), test_size=1 / 3, stratify=data.labels, random_state=seed)
    model, settings = make(), gf.FitSettings(num_epochs=num_epochs, batch_size=64, learning_rate=3e-3)
    gf.fit(model, data.batch[train], gf.random_subset_nll, generator, settings)
    scores = []
    for rate in RATES:
        seen = gf.drop_modalities(data.batch[test], rate, torch.Generator().manual_seed(seed))
        with torch.no_grad():
            scores.append(negative_log_likelihood(model(seen)["digit"], seen.targets["digit"]))
    return scores


def encoder(inputs: torch.Tensor) -> torch.nn.Module:
    """A CNN for images, an MLP for anything else."""
    return CNN(inputs.shape[1], 10) if inputs.ndim == 4 else MLP(inputs.shape[1], 10)


def star(target: gf.Variable, batch: gf.ModalityBatch) -> gf.GraphFusion:
    graph = gf.star(target, batch.modalities)
    potentials = {name: gf.NeuralPotential(encoder(batch.inputs[name]), (10,), name) for name in batch.modalities}
    return gf.GraphFusion(graph, {"prior": gf.TablePotential(torch.zeros(10)), **potentials}, [target.name])


def with_edge(target: gf.Variable, batch: gf.ModalityBatch) -> gf.GraphFusion:
    readings = [gf.Variable(name, 10) for name in batch.modalities]
    edges = [(target.name, name) for name in batch.modalities]
    graph = gf.markov_network([target, *readings], [*edges, ("upper", "lower")])
    potentials = {name: gf.NeuralPotential(encoder(batch.inputs[name]), (10,), name) for name in batch.modalities}
    potentials |= {f"{target.name}-{name}": gf.TablePotential(3 * torch.eye(10)) for name in batch.modalities}
    for name in (target.name, "upper-lower"):
        potentials[name] = gf.TablePotential(torch.zeros(graph.shape(graph.scopes[name])))
    return gf.GraphFusion(graph, potentials, [target.name])


def late(kind: type[gf.MeanPool], target: gf.Variable, batch: gf.ModalityBatch) -> gf.FusionModel:
    encoders = {name: encoder(batch.inputs[name]) for name in batch.modalities}
    return kind(encoders, target, torch.full((10,), 0.1))


if __name__ == "__main__":
    main()
