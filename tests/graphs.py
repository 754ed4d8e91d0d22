"""Small graphs, random tables and random evidence for tests."""

import torch
from hypothesis import strategies as st
from torch import Tensor

from graphfuse import Evidence, Factor, FactorGraph, Variable

BATCHES = [(), (5,), (2, 3), (0,)]


def random_log_potentials(
    graph: FactorGraph, batch: tuple[int, ...], generator: torch.Generator, dtype: torch.dtype = torch.float64
) -> dict[str, Tensor]:
    """A table for every factor; every other one is constant over the batch."""
    return {
        factor.name: torch.randn(
            (*(batch if i % 2 else ()), *graph.shape(factor.scope)), generator=generator, dtype=dtype
        )
        for i, factor in enumerate(graph.factors)
    }


def random_evidence(graph: FactorGraph, batch: tuple[int, ...], generator: torch.Generator) -> Evidence:
    """Hard evidence on every third variable, soft on every third, each row with its own gaps."""
    hard, soft = {}, {}
    for i, variable in enumerate(graph.variables):
        if i % 3 == 0:
            hard[variable.name] = torch.randint(-1, variable.num_states, batch, generator=generator)
        elif i % 3 == 1:
            soft[variable.name] = torch.randn((*batch, variable.num_states), generator=generator, dtype=torch.float64)
    return Evidence(hard, soft)


def assert_close(found: object, expected: object, tolerance: float = 1e-10) -> None:
    """Equal within the tolerance, infinities equal; mappings by key."""
    if isinstance(found, dict):
        assert found.keys() == expected.keys()
        for key in found:
            assert_close(found[key], expected[key], tolerance)
        return
    torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance)


@st.composite
def factor_graphs(draw: st.DrawFn, max_variables: int = 6) -> FactorGraph:
    """Any factor graph of a few variables: loops, isolated variables, empty scopes, single states, parallel factors."""
    sizes = draw(st.lists(st.integers(1, 3), min_size=1, max_size=max_variables))
    names = [f"v{i}" for i in range(len(sizes))]
    variables = [Variable(name, size) for name, size in zip(names, sizes, strict=True)]
    scopes = draw(st.lists(st.lists(st.sampled_from(names), max_size=3, unique=True), max_size=7))
    return FactorGraph(variables, [Factor(f"f{i}", tuple(scope)) for i, scope in enumerate(scopes)])
