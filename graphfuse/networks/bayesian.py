"""When a graph with tables is a Bayesian network, and its tables normalized once."""

from collections.abc import Mapping

import networkx as nx
from torch import Tensor

from ..checks import invalid, listed
from ..graph import FactorGraph
from ..logspace import logsumexp

TOLERANCE = 1e-6  # published rows are rounded to seven digits


def check_structure(argument: str, graph: FactorGraph) -> None:
    """Refuse a graph that lacks one factor per variable, named after it and with it last, or has a directed cycle."""
    for name, scope in graph.scopes.items():
        if not scope or name != scope[-1]:
            must = "be named after the last variable of its scope"
            raise invalid(f"factor {name!r} of {argument}", must, f"scope {scope}")
    absent = [name for name in graph.variable_names if name not in graph.scopes]
    if absent:
        raise invalid(argument, "have a factor named after every variable", f"none for {listed(absent)}")
    directed = nx.DiGraph((parent, child) for child, scope in graph.scopes.items() for parent in scope[:-1])
    if not nx.is_directed_acyclic_graph(directed):
        cycle = [edge[0] for edge in nx.find_cycle(directed)]
        raise invalid("parents", "close no directed cycle", f"a cycle through {listed(cycle)}")


def check_sums(graph: FactorGraph, log_tables: Mapping[str, Tensor]) -> None:
    """Refuse a table that does not sum to one over the last variable of its scope, within 1e-6, by its name."""
    for name, scope in graph.scopes.items():
        total = logsumexp(log_tables[name].detach().double(), (-1,)).exp()
        if not _are_ones(total):
            worst = float(total.flatten()[(total - 1).abs().argmax()])
            must = f"be a conditional distribution of {name!r}, which sums to one"
            raise invalid(f"log_tables[{name!r}] over {scope}", must, f"a sum of {worst:.9g}")


def is_bayesian(graph: FactorGraph, log_tables: Mapping[str, Tensor]) -> bool:
    """Whether structure and sums are those of a Bayesian network."""
    try:
        check_structure("network", graph)
        check_sums(graph, log_tables)
    except ValueError:
        return False
    return True


def normalized(graph: FactorGraph, log_tables: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """The tables of a Bayesian network, summing to one as closely as their dtype allows; any others as they are.

    Tables that require a gradient are left as they are, so that the gradient is that of the tables themselves.
    """
    try:
        check_structure("network", graph)
    except ValueError:
        return log_tables
    if any(table.requires_grad for table in log_tables.values()):
        return log_tables
    totals = {name: logsumexp(table, (-1,)).unsqueeze(-1) for name, table in log_tables.items()}
    if not all(_are_ones(total.double().exp()) for total in totals.values()):
        return log_tables
    return {name: table - totals[name] for name, table in log_tables.items()}


def _are_ones(totals: Tensor) -> bool:
    return bool(((totals - 1).abs() <= TOLERANCE).all())
