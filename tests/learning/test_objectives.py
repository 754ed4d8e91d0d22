"""What training minimizes, by hand."""

import numpy as np
import pytest
import torch
from torch import nn

from graphfuse.data import ModalityBatch
from graphfuse.fusion import GraphFusion, MeanPool
from graphfuse.graph import Variable, chain, star
from graphfuse.learning import random_subset_nll, target_nll
from graphfuse.potentials import ScorePotential, TablePotential

NAN = float("nan")


def pool() -> MeanPool:
    prior = torch.tensor([0.25, 0.75], dtype=torch.float64)
    return MeanPool({"a": nn.Identity(), "b": nn.Identity()}, Variable("y", 2), prior)


def batch(states: list[int]) -> ModalityBatch:
    a = [[0.9, 0.1], [0.4, 0.6], [NAN, NAN], [0.5, 0.5]]
    b = [[0.5, 0.5], [NAN, NAN], [NAN, NAN], [0.3, 0.7]]
    return ModalityBatch({"a": np.log(a), "b": np.log(b)}, targets={"y": states})


def test_the_loss_is_the_mean_over_the_rows_of_minus_the_log_probability_of_their_states(generator):
    chosen = [0.7, 0.6, 0.75, 0.4]  # (0.9 + 0.5) / 2, 0.6, the prior, (0.5 + 0.3) / 2
    expected = -np.mean(np.log(chosen))
    assert float(target_nll(pool(), batch([0, 1, 1, 0]), generator)) == pytest.approx(expected, abs=1e-12)


def test_a_row_with_an_unknown_target_counts_as_zero(generator):
    expected = -(np.log(0.7) + np.log(0.75)) / 4
    assert float(target_nll(pool(), batch([0, -1, 1, -1]), generator)) == pytest.approx(expected, abs=1e-12)
    assert float(target_nll(pool(), batch([-1] * 4), generator)) == 0.0


def test_of_several_targets_the_known_ones_count_jointly(generator):
    graph = chain([Variable("y", 2), Variable("z", 2)])
    joint = torch.tensor([[0.4, 0.1], [0.2, 0.3]], dtype=torch.float64)
    tables = {"y": torch.zeros(2), "z": torch.zeros(2), "y-z": joint.log()}
    model = GraphFusion(graph, {name: TablePotential(table) for name, table in tables.items()}, targets=["y", "z"])
    states = {"y": [0, 1, 1, -1], "z": [1, -1, 1, -1]}
    rows = ModalityBatch({"unused": torch.zeros(4)}, targets=states)
    expected = -(np.log(0.1) + np.log(0.5) + np.log(0.3)) / 4
    assert float(target_nll(model, rows, generator).detach()) == pytest.approx(expected, abs=1e-12)


def test_random_subsets_cost_the_mean_over_sizes_of_the_mean_over_subsets_of_a_size(generator):
    graph = star(Variable("y", 2), ["a", "b"])
    potentials = {"prior": TablePotential(torch.zeros(2).double()), "a": ScorePotential(2, "a")}
    model = GraphFusion(graph, {**potentials, "b": ScorePotential(2, "b")}, targets=["y"])
    num_rows = 40_000
    scores = {"a": torch.tensor([1.0, 0.0]).double(), "b": torch.tensor([2.0, 0.0]).double()}
    rows = ModalityBatch(
        {name: score.expand(num_rows, 2) for name, score in scores.items()},
        targets={"y": torch.zeros(num_rows, dtype=torch.int64)},
    )
    loss = {score: np.log1p(np.exp(-score)) for score in (0.0, 1.0, 2.0, 3.0)}
    expected = (loss[0.0] + (loss[1.0] + loss[2.0]) / 2 + loss[3.0]) / 3
    assert float(random_subset_nll(model, rows, generator).detach()) == pytest.approx(expected, abs=0.01)


def test_random_subsets_follow_the_generator():
    rows = batch([0, 1, 1, 0])[[0, 3] * 20]
    first, again, other = (
        float(random_subset_nll(pool(), rows, torch.Generator().manual_seed(seed))) for seed in (1, 1, 2)
    )
    assert first == again != other


def test_states_outside_the_target_and_absent_targets_are_refused(generator):
    with pytest.raises(ValueError, match=r"batch.targets\['y'\] must be below 2; got 2"):
        target_nll(pool(), batch([0, 1, 2, 0]), generator)
    with pytest.raises(ValueError, match=r"batch.targets must hold 'y'; got none"):
        target_nll(pool(), ModalityBatch({"a": np.zeros((1, 2)), "b": np.zeros((1, 2))}), generator)
