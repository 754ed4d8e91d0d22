"""A low-rank table is what a hidden variable leaves behind, and any table if the rank allows."""

import pytest
import torch

from graphfuse import Evidence, Factor, FactorGraph, Variable, infer
from graphfuse.potentials import LowRankPotential
from tests.graphs import assert_close


def random(*shape, generator):
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def test_a_pair_table_is_the_product_of_its_two_factors(generator):
    left, right = random(5, 2, generator=generator), random(7, 2, generator=generator)
    table = LowRankPotential([left, right])().exp().detach()
    assert_close(table, left.exp() @ right.exp().T)
    assert int(torch.linalg.matrix_rank(table)) == 2


@pytest.mark.parametrize("sizes", [(3,), (3, 4), (2, 3, 4)], ids=str)
@pytest.mark.parametrize("rank", [1, 3])
def test_a_low_rank_table_is_a_hidden_variable_summed_out(sizes, rank, generator):
    factors = [random(size, rank, generator=generator) for size in sizes]
    names = [f"v{i}" for i in range(len(sizes))]
    variables = [Variable(name, size) for name, size in zip(names, sizes, strict=True)]
    star = FactorGraph([*variables, Variable("hidden", rank)], [Factor(name, (name, "hidden")) for name in names])
    evidence = Evidence(hard={"v0": torch.tensor([0, 2, -1]) % sizes[0]}) if rank > 1 else None
    expected = infer(star, dict(zip(names, factors, strict=True)), evidence, targets=names)
    plain = FactorGraph(variables, [Factor("all", tuple(names))])
    found = infer(plain, {"all": LowRankPotential(factors)().detach()}, evidence)
    assert_close(found.log_partition, expected.log_partition)
    assert_close(dict(found.log_marginals), dict(expected.log_marginals))


def test_a_rank_of_the_smaller_side_holds_any_table_zeros_included(generator):
    table = random(3, 6, generator=generator)
    table[0, 2] = table[2, 2] = -torch.inf
    identity = torch.eye(3, dtype=torch.float64).log()
    potential = LowRankPotential([identity, table.T])
    assert_close(potential().detach(), table)
    found = potential()
    found[found > -torch.inf].sum().backward()
    assert all(bool(parameter.grad.isfinite().all()) for parameter in potential.parameters())


def test_training_reaches_a_table_of_its_rank_and_no_table_beyond(generator):
    true = (random(4, 2, generator=generator).exp() @ random(2, 5, generator=generator).exp()).flatten()
    true = (true / true.sum()).reshape(4, 5)

    def excess(rank):
        potential = LowRankPotential.from_shape((4, 5), rank, generator).double()
        optimizer = torch.optim.LBFGS(potential.parameters(), max_iter=400, line_search_fn="strong_wolfe")

        def closure():
            optimizer.zero_grad()
            log_probs = potential() - potential().logsumexp((0, 1))
            loss = (true * (true.log() - log_probs)).sum()
            loss.backward()
            return loss

        optimizer.step(closure)
        return float(closure().detach())

    marginals = true.sum(1, keepdim=True) * true.sum(0, keepdim=True)
    mutual_information = float((true * (true / marginals).log()).sum())
    assert excess(1) == pytest.approx(mutual_information, abs=1e-6)
    assert 0 <= excess(4) + 1e-12 < 1e-4 < mutual_information


@pytest.mark.parametrize("shape", [(3,), (4, 6), (2, 3, 4)], ids=str)
def test_a_potential_of_a_shape_starts_near_zero_with_unequal_columns(shape, generator):
    potential = LowRankPotential.from_shape(shape, 5, generator)
    assert potential().shape == shape and float(potential().detach().abs().max()) < 1.0
    assert len(potential.log_factors[0].unique(dim=1).T) == 5
    again = LowRankPotential.from_shape(shape, 5, torch.Generator().manual_seed(0))
    assert_close(again().detach(), potential().detach())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LowRankPotential([]), "log_factors must hold a tensor for every variable; got none"),
        (lambda: LowRankPotential([torch.zeros(2)]), r"log_factors\[0\] must have shape \(num_states, rank\)"),
        (lambda: LowRankPotential([torch.zeros(2, 3), torch.zeros(2, 2)]), r"log_factors\[1\] must have the rank .* 3"),
        (lambda: LowRankPotential([torch.full((2, 1), torch.nan)]), r"log_factors\[0\] must be free of nan"),
        (lambda: LowRankPotential(torch.zeros(2, 2)), "log_factors must be a sequence .* got Tensor"),
        (lambda: LowRankPotential.from_shape((2, 3), 0, torch.Generator()), "rank must be at least 1; got 0"),
        (lambda: LowRankPotential.from_shape((2, 3), 2, None), "generator must be a torch.Generator; got NoneType"),
    ],
)
def test_what_has_no_rank_is_named(make, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make()
