"""The answer to a query: log-partition and marginals of every row, with what went wrong where."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from ..checks import check_known, check_names


@dataclass(frozen=True, eq=False)
class Posterior:
    """Marginals given the evidence; rows are independent.

    ``log_partition`` (*batch) is the log of the summed product of all factors and evidence, in nats;
    ``log_marginals`` by variable (*batch, num_states); ``impossible`` (*batch) marks rows in which no assignment has
    positive probability: their log-partition and all their log-marginals are ``-inf``; ``converged`` (*batch) is true
    where the method guarantees its answer.
    """

    log_partition: Tensor
    log_marginals: Mapping[str, Tensor]
    impossible: Tensor
    converged: Tensor
    _log_joint: Callable[[tuple[str, ...]], Tensor] = field(repr=False)
    _variables: tuple[str, ...] = field(repr=False)

    def marginal(self, name: str) -> Tensor:
        """Probabilities ``(*batch, num_states)`` of a variable among the targets; a point mass if it was observed."""
        check_known("the name of a target of the query (joint answers for any variable)", name, self.log_marginals)
        return self.log_marginals[name].exp()

    def log_joint(self, names: Sequence[str]) -> Tensor:
        """Log-probabilities ``(*batch, *names)`` of several variables together, in nats.

        Variables that share a clique cost nothing more; any other set is one more contraction.

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
