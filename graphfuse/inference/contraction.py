"""Messages along a clique tree: collected towards the roots, distributed back, or descended by choosing states."""

from collections.abc import Callable, Iterable, Sequence
from math import prod

import torch
from torch import Tensor

from ..graph.clique_tree import CliqueTree
from ..logspace import logsumexp, subtract
from ..tensor_checks import broadcast_shapes
from .entropy import entropy_of_table
from .method import Terms
from .semiring import LogSemiring, Scope, Semiring, align

_BYTES_OF_CHOICE = 32  # of each state that is chosen among: weights, their sums, and what compares them


def bytes_of_row(tree: CliqueTree, itemsize: int) -> int:
    """What one row takes at most, without what autograd keeps.

    These are potentials, messages and beliefs of all cliques, what works on the largest one, evidence and answers.

    Args:
        tree: Of the contraction.
        itemsize: Bytes of a table's entry.
    """
    largest = max((_size(tree, clique) for clique in tree.cliques), default=0)
    entries = 2 * (tree.num_entries + largest + sum(tree.num_states.values()))
    return itemsize * (entries + sum(_size(tree, separator) for separator in tree.separators))


def bytes_of_choice(tree: CliqueTree, num_samples: int) -> int:
    """What the assignments take that are drawn of one row."""
    among = (set(clique).difference(above) for clique, above in zip(tree.cliques, tree.separators, strict=True))
    largest = max((_size(tree, names) for names in among), default=0)
    return num_samples * (_BYTES_OF_CHOICE * largest + 2 * 8 * len(tree.num_states))


def _size(tree: CliqueTree, names: Iterable[str]) -> int:
    return prod(tree.num_states[name] for name in names)


