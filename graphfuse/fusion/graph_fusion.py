"""Fusion by inference: every modality fills a factor of one graph, and the graph answers."""

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from ..checks import check_known, check_names, check_type, invalid, listed
from ..data import ModalityBatch
from ..evidence import Evidence, fill, silence
from ..graph import FactorGraph
from ..inference import InferenceMethod, Posterior, VariableElimination, infer
from ..logspace import subtract
from ..potentials import JointPotential, Potential
from .base import FusionModel, at_known, flat_inputs, subset_masks

_DEFAULT = VariableElimination()


class GraphFusion(FusionModel):
    """A factor graph whose factors are filled by potentials; a missing modality multiplies by one.

    The graph may have latent variables and several targets. Trained by ``log_likelihood``, the exact conditional
    likelihood of the targets, through inference.

    Args:
        graph: The factorization.
        potentials: By factor name, one per factor; a ``JointPotential`` reads several modalities.
        targets: Variables of the graph to predict.
        method: How to infer.

    Raises:
        ValueError: If a factor has no potential, or a potential no factor, or a target is no variable.

    Example:
        >>> from graphfuse import GraphFusion, ModalityBatch, NeuralPotential, TablePotential, Variable, star
        >>> graph = star(Variable("label", 2), sources=["ecg"])
        >>> ecg = NeuralPotential(nn.Linear(3, 2), shape=(2,), modality="ecg")
        >>> model = GraphFusion(graph, {"prior": TablePotential(torch.zeros(2)), "ecg": ecg}, targets=["label"])
        >>> model(ModalityBatch({"ecg": torch.tensor([[nan, nan, nan]])}))["label"].exp()
        tensor([[0.5000, 0.5000]], grad_fn=<ExpBackward0>)

    Reference: Lafferty, McCallum and Pereira (2001), Conditional random fields; Quattoni et al. (2007), Hidden
    conditional random fields.
    """

    def __init__(
        self,
        graph: FactorGraph,
        potentials: Mapping[str, Potential | JointPotential],
        targets: Sequence[str],
        method: InferenceMethod = _DEFAULT,
    ) -> None:
        check_type("graph", graph, FactorGraph, "be a FactorGraph")
        check_type("potentials", potentials, Mapping, "be a mapping from factor names to potentials")
        super().__init__([graph.variable(name) for name in check_names("targets", targets)])
        for name, potential in potentials.items():
            check_known("each factor in potentials", name, graph.scopes)
            check_type(f"potentials[{name!r}]", potential, (Potential, JointPotential), "be a Potential")
        absent = [name for name in graph.scopes if name not in potentials]
        if absent:
            raise invalid("potentials", "hold a potential for every factor", f"none for {listed(absent)}")
        self.graph = graph
        self.method = method
        self.potentials = nn.ModuleList(potentials[name] for name in graph.scopes)

    @property
    def potential_of(self) -> dict[str, Potential | JointPotential]:
        """By factor name, its potential."""
        return dict(zip(self.graph.scopes, self.potentials, strict=True))  # type: ignore[arg-type]

    @property
    def modalities(self) -> tuple[str, ...]:
        """The modalities that some potential reads, in the order of the factors."""
        return tuple(dict.fromkeys(name for each in self.potential_of.values() for name in read_by(each)))

    def log_potentials(self, batch: ModalityBatch) -> dict[str, Tensor]:
        """By factor, its table ``(*batch, *scope)`` in nats; zero in the rows whose modality is missing.

        Raises:
            ValueError: If a potential's table does not fit its scope, or is ``nan`` where its modality is present.
        """
        return {name: self._table(name, potential, batch) for name, potential in self.potential_of.items()}

    def _table(self, name: str, potential: Potential | JointPotential, batch: ModalityBatch) -> Tensor:
        return self._prepared_table(name, potential, batch)()

    def _prepared_table(
        self, name: str, potential: Potential | JointPotential, batch: ModalityBatch
    ) -> Callable[[], Tensor]:
        """What computes the table of a batch; the batch is read once."""
        shape = self.graph.shape(self.graph.scopes[name])
        argument = f"the table of potentials[{name!r}] over {self.graph.scopes[name]}"
        read = [flat_inputs(batch, modality) for modality in read_by(potential)]
        if not read:
            return lambda: _checked_shape(argument, potential(None), shape)
        filled = [fill(values, present) for values, present in read]
        every = torch.stack([present for _, present in read], dim=-1)
        joint = isinstance(potential, JointPotential)
        say = potential.prepared(filled, every) if joint else partial(potential, filled[0])  # type: ignore[operator]
        anyone = every.any(-1)

        def table() -> Tensor:
            found = _checked_shape(argument, say(), (len(every), *shape))
            found = silence(found, anyone, len(shape))
            if bool(found.isnan().any()):
                rows = int(found.isnan().reshape(len(every), -1).any(-1).sum())
                raise invalid(
                    argument,
                    "be free of nan where its modality is present (an encoder that reads missing cells, such as "
                    "graphfuse.encoders.MLP, maps them to numbers)",
                    f"nan in {rows} rows",
                )
            return found.reshape(*batch.shape, *shape)

        return table

    def posterior(self, batch: ModalityBatch, targets: Sequence[str] | None = None) -> Posterior:
        """The posterior given the modalities of each row, for the model's targets or any other variables."""
        names = list(self.targets) if targets is None else targets
        return infer(self.graph, self.log_potentials(batch), targets=names, method=self.method)

    def forward(self, batch: ModalityBatch) -> dict[str, Tensor]:
        """By target, log-probabilities ``(*batch, num_states)`` in nats; ``-inf`` in impossible rows."""
        found = self.posterior(batch).log_marginals
        return {name: found[name].expand(*batch.shape, -1) for name in self.targets}

    def log_likelihood(self, batch: ModalityBatch) -> Tensor:
        """Joint log-probability ``(*batch,)`` in nats of the known targets of each row, given its modalities.

        Latent variables and unknown targets are summed out exactly. ``-inf``, with gradient zero, in a row whose
        modalities, or whose targets given them, are impossible.
        """
        return self.prepared_log_likelihood(batch)()

    def prepared_log_likelihood(self, batch: ModalityBatch) -> Callable[[], Tensor]:
        """As for ``FusionModel``: what the potentials read is put together once."""
        self.check_targets(batch)
        tables = {name: self._prepared_table(name, each, batch) for name, each in self.potential_of.items()}
        return lambda: self._conditional(batch, {name: table() for name, table in tables.items()}).expand(batch.shape)

    def subset_log_likelihoods(self, batch: ModalityBatch, subsets: Sequence[Collection[str]]) -> Tensor:
        """The joint log-likelihood ``(num_subsets, *batch)`` in nats under each subset; every row is encoded once."""
        if any(isinstance(potential, JointPotential) for potential in self.potentials):
            return super().subset_log_likelihoods(batch, subsets)
        self.check_targets(batch)
        masks, tables = subset_masks(batch, subsets), self.log_potentials(batch)
        alike: dict[tuple[str, ...], list[str]] = {}  # factors of one scope become one table before inference
        for name, potential in self.potential_of.items():
            if read_by(potential):
                alike.setdefault(self.graph.scopes[name], []).append(name)
        for scope, names in alike.items():
            kept = [masks[read_by(self.potential_of[name])[0]] for name in names]
            stacked = torch.stack([tables[name] for name in names])
            if bool(stacked.isfinite().all()):
                weights = torch.stack([mask.flatten() for mask in kept], -1).to(stacked.dtype)
                together = torch.tensordot(weights, stacked, dims=1)
            else:
                silenced = (silence(table, mask, len(scope)) for table, mask in zip(stacked, kept, strict=True))
                together = torch.stack(list(silenced)).sum(0)
            tables |= {name: together.new_zeros(self.graph.shape(scope)) for name in names[1:]}
            tables[names[0]] = together
        return self._conditional(batch, tables).expand(len(subsets), *batch.shape)

    def joint_log_likelihood(self, batch: ModalityBatch) -> Tensor:
        """Log-density ``(*batch,)`` in nats of present modalities and known targets together.

        Exact where every modality fills a normalized likelihood; the constant tables need not be normalized. What a
        table leaves out because it is the same for all states, such as ``reference_log_density``, is not counted.
        """
        self.check_targets(batch)
        tables = self.log_potentials(batch)
        silent = {
            name: tables[name].new_zeros(self.graph.shape(scope)) if read_by(potential) else tables[name]
            for (name, potential), scope in zip(self.potential_of.items(), self.graph.scopes.values(), strict=True)
        }
        clamped = infer(self.graph, tables, self._observed(batch), targets=(), method=self.method).log_partition
        normalizer = infer(self.graph, silent, targets=(), method=self.method).log_partition
        return subtract(clamped, normalizer).expand(batch.shape)

    def _observed(self, batch: ModalityBatch) -> Evidence:
        return Evidence(hard={name: batch.targets[name] for name in self.targets})

    def _conditional(self, batch: ModalityBatch, tables: dict[str, Tensor]) -> Tensor:
        if len(self.targets) == 1:  # one query serves where the joint of the targets is a marginal
            [name] = self.targets
            log_marginal = infer(self.graph, tables, targets=[name], method=self.method).log_marginals[name]
            return at_known(log_marginal, batch.targets[name])
        clamped = infer(self.graph, tables, self._observed(batch), targets=(), method=self.method).log_partition
        free = infer(self.graph, tables, targets=(), method=self.method).log_partition
        return subtract(clamped, free)

    def extra_repr(self) -> str:
        return f"graph={self.graph}, targets={list(self.targets)}, method={self.method}"


def read_by(potential: Potential | JointPotential) -> tuple[str, ...]:
    """The modalities that a potential reads; none if it is constant."""
    if isinstance(potential, JointPotential):
        return potential.modalities
    return () if potential.modality is None else (potential.modality,)


def _checked_shape(argument: str, table: Tensor, expected: tuple[int, ...]) -> Tensor:
    check_type(argument, table, torch.Tensor, "be a tensor")
    if tuple(table.shape) != expected:
        raise invalid(argument, f"have shape {expected}", tuple(table.shape))
    return table
