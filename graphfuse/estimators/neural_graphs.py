"""Factor graphs whose modalities are read by networks, to be trained end to end."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from ..checks import check_type, invalid
from ..fusion import GraphFusion
from ..fusion.prevalence import with_prevalence
from ..graph import FactorGraph, Variable
from ..potentials import NeuralPotential, TablePotential
from .score_graphs import untrained

_APART = 0.5  # nats, by which the states of hidden variables differ where training starts


def neural_graph(
    graph: FactorGraph,
    target: Variable,
    encoders: Mapping[str, nn.Module],
    prior: np.ndarray,
    generator: torch.Generator,
) -> GraphFusion:
    """The graph over encoders, where training starts; without any modality the target has the prior.

    Encoders may compute in any precision: inference is in double precision, so the prior is exact.

    Args:
        graph: A factor named after every modality, and a constant table over the target.
        target: What is predicted.
        encoders: By modality, a module to one number per entry of its factor's table; held, not copied.
        prior: Of the target, positive ``(num_states,)``.
        generator: Source of where the constant tables start.

    Example:
        >>> from graphfuse import ModalityBatch, star
        >>> ill, generator = Variable("ill", 2), torch.Generator().manual_seed(0)
        >>> encoders = {"ecg": nn.Linear(3, 2)}
        >>> model = neural_graph(star(ill, ["ecg"]), ill, encoders, np.array([0.9, 0.1]), generator)
        >>> model(ModalityBatch({"ecg": torch.tensor([[nan, nan, nan]])}))["ill"].detach().exp()
        tensor([[0.9000, 0.1000]], dtype=torch.float64)
    """
    potentials = untrained(graph, target, tuple(encoders), generator).potential_of
    for name in graph.scopes:
        table = potentials[name]
        if isinstance(table, TablePotential) and table.log_values.requires_grad:
            with torch.no_grad():  # where states of hidden variables are alike, no encoder learns which to speak of
                shift = torch.randn(table.log_values.shape, generator=generator, dtype=torch.float64)
                table.log_values.add_(_APART * shift)
    for name, encoder in encoders.items():
        scope = graph.scopes[name]
        reader = EncoderOutput(encoder, graph.size(scope), f"encoders[{name!r}]", scope == (target.name,))
        potentials[name] = NeuralPotential(reader, graph.shape(scope), name)
    return with_prior_of(GraphFusion(graph, potentials, [target.name]), target.name, prior)


def with_prior_of(model: GraphFusion, target: str, prior: np.ndarray) -> GraphFusion:
    """The model, whose target has this prior ``(num_states,)`` in a row without any modality."""
    return with_prevalence(model, {target: torch.from_numpy(prior)})


class EncoderOutput(nn.Module):
    """An encoder whose output is checked and becomes double precision.

    Args:
        encoder: From ``(rows, *features)`` to ``(rows, num_outputs)``.
        num_outputs: Entries of the table that it fills.
        name: What errors call the encoder.
        of_classes: Whether the entries are one per class.
    """

    def __init__(self, encoder: nn.Module, num_outputs: int, name: str, of_classes: bool = True) -> None:
        super().__init__()
        self.encoder = encoder
        self.num_outputs = num_outputs
        self.name = name
        self.of_classes = of_classes

    def forward(self, inputs: Tensor) -> Tensor:
        try:
            found = self.encoder(inputs)
        except RuntimeError as error:
            if isinstance(error, torch.OutOfMemoryError):
                raise
            must = f"read inputs of shape {tuple(inputs.shape)} and dtype {inputs.dtype}"
            raise invalid(self.name, must, f"an error, {error}") from error
        output = f"the output of {self.name}"
        check_type(output, found, Tensor, "be a tensor of logits")
        if tuple(found.shape) != (len(inputs), self.num_outputs):
            entries = "one logit per class" if self.of_classes else "one number per entry of its factor's table"
            raise invalid(output, f"have shape {(len(inputs), self.num_outputs)}, {entries}", tuple(found.shape))
        gaps = inputs.isnan().flatten(1).any(1) if inputs.is_floating_point() else None
        if gaps is not None and bool(found[gaps].isnan().any()):
            must = "be finite (missing cells reach a module as nan; graphfuse.encoders.MLP reads them)"
            raise invalid(output, must, f"nan in rows with missing cells, {int(gaps.sum())} of {len(inputs)}")
        return found.double()
