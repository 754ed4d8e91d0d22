"""Rows that observed the same variables, answered together in logarithms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ..checks import invalid
from ..graph import FactorGraph
from ..graph.clique_tree import CliqueTree
from .amounts import gibibytes, in_words
from .contraction import Contraction, bytes_of_row
from .posterior import Posterior
from .semiring import LogSemiring
from .slices import Slice, tree_together


def answer_slice(
    graph: FactorGraph, rows: Slice, tree: CliqueTree, targets: Sequence[str], memory_budget: int, seconds: float = 0.0
) -> Posterior:
    """Marginals of the targets, and the rest on demand; an observed variable is a point mass.

    Args:
        graph: The factorization, with the observed variables.
        rows: What multiplies, without them.
        tree: Of the other variables.
        targets: Variables to answer for.
        memory_budget: Bytes that a contraction of other variables together may take.
        seconds: Time to look for its order of elimination.
    """
    contraction = Contraction(tree, rows.terms, LogSemiring())
    homes = {name: tree.home((name,)) for name in targets if name not in rows.known}
    beliefs = contraction.beliefs(homes.values())
    log_partition = contraction.log_partition.expand(rows.batch)

    def hidden_joint(names: tuple[str, ...]) -> Tensor:
        if not names:
            return torch.where(log_partition > -torch.inf, 0.0 * _finite(log_partition), -torch.inf)
        clique = tree.holding(names)
        if clique is not None:
            belief = beliefs[clique] if clique in beliefs else contraction.beliefs([clique])[clique]
            return contraction.log_marginal(belief, clique, names)
        wider = Contraction(_together(graph, rows, names, memory_budget, seconds), rows.terms, LogSemiring())
        home = wider.tree.home(names)
        return wider.log_marginal(wider.beliefs([home])[home], home, names)

    def log_joint(names: tuple[str, ...]) -> Tensor:
        hidden = tuple([name for name in names if name not in rows.known])
        table = hidden_joint(hidden)
        return _with_known(table.expand((*rows.batch, *graph.shape(hidden))), names, rows.known, graph)

    def marginal(name: str) -> Tensor:
        if name not in homes:
            return log_joint((name,))
        table = contraction.log_marginal(beliefs[homes[name]], homes[name], (name,))
        return table.expand((*rows.batch, graph.num_states[name]))

    return Posterior(
        log_marginals={name: marginal(name) for name in targets},
        converged=torch.ones_like(log_partition, dtype=torch.bool),
        _log_partition=lambda: log_partition,
        _log_joint=log_joint,
        _variables=graph.variable_names,
        _entropy=lambda: contraction.entropy().expand(rows.batch),
    )


def _finite(log_values: Tensor) -> Tensor:
    return torch.where(log_values > -torch.inf, log_values, 0.0)


def _with_known(table: Tensor, names: Sequence[str], known: Mapping[str, Tensor], graph: FactorGraph) -> Tensor:
    """Log-probabilities ``(*batch, *hidden)`` as ``(*batch, *names)``: -inf where a known variable differs."""
    if all(name not in known for name in names):
        return table
    sizes = iter(table.shape[table.ndim - sum(name not in known for name in names) :])
    batch = table.shape[: table.ndim - sum(name not in known for name in names)]
    table = table.reshape((*batch, *[1 if name in known else next(sizes) for name in names]))
    for i, name in enumerate(names):
        if name in known:
            every = torch.arange(graph.num_states[name], device=table.device)
            there = known[name].unsqueeze(-1) == every
            there = there.reshape((*there.shape[:-1], *[len(every) if j == i else 1 for j in range(len(names))]))
            table = torch.where(there, table, -torch.inf)
    return table


def _together(
    graph: FactorGraph, rows: Slice, names: tuple[str, ...], memory_budget: int, seconds: float
) -> CliqueTree:
    tree = tree_together(graph, frozenset(rows.known), names, seconds)
    num_rows = rows.batch.numel()
    cost = num_rows * bytes_of_row(tree, rows.terms[0][1].element_size() if rows.terms else 4)
    if cost > memory_budget:
        largest = max(tree.cliques, key=graph.size)
        must = f"be at least {gibibytes(cost)} for {num_rows} rows with {len(names)} variables together"
        must += (
            f" (the largest clique joins {len(largest)} variables with {in_words(graph.size(largest))} joint states)"
        )
        raise invalid("the memory_budget of VariableElimination", must, gibibytes(memory_budget), MemoryError)
    return tree
