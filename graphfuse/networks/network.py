"""A factor graph together with its tables and state names: a model that can be asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from ..checks import check_known, check_type, invalid, listed
from ..evidence import Evidence
from ..graph import FactorGraph
from ..inference.method import InferenceMethod
from ..inference.posterior import Posterior
from ..inference.queries import decode, infer, sample
from ..inference.variable_elimination import VariableElimination
from ..tensor_checks import check_log_values
from .bayesian import normalized
from .interventions import intervened
from .labels import Labels, encode_labels
from .likelihoods import split_likelihoods

_DEFAULT = VariableElimination()


@dataclass(frozen=True, eq=False)
class Network:
    """A factor graph with one log-table per factor; asked by labels, by data frames or by ``Evidence``.

    Every method takes evidence in one of these forms: ``Evidence``; a pandas data frame of labels, one case a row; a
    mapping from variables to one label each, a single case of batch shape ``()``, or to sequences of labels. The
    label of a variable with named states is such a name, else the number of the state; a numeric column or array holds
    numbers of states also where these have names, unless they are numbers themselves. What is missing (None, ``nan``,
    ``pd.NA``) is unobserved. In the place of any label may stand a likelihood, a mapping from labels to numbers, one
    for all rows or a sequence of them; a label left out is ruled out.

    The tables of a Bayesian network, as published, sum to one only within a few digits. Questions are answered with
    tables that are normalized at the first question, once; ``log_tables`` stay as they are. That is so where every
    variable has a factor that is named after it, with it last in scope, summing to one over it within 1e-6, where no
    cycle is closed, and where no table requires a gradient. Any other tables are potentials, and are taken as given.

    Args:
        graph: The factorization; the names of states live in its variables.
        log_tables: By factor name, ``(*scope)`` in nats; ``-inf`` is a probability of zero.

    Raises:
        TypeError: If a table is not a floating-point tensor.
        ValueError: If a factor has no table or a table no factor, if a table has another shape than its scope, another
            dtype or another device than the first, or holds ``nan`` or ``+inf``.

    Example:
        >>> from graphfuse import Variable, bayesian_network
        >>> states = ("no", "yes")
        >>> graph = bayesian_network([Variable("flu", 2, states), Variable("fever", 2, states)], {"fever": ["flu"]})
        >>> network = Network(graph, {
        ...     "flu": torch.tensor([0.9, 0.1]).log(),
        ...     "fever": torch.tensor([[0.95, 0.05], [0.2, 0.8]]).log(),
        ... })
        >>> network.infer({"fever": "yes"}).marginal("flu")
        tensor([0.3600, 0.6400])
        >>> network.infer({"flu": {"no": 1.0, "yes": 3.0}, "fever": ["yes", None]}).marginal("flu")
        tensor([[0.1579, 0.8421],
                [0.7500, 0.2500]])
    """

    graph: FactorGraph
    log_tables: Mapping[str, Tensor]

    def __post_init__(self) -> None:
        check_type("graph", self.graph, FactorGraph, "be a FactorGraph")
        check_type("log_tables", self.log_tables, Mapping, "be a mapping from factor names to tensors")
        for name in self.log_tables:
            check_known("each factor in log_tables", name, self.graph.scopes)
        absent = [name for name in self.graph.scopes if name not in self.log_tables]
        if absent:
            raise invalid("log_tables", "hold a table for every factor", f"none for {listed(absent)}")
        tables = {name: self.log_tables[name] for name in self.graph.scopes}
        first = next(iter(tables.values()), None)
        for name, scope in self.graph.scopes.items():
            table, argument = tables[name], f"log_tables[{name!r}]"
            check_log_values(argument, table)
            if table.shape != (shape := self.graph.shape(scope)):
                raise invalid(f"{argument} over {scope}", f"have shape {shape}", tuple(table.shape))
            if first is not None and (table.dtype, table.device) != (first.dtype, first.device):
                must = f"be {first.dtype} on {first.device}, as the first table is"
                raise invalid(argument, must, f"{table.dtype} on {table.device}")
        object.__setattr__(self, "log_tables", tables)

    def infer(
        self,
        evidence: "Evidence | Labels | None" = None,
        targets: Sequence[str] | None = None,
        method: InferenceMethod = _DEFAULT,
    ) -> Posterior:
        """Marginals of the targets, all variables if None, given the evidence.

        Raises:
            ValueError: If an unknown variable or label is named.

        Example: see ``Network``; more is said at ``graphfuse.infer``.
        """
        return infer(self.graph, self._asked, self._evidence(evidence), targets, method)

    def decode(
        self, evidence: "Evidence | Labels | None" = None, method: InferenceMethod = _DEFAULT
    ) -> dict[str, Tensor]:
        """A most probable joint assignment by variable, int64 ``(*batch,)``; -1 in impossible rows.

        ``decode_labels`` turns the numbers into names.
        """
        return decode(self.graph, self._asked, self._evidence(evidence), method)

    def sample(
        self,
        num_samples: int,
        generator: torch.Generator,
        evidence: "Evidence | Labels | None" = None,
        method: InferenceMethod = _DEFAULT,
    ) -> dict[str, Tensor]:
        """Independent joint assignments by variable, int64 ``(num_samples, *batch)``; -1 in impossible rows.

        ``decode_labels`` turns the numbers into names.
        """
        return sample(self.graph, self._asked, num_samples, generator, self._evidence(evidence), method)

    def do(self, interventions: Mapping[str, Any]) -> "Network":
        """The Bayesian network in which variables are set from outside, so that their parents no longer bear on them.

        Every other table is unchanged: what a variable causes follows, what causes it does not. Evidence given to the
        new network counts as seen after the intervention.

        Args:
            interventions: By variable the label of the state that it is set to, as in evidence; or a mapping from
                labels to probabilities, where it is set by chance. Labels left out have none.

        Raises:
            TypeError: If the interventions are no mapping, or one is neither a label nor a mapping.
            ValueError: If the network is not Bayesian (see above), as a Markov network is not; if a variable or a label
                is unknown; if probabilities are negative or do not sum to one.

        Example:
            >>> from graphfuse import Variable, bayesian_network
            >>> states = ("no", "yes")
            >>> graph = bayesian_network([Variable("flu", 2, states), Variable("fever", 2, states)], {"fever": ["flu"]})
            >>> network = Network(graph, {
            ...     "flu": torch.tensor([0.9, 0.1]).log(),
            ...     "fever": torch.tensor([[0.95, 0.05], [0.2, 0.8]]).log(),
            ... })
            >>> network.do({"fever": "yes"}).infer().marginal("flu")  # a fever that is induced tells of no flu
            tensor([0.9000, 0.1000])
            >>> network.do({"flu": "yes"}).infer().marginal("fever")
            tensor([0.2000, 0.8000])

        Reference: Pearl (2009), Causality, sections 3.2.3 and 4.2 (stochastic interventions).
        """
        return Network(*intervened(self.graph, self.log_tables, interventions))

    def to(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> "Network":
        """The same network with its tables on another device or in another floating dtype."""
        tables = {name: table.to(device, dtype or table.dtype) for name, table in self.log_tables.items()}
        return Network(self.graph, tables)

    @cached_property
    def _asked(self) -> Mapping[str, Tensor]:
        """The tables that questions are answered with."""
        return normalized(self.graph, self.log_tables)

    def __repr__(self) -> str:
        return f"Network({self.graph!r})"

    def _evidence(self, evidence: "Evidence | Labels | None") -> Evidence | None:
        if evidence is None or isinstance(evidence, Evidence):
            return evidence
        labels, soft = split_likelihoods(self.graph, evidence)
        hard = encode_labels(self.graph, labels).hard
        like = next(iter(self.log_tables.values()), torch.zeros(()))
        return Evidence(
            {name: states.to(like.device) for name, states in hard.items()},
            {name: table.to(like) for name, table in soft.items()},
        )
