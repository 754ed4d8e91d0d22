"""The distance is the mean of Kullback-Leibler divergences."""

from math import inf, log

import pytest
import torch
from scipy.stats import entropy

from graphfuse.problems import mean_kl


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_it_is_the_mean_of_the_divergences_of_scipy(dtype, generator):
    true, found = (
        {name: torch.rand(6, size, generator=generator).to(dtype).softmax(-1) for name, size in (("a", 2), ("b", 4))}
        for _ in range(2)
    )
    expected = [entropy(true[name].double(), found[name].double(), axis=1).mean() for name in true]
    assert mean_kl(true, dict(reversed(found.items()))) == pytest.approx(sum(expected) / 2, rel=1e-6)
    assert mean_kl(true, true) == 0.0


def test_impossible_states_cost_nothing_and_ruled_out_ones_cost_everything():
    sure = {"a": torch.tensor([[1.0, 0.0]])}
    even = {"a": torch.tensor([[0.5, 0.5]])}
    assert mean_kl(sure, even) == pytest.approx(log(2))
    assert mean_kl(even, sure) == inf


ONE = torch.tensor([[0.5, 0.5]])


@pytest.mark.parametrize(
    ("true", "found", "message"),
    [
        ({"a": ONE}, {"a": ONE, "b": ONE}, "each variable in found must be one of 'a'; got 'b'"),
        ({"a": ONE, "b": ONE}, {"a": ONE}, "found must hold every variable of true, at least one; got none for 'b'"),
        ({}, {}, "found must hold every variable of true, at least one"),
        ({"a": ONE}, {"a": ONE.log()}, r"found\['a'\] must hold a distribution in every row; got \[-0.69"),
        ({"a": ONE}, {"a": ONE.repeat(2, 1)}, r"found\['a'\] must have shape \(1, 2\); got \(2, 2\)"),
        ({"a": ONE[0]}, {"a": ONE[0]}, r"true\['a'\] must have shape \(num_rows, num_states\)"),
        ({"a": ONE * torch.nan}, {"a": ONE}, r"true\['a'\] must hold a distribution"),
        ({"a": [0.5, 0.5]}, {"a": ONE}, r"true\['a'\] must be a tensor"),
    ],
)
def test_what_is_no_pair_of_distributions_is_refused(true, found, message):
    with pytest.raises((ValueError, TypeError), match=message):
        mean_kl(true, found)
