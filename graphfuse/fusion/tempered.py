"""A temperature that depends on who is present, as part of the factors that read the modalities."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from ..checks import check_known, check_type, invalid, listed
from ..evidence import silence
from ..potentials import JointPotential, Potential
from .graph_fusion import GraphFusion, read_by

Temperatures = Callable[[np.ndarray], np.ndarray]  # of masks, bool (rows, num_modalities), positive (rows,)


class TemperedPotential(JointPotential):
    """What another potential says, divided by a temperature that depends on which modalities the row has.

    So it is a factor over the variables of the other one, conditional on who is present, and any inference answers it.
    It is no longer a density from which missing sources are integrated out: the answers for different subsets are not
    margins of each other where their temperatures differ. Temperatures carry no gradient.

    Args:
        inner: What speaks.
        sources: What it reads, and all else whose presence counts.
        modalities_of: By source, the modality whose presence it shows; a source left out does not count.
        temperatures: Of masks, bool ``(rows, num_modalities)`` in alphabetical order of the modalities; positive.

    Raises:
        TypeError: If ``inner`` is no potential that reads a source.
        ValueError: If it reads a source that is not among ``sources``, or a source of ``modalities_of`` is not.

    Example:
        >>> from graphfuse import ScorePotential
        >>> ecg, twice = ScorePotential(2, "ecg"), lambda masks: 1.0 + masks[:, 0]
        >>> tempered = TemperedPotential(ecg, ["ecg"], {"ecg": "ecg"}, twice)
        >>> tempered([torch.tensor([[1.0, -1.0]])], torch.tensor([[True]])).detach()
        tensor([[ 0.5000, -0.5000]])

    Reference: Guo et al. (2017), On calibration of modern neural networks.
    """

    def __init__(
        self,
        inner: Potential | JointPotential,
        sources: Sequence[str],
        modalities_of: Mapping[str, str],
        temperatures: Temperatures,
    ) -> None:
        super().__init__(sources)
        check_type("inner", inner, (Potential, JointPotential), "be a potential")
        if not read_by(inner):
            raise invalid("inner", "read a source", "a constant table", TypeError)
        for name in read_by(inner):
            check_known("each source that inner reads", name, self.modalities)
        for name in modalities_of:
            check_known("each source in modalities_of", name, self.modalities)
        self.inner, self.temperatures = inner, temperatures
        self.read = [self.modalities.index(name) for name in read_by(inner)]
        names = sorted(set(modalities_of.values()))
        self.shown_by = [
            [i for i, source in enumerate(self.modalities) if modalities_of.get(source) == name] for name in names
        ]

    def forward(self, inputs: Sequence[Tensor], present: Tensor) -> Tensor:
        """The table ``(*batch, *scope)``."""
        if isinstance(self.inner, JointPotential):
            shown = present[..., self.read]
            table, heard = self.inner([inputs[i] for i in self.read], shown), shown.any(-1)
        else:
            [i] = self.read
            table, heard = self.inner(inputs[i]), present[..., i]
        num_dims = table.ndim - present.ndim + 1
        inverse = self.inverse_temperatures(present).to(table).reshape(*heard.shape, *[1] * num_dims)
        return silence(table, heard, num_dims) * inverse

    def inverse_temperatures(self, present: Tensor) -> Tensor:
        """One over the temperature, ``(*batch,)``, of rows with these sources, bool ``(*batch, num_sources)``."""
        shown = [present[..., owners].any(-1) for owners in self.shown_by]
        masks = torch.stack(shown, -1).reshape(-1, len(shown)).cpu().numpy()
        return torch.from_numpy(1.0 / np.asarray(self.temperatures(masks))).reshape(present.shape[:-1])


def with_temperatures(model: GraphFusion, modalities_of: Mapping[str, str], temperatures: Temperatures) -> GraphFusion:
    """The model with what its sources say divided by a temperature that depends on who is present.

    The graph stays, and potentials are shared, not copied; temperatures that it had are replaced. A row without any
    modality keeps its answer.

    Args:
        model: A fitted model, in which factors that read sources speak of one variable alone.
        modalities_of: By source, the modality whose presence it shows; a source left out does not count.
        temperatures: Of masks, bool ``(rows, num_modalities)`` in alphabetical order of the modalities; positive.

    Raises:
        ValueError: If sources speak of several variables, or of more than one at once: then to divide what they say is
            not to divide what their answer adds to the prior.

    Example:
        >>> from graphfuse import ModalityBatch, ScorePotential, TablePotential, Variable, star
        >>> potentials = {"prior": TablePotential(torch.zeros(2)), "ecg": ScorePotential(2, "ecg")}
        >>> model = GraphFusion(star(Variable("ill", 2), ["ecg"]), potentials, ["ill"])
        >>> wider = with_temperatures(model, {"ecg": "ecg"}, lambda masks: np.full(len(masks), 2.0))
        >>> wider(ModalityBatch({"ecg": torch.tensor([[1.0, -1.0], [nan, nan]])}))["ill"].detach().exp()
        tensor([[0.7311, 0.2689],
                [0.5000, 0.5000]])
    """
    reading = {name: each for name, each in model.potential_of.items() if read_by(each)}
    scopes = {model.graph.scopes[name] for name in reading}
    if len(scopes) != 1 or len(next(iter(scopes))) != 1:
        raise invalid("model", "have all sources speak of one variable alone", f"scopes {listed(sorted(scopes))}")
    potentials = model.potential_of
    for name, each in reading.items():
        inner = each.inner if isinstance(each, TemperedPotential) else each
        potentials[name] = TemperedPotential(inner, model.modalities, modalities_of, temperatures)
    return GraphFusion(model.graph, potentials, list(model.targets), model.method).train(model.training)
