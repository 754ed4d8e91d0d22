"""What models with one encoder per modality share: reading the modalities, gaps and all, in the model's own order."""

from abc import abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ..checks import check_count, check_known, check_type, invalid, listed
from ..data import ModalityBatch
from ..evidence import fill, silence
from ..graph import Variable
from ..tensor_checks import check_module_input, check_tensor
from .base import FusionModel, flat_inputs


class EncodedFusion(FusionModel):
    """A model of one target that reads each modality through an encoder of its own.

    Args:
        encoders: By modality, any module from ``(rows, *features)`` to ``(rows, size)``.
        target: The variable to predict.
        sizes: By modality, how many numbers its encoder returns per row.

    Raises:
        ValueError: If there is no encoder, or a size is missing or belongs to no encoder.
    """

    def __init__(self, encoders: Mapping[str, nn.Module], target: Variable, sizes: Mapping[str, int]) -> None:
        super().__init__([target])
        check_type("encoders", encoders, Mapping, "be a mapping from modalities to modules")
        if not encoders:
            raise invalid("encoders", "hold at least one encoder", "none")
        for name, encoder in encoders.items():
            check_type(f"encoders[{name!r}]", encoder, nn.Module, "be a torch module")
            if name not in sizes:
                raise invalid("sizes", f"hold the size of {name!r}", listed(sizes))
        for name, size in sizes.items():
            check_known("each modality in sizes", name, encoders)
            check_count(f"the size of {name!r}", size)
        self.target = target
        self.modalities = tuple(encoders)
        self.sizes = tuple(sizes[name] for name in encoders)
        self.encoders = nn.ModuleList(encoders.values())

    @abstractmethod
    def log_probs(self, outputs: list[Tensor], present: Tensor) -> Tensor:
        """Normalized log-probabilities ``(rows, num_states)`` in nats of what ``encode`` returned."""

    def encode(self, batch: ModalityBatch) -> tuple[list[Tensor], Tensor]:
        """By modality the encoder's output ``(rows, size)``, zero where missing, and presence ``(rows, modalities)``.

        Raises:
            ValueError: If an encoder's output has another shape, or is ``nan`` because it cannot read missing cells.
        """
        outputs, masks = [], []
        for modality, size, encoder in zip(self.modalities, self.sizes, self.encoders, strict=True):
            values, present = flat_inputs(batch, modality)
            check_module_input(f"batch.inputs[{modality!r}]", values, encoder)
            filled = fill(values, present)
            output = encoder(filled)
            argument = f"the output of encoders[{modality!r}]"
            if output.shape != (len(present), size):
                raise invalid(argument, f"have shape {(len(present), size)}", tuple(output.shape))
            _check_reads_cells(argument, filled, output)
            outputs.append(silence(output, present, 1))
            masks.append(present)
        return outputs, torch.stack(masks, -1)

    def forward(self, batch: ModalityBatch) -> dict[str, Tensor]:
        outputs, present = self.encode(batch)
        table = self.log_probs(outputs, present)
        return {self.target.name: table.reshape(*batch.shape, self.target.num_states)}

    def extra_repr(self) -> str:
        return f"modalities={list(self.modalities)}, target={self.target}"


def check_positive_prior(prior: Tensor, num_states: int) -> None:
    """Refuse anything but probabilities ``(num_states,)`` above zero that sum to one."""
    check_tensor("prior", prior)
    if prior.shape != (num_states,) or not bool((prior > 0).all()) or abs(float(prior.sum()) - 1) > 1e-5:
        raise invalid("prior", f"be {num_states} probabilities above 0 that sum to 1", prior.tolist())


def _check_reads_cells(argument: str, inputs: Tensor, output: Tensor) -> None:
    """Refuse ``nan`` that came from missing cells; ``nan`` from diverged parameters is for training to name."""
    lost = output.isnan().any(-1)
    if not bool(lost.any()):
        return
    rows = int((lost & inputs.isnan().reshape(len(inputs), -1).any(-1)).sum())
    if rows:
        must = "be free of nan where cells are missing (graphfuse.encoders.MLP reads missing cells)"
        raise invalid(argument, must, f"nan in {rows} rows")
