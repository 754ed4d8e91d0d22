"""The tables of a Bayesian network of known structure, from complete rows."""

from collections.abc import Mapping
from math import inf
from numbers import Real
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..checks import check_known, check_type, invalid, listed
from ..graph import FactorGraph
from ..logspace import log
from ..tensor_checks import INTEGERS, check_tensor
from .bayesian import check_structure
from .labels import encode_labels
from .network import Network

if TYPE_CHECKING:
    import pandas as pd


def estimate_tables(
    graph: FactorGraph, cases: "pd.DataFrame | Mapping[str, Tensor]", pseudo_count: float = 1.0
) -> Network:
    """The network of posterior mean tables under a symmetric Dirichlet prior, given complete cases.

    The probability of state ``k`` of a child, given the state ``j`` of its parents, is ``(n_jk + a) / (n_j + a K)``:
    ``n`` counts cases, ``K`` is the number of states of the child and ``a`` is the pseudo-count of every cell. With
    ``a = 1`` this is Laplace's rule (the prior of K2), with ``a = 0`` the most likely tables. Parents that never
    occur together leave their child uniform. What the pseudo-count adds grows with the number of parents, so a child
    of many parents is drawn towards uniform where its parents are rare.

    Args:
        graph: One factor per variable, its child last and named after it, as ``bayesian_network`` makes it.
        cases: A pandas data frame of labels, one case a row; or by variable its states, integers ``(num_cases,)``.
            Every variable is observed in every case; columns beyond the variables of the graph are refused.
        pseudo_count: Cases added to every cell of every table, at least 0.

    Returns:
        A network with tables in float64, on the CPU.

    Raises:
        TypeError: If states are not integers.
        ValueError: If the graph is no Bayesian network, a variable has no cases, a cell is missing or no state, columns
            differ in length, or the pseudo-count is negative.

    Example:
        >>> from graphfuse import Variable, bayesian_network
        >>> graph = bayesian_network([Variable("flu", 2), Variable("fever", 2)], {"fever": ["flu"]})
        >>> cases = {"flu": torch.tensor([0, 0, 1]), "fever": torch.tensor([0, 1, 1])}
        >>> estimate_tables(graph, cases).log_tables["fever"].exp()
        tensor([[0.5000, 0.5000],
                [0.3333, 0.6667]], dtype=torch.float64)

    Reference: Koller and Friedman (2009), Probabilistic Graphical Models, sections 17.2 and 17.4; Cooper and
    Herskovits (1992), A Bayesian Method for the Induction of Probabilistic Networks from Data.
    """
    check_type("graph", graph, FactorGraph, "be a FactorGraph")
    check_type("pseudo_count", pseudo_count, Real, "be a number")
    if not 0.0 <= pseudo_count < inf:
        raise invalid("pseudo_count", "be a finite number of at least 0", pseudo_count)
    check_structure("graph", graph)
    states = _complete(graph, cases if isinstance(cases, Mapping) else encode_labels(graph, cases).hard)
    return Network(
        graph, {name: _log_table(graph, scope, states, pseudo_count) for name, scope in graph.scopes.items()}
    )


def _log_table(graph: FactorGraph, scope: tuple[str, ...], states: Mapping[str, Tensor], pseudo_count: float) -> Tensor:
    shape = graph.shape(scope)
    cell = torch.zeros_like(states[scope[-1]])
    for name, size in zip(scope, shape, strict=True):
        cell = cell * size + states[name]
    counts = torch.bincount(cell, minlength=graph.size(scope)).double().reshape(shape) + pseudo_count
    total = counts.sum(-1, keepdim=True)
    return log(torch.where(total > 0, counts / total.clamp(min=torch.finfo(counts.dtype).tiny), 1 / shape[-1]))


def _complete(graph: FactorGraph, states: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """By variable its states, int64 ``(num_cases,)``, every one of them a state."""
    for name in states:
        check_known("each variable in cases", name, graph.num_states)
    absent = [name for name in graph.variable_names if name not in states]
    if absent:
        raise invalid("cases", "hold every variable of graph", f"none of {listed(absent)}")
    shape = states[graph.variable_names[0]].shape if graph.variables else torch.Size()
    for name, column in states.items():
        argument = f"cases[{name!r}]"
        check_tensor(argument, column)
        if column.dtype not in INTEGERS:
            raise invalid(argument, "be a tensor of integers", column.dtype, TypeError)
        if column.ndim != 1 or column.shape != shape:
            raise invalid(argument, "have shape (num_cases,), the same as the others", tuple(column.shape))
        outside = column[(column < 0) | (column >= graph.num_states[name])]
        if len(outside):
            must = f"be between 0 and {graph.num_states[name] - 1} in every case (none may be missing)"
            raise invalid(argument, must, int(outside[0]))
    return {name: column.cpu().long() for name, column in states.items()}