class Contraction:
    """One product of tables, summed along a clique tree planned once per graph.

    After construction ``log_partition`` holds the sum over all assignments (in the semiring), ``potentials[i]`` the
    product of everything at and below clique ``i``, and ``messages[i]`` that product summed onto its separator.

    Reference: Shenoy and Shafer (1990), Axioms for probability and belief-function propagation.
    """

    def __init__(self, tree: CliqueTree, terms: Terms, semiring: Semiring) -> None:
        self.tree = tree
        self.batch_shape = broadcast_shapes(*(table.shape[: table.ndim - len(scope)] for scope, table in terms))
        gathered: list[list[tuple[Scope, Tensor]]] = [[] for _ in tree.cliques]
        constants: list[Tensor] = []
        for scope, table in terms:
            if scope:
                gathered[tree.home(scope)].append((scope, table))
            else:
                constants.append(table)
        self.potentials: list[Tensor] = []
        self.messages: list[Tensor] = []
        like = terms[0][1] if terms else torch.zeros(())
        for clique, parent, separator, incoming in zip(
            tree.cliques, tree.parents, tree.separators, gathered, strict=True
        ):
            scopes, tables = [scope for scope, _ in incoming], [table for _, table in incoming]
            if set(clique).difference(*scopes):
                scopes.append(clique)
                tables.append(like.new_zeros([tree.num_states[name] for name in clique]))
            self.potentials.append(semiring.sum_product(tables, scopes, clique))
            self.messages.append(semiring.sum_product([self.potentials[-1]], [clique], separator))
            if parent >= 0:
                gathered[parent].append((separator, self.messages[-1]))
            else:
                constants.append(self.messages[-1])
        total = sum(constants[1:], start=constants[0]) if constants else like.new_zeros(())
        self.log_partition = total.expand(self.batch_shape)

    def beliefs(self, cliques: Iterable[int]) -> dict[int, Tensor]:
        """By clique, the log-marginal over its variables up to a constant per row: messages distributed from the roots.

        Dividing a clique's belief by the message that it received, instead of multiplying all others, makes the cost
        linear in the number of neighbors.

        Reference: Lauritzen and Spiegelhalter (1988), Local computations with probabilities on graphical structures.
        """
        tree, semiring = self.tree, LogSemiring()
        needed = set(cliques)
        for i in range(len(tree.cliques)):
            if i in needed and tree.parents[i] >= 0:
                needed.add(tree.parents[i])
        beliefs: dict[int, Tensor] = {}
        for i in sorted(needed, reverse=True):
            parent, separator = tree.parents[i], tree.separators[i]
            beliefs[i] = self.potentials[i]
            if separator:
                outer = semiring.sum_product([beliefs[parent]], [tree.cliques[parent]], separator)
                inward = subtract(outer, self.messages[i])
                beliefs[i] = beliefs[i] + align(inward, separator, tree.cliques[i])
        return beliefs

    def log_marginal(self, belief: Tensor, clique: int, names: Scope) -> Tensor:
        """A belief summed onto some of its variables and normalized, ``(*batch, *names)``; -inf in impossible rows."""
        dims = tuple(range(-len(names), 0))
        table = LogSemiring().sum_product([belief], [self.tree.cliques[clique]], names)
        total = logsumexp(table, dims)
        possible = (self.log_partition > -torch.inf).reshape(*self.batch_shape, *[1] * len(names))
        table = subtract(table, total.reshape(*total.shape, *[1] * len(names)))
        return torch.where(possible, table, -torch.inf).expand(
            *self.batch_shape, *table.shape[table.ndim - len(names) :]
        )

    def entropy(self) -> Tensor:
        """The entropy of all variables, ``(*batch,)`` in nats; ``nan`` in impossible rows, with gradient zero.

        It is the sum of the entropies of the cliques, less those of the separators.

        Reference: Cowell, Dawid, Lauritzen and Spiegelhalter (1999), Probabilistic Networks and Expert Systems, ch. 6.
        """
        tree, total = self.tree, torch.zeros_like(self.log_partition)
        beliefs = self.beliefs(range(len(tree.cliques)))
        for i, (clique, separator) in enumerate(zip(tree.cliques, tree.separators, strict=True)):
            total = total + entropy_of_table(self.log_marginal(beliefs[i], i, clique), len(clique))
            if separator:
                total = total - entropy_of_table(self.log_marginal(beliefs[i], i, separator), len(separator))
        return torch.where(self.log_partition > -torch.inf, total.clamp(min=0), torch.nan)

    def descend(self, choose: Callable[[Tensor], Tensor], lead: Sequence[int] = ()) -> dict[str, Tensor]:
        """An assignment chosen clique by clique from the roots, each given the states that were already chosen.

        Args:
            choose: From log-weights ``(*lead, *batch, num_joint_states)`` to indices ``(*lead, *batch)``.
            lead: Dimensions in front of the batch, for several assignments per row.

        Returns:
            By variable, int64 ``(*lead, *batch)``; -1 in impossible rows.
        """
        tree = self.tree
        shape = (*lead, *self.batch_shape)
        chosen: dict[str, Tensor] = {}
        for i in reversed(range(len(tree.cliques))):
            separator, clique = tree.separators[i], tree.cliques[i]
            residual = tuple(name for name in clique if name not in separator)
            sizes = [tree.num_states[name] for name in residual]
            table = align(self.potentials[i], clique, separator + residual).detach()
            entries = (prod(tree.num_states[name] for name in separator), prod(sizes))
            table = table.reshape(*table.shape[: table.ndim - len(clique)], *entries).expand(*shape, *entries)
            given = table.new_zeros(shape, dtype=torch.int64)
            for name in separator:
                given = given * tree.num_states[name] + chosen[name]
            picked = choose(table.take_along_dim(given[..., None, None], -2).squeeze(-2))
            for name, size in zip(reversed(residual), reversed(sizes), strict=True):
                chosen[name] = picked % size
                picked = picked // size
        impossible = self.log_partition == -torch.inf
        return {name: states.masked_fill(impossible, -1) for name, states in chosen.items()}
