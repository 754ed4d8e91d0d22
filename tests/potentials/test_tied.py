"""Factors that share a table share its parameters: counted once, gradients summed, state restored."""

from copy import deepcopy

import pytest
import torch
from torch import nn

from graphfuse import GraphFusion, ModalityBatch, NeuralPotential, TablePotential, Variable, chain, infer, star
from graphfuse.potentials import GaussianPotential, PottsPotential, TiedPotential
from tests.graphs import assert_close


def shared_chain(generator, length=4):
    """A chain whose pairs share one table, all variables but the first share another."""
    graph = chain([Variable(f"v{i}", 2) for i in range(length)])
    one = TablePotential(torch.randn(2, generator=generator).double())
    pair = TablePotential(torch.randn(2, 2, generator=generator).double())
    first = NeuralPotential(nn.Linear(3, 2).double(), (2,), "m")
    potentials = {name: one if len(scope) == 1 else pair for name, scope in graph.scopes.items()}
    return GraphFusion(graph, potentials | {"v0": first}, targets=["v0", "v3"]), one, pair


def batch(generator):
    targets = {name: torch.randint(0, 2, (5,), generator=generator) for name in ("v0", "v3")}
    return ModalityBatch({"m": torch.randn(5, 3, generator=generator).double()}, targets=targets)


def test_a_table_given_to_many_factors_counts_once_among_the_parameters(generator):
    model, one, pair = shared_chain(generator)
    assert sum(parameter.numel() for parameter in model.parameters()) == 2 + 4 + 3 * 2 + 2
    assert model.potential_of["v0-v1"] is pair and model.potential_of["v2-v3"] is pair
    assert model.potential_of["v1"] is one


def test_the_gradient_of_a_shared_table_is_the_sum_over_its_factors(generator):
    model, one, pair = shared_chain(generator)
    rows = batch(generator)
    model.log_likelihood(rows).sum().backward()
    apart = GraphFusion(
        model.graph, {name: deepcopy(each) for name, each in model.potential_of.items()}, targets=["v0", "v3"]
    )
    apart.zero_grad()
    apart.log_likelihood(rows).sum().backward()
    for shared, factors in ((one, ("v1", "v2", "v3")), (pair, ("v0-v1", "v1-v2", "v2-v3"))):
        gradients = [apart.potential_of[name].log_values.grad for name in factors]
        assert_close(shared.log_values.grad, torch.stack(gradients).sum(0))


def test_a_model_of_shared_tables_is_restored_and_copied_with_its_ties(generator):
    model, _, _ = shared_chain(generator)
    other, one, pair = shared_chain(generator)
    other.load_state_dict(model.state_dict())
    rows = batch(generator)
    assert_close(other(rows), model(rows))
    assert other.potential_of["v1"] is one and other.potential_of["v0-v1"] is pair
    copied = deepcopy(model)
    assert copied.potential_of["v1"] is copied.potential_of["v3"]
    assert_close(copied(rows), model(rows))


def test_a_view_is_the_shared_table_transposed_and_trains_it(generator):
    table = TablePotential(torch.randn(2, 3, 4, generator=generator).double())
    view = TiedPotential(table, order=(2, 0, 1))
    found = view()
    for a in range(2):
        for b in range(3):
            for c in range(4):
                assert found[c, a, b] == table.log_values[a, b, c]
    weights = torch.randn(4, 2, 3, generator=generator).double()
    (table().sum() + (found * weights).sum()).backward()
    assert_close(table.log_values.grad, 1 + weights.permute(1, 2, 0))


def test_views_and_their_original_count_once_in_a_model_and_are_restored(generator):
    graph = chain([Variable("a", 2), Variable("b", 3), Variable("c", 2)])

    def make():
        pair = TablePotential(torch.randn(2, 3, generator=generator))
        flat = {name: TablePotential(torch.zeros(graph.num_states[name])) for name in "abc"}
        return GraphFusion(graph, {**flat, "a-b": pair, "b-c": TiedPotential(pair, (1, 0))}, targets=["a", "c"])

    model, other = make(), make()
    assert sum(parameter.numel() for parameter in model.parameters()) == 2 + 3 + 2 + 6
    nothing = ModalityBatch({"unused": torch.zeros(1, 1)})
    answer = model(nothing)
    assert_close(answer["a"], answer["c"], tolerance=1e-6)  # the two ends say the same through one table
    other.load_state_dict(model.state_dict())
    assert_close(other(nothing), answer)


def test_one_density_reads_two_modalities_and_each_row_keeps_its_gaps(generator):
    left = GaussianPotential(torch.tensor([[0.0], [2.0]]), torch.ones(2, 1, 1), "left eye")
    right = TiedPotential(left, order=(0,), modality="right eye")
    graph = star(Variable("label", 2), sources=["left", "right"])
    potentials = {"prior": TablePotential(torch.zeros(2)), "left": left, "right": right}
    model = GraphFusion(graph, potentials, targets=["label"])
    assert model.modalities == ("left eye", "right eye")
    values = torch.tensor([[0.3], [torch.nan]])
    found = model(ModalityBatch({"left eye": values, "right eye": values.flip(0)}))["label"]
    assert_close(found[0], found[1])
    assert_close(found[0], left(torch.tensor([0.3])).log_softmax(-1), tolerance=1e-6)


@pytest.mark.parametrize("rows", [(), (4,), (2, 3)], ids=str)
def test_a_view_leaves_the_batch_in_front(rows, generator):
    encoder = NeuralPotential(nn.Linear(4, 6), (2, 3), "m")
    inputs = torch.randn(*rows, 4, generator=generator)
    assert_close(TiedPotential(encoder, (1, 0))(inputs), encoder(inputs).mT)


def test_a_symmetric_table_needs_no_view():
    pair = PottsPotential(3, 0.5)
    graph = chain([Variable(name, 3) for name in "abc"])
    flat = {name: torch.zeros(3) for name in "abc"}
    posterior = infer(graph, {**flat, "a-b": pair(), "b-c": TiedPotential(pair, (1, 0))()})
    again = infer(graph, {**flat, "a-b": pair(), "b-c": pair()})
    assert_close(posterior.log_partition, again.log_partition)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TiedPotential(torch.zeros(2), (0,)), "potential must be a Potential; got Tensor"),
        (lambda: TiedPotential(PottsPotential(2), (1, 2)), r"order must be a permutation of 0 to 1; got \(1, 2\)"),
        (lambda: TiedPotential(PottsPotential(2), 1), "order must be a sequence of dimensions; got int"),
        (lambda: TiedPotential(PottsPotential(2), (1, 0), "m"), "modality must be None for a potential that reads no"),
        (lambda: TiedPotential(PottsPotential(2), (0,))(), r"must have the 1 dimensions of order; got \(2, 2\)"),
        (lambda: TiedPotential(PottsPotential(2), (0, 2, 1))(), r"must have the 3 dimensions of order; got \(2, 2\)"),
    ],
)
def test_what_is_no_view_is_named(make, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make()
