"""The answer to a query: log-partition and marginals of every row, with what went wrong where."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from ..checks import check_known, check_names
from .entropy import entropy_of_table


@dataclass(frozen=True, eq=False)
class Posterior:
    """Marginals given the evidence; rows are independent.

    ``log_marginals`` by variable (*batch, num_states) in nats; ``-inf`` in rows where no assignment has positive
    probability. Where the query named targets, evidence that does not bear on them may be left out, and then such a
    row is told by ``impossible`` alone; on a target that was observed nothing else bears, so it may stay a point mass.
    ``converged`` (*batch) is true where the method guarantees its answer.
    """

    log_marginals: Mapping[str, Tensor]
    converged: Tensor
    _log_partition: Callable[[], Tensor] = field(repr=False)
    _log_joint: Callable[[tuple[str, ...]], Tensor] = field(repr=False)
    _variables: tuple[str, ...] = field(repr=False)
    _entropy: Callable[[], Tensor] | None = field(default=None, repr=False)
    _weak: Callable[[], Tensor] | None = field(default=None, repr=False)

    @cached_property
    def log_partition(self) -> Tensor:
        """The log of the summed product of all factors and evidence (*batch), in nats, computed when first read."""
        return self._log_partition()

    @property
    def impossible(self) -> Tensor:
        """Rows (*batch) in which no assignment has positive probability, by all the evidence.

        Their log-partition is ``-inf``.
        """
        return self.log_partition == -torch.inf

    @cached_property
    def entropy(self) -> Tensor:
        """The exact entropy of all unobserved variables together, given the evidence (*batch), in nats.

        It is the expected surprise at their joint assignment, zero where the evidence leaves one assignment only, and
        ``nan`` in impossible rows; computed when first read, and differentiable.

        Raises:
            MemoryError: If its tables exceed the memory budget of the method.

        Example:
            >>> from graphfuse import Variable, chain, infer
            >>> graph = chain([Variable("a", 2), Variable("b", 2)])
            >>> tables = {name: torch.zeros(graph.shape(scope)) for name, scope in graph.scopes.items()}
            >>> infer(graph, tables).entropy  # of four equally likely assignments
            tensor(1.3863)

        Reference: Cover and Thomas (2006), Elements of Information Theory, chapter 2.
        """
        if self._entropy is not None:
            return self._entropy()
        found = entropy_of_table(self._log_joint(self._variables), len(self._variables))
        return torch.where(self.impossible, torch.nan, found)

    @cached_property
    def num_in_logs(self) -> int:
        """Rows whose marginals, or log-partition without targets, reach below what double precision holds.

        They were computed as logarithms, which takes longer.
        """
        return 0 if self._weak is None else int(self._weak().sum())

    def marginal(self, name: str) -> Tensor:
        """Probabilities ``(*batch, num_states)`` of a variable among the targets; a point mass if it was observed."""
        check_known("the name of a target of the query (joint answers for any variable)", name, self.log_marginals)
        return self.log_marginals[name].exp()

    def log_joint(self, names: Sequence[str]) -> Tensor:
        """Log-probabilities ``(*batch, *names)`` of several variables together, in nats, given all the evidence.

        They are ``-inf`` in every impossible row, whatever the targets were. Variables that share a clique cost nothing
        more; any other set is one more contraction.

        Raises:
            ValueError: If a name is unknown or repeated.
            MemoryError: If the contraction exceeds the memory budget of the method.
        """
        names = check_names("names", names)
        for name in names:
            check_known("each of names", name, self._variables)
        return self._log_joint(names)

    def joint(self, names: Sequence[str]) -> Tensor:
        """Probabilities ``(*batch, *names)`` of several variables together; refusals as in ``log_joint``."""
        return self.log_joint(names).exp()
