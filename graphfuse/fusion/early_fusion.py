"""Early fusion: all modalities side by side as one input of one encoder."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..checks import check_names, check_type, invalid
from ..data import ModalityBatch
from ..graph import Variable
from ..tensor_checks import check_module_input
from .base import FusionModel, flat_inputs


class EarlyFusion(FusionModel):
    """One encoder over the concatenated values of all modalities; the cells of a missing one are ``nan``.

    Args:
        encoder: Any module from ``(rows, num_features)`` with ``nan`` in it to logits ``(rows, num_states)``, such as
            ``graphfuse.encoders.MLP``, which reads ``nan`` as zero beside an indicator.
        modalities: What to concatenate, in this order; inputs of any shape are flattened.
        target: The variable to predict.

    Example:
        >>> from graphfuse import EarlyFusion, ModalityBatch, Variable
        >>> from graphfuse.encoders import MLP
        >>> model = EarlyFusion(MLP(3, 2), ["ecg", "age"], Variable("label", 2))
        >>> model(ModalityBatch({"ecg": [[0.1, 0.2]], "age": [[nan]]}).to(dtype=torch.float32))["label"].shape
        torch.Size([1, 2])

    Reference: Baltrušaitis, Ahuja and Morency (2019), Multimodal machine learning, section 6.1.
    """

    def __init__(self, encoder: nn.Module, modalities: Sequence[str], target: Variable) -> None:
        super().__init__([target])
        check_type("encoder", encoder, nn.Module, "be a torch module")
        self.encoder = encoder
        self.modalities = check_names("modalities", modalities)
        if not self.modalities:
            raise invalid("modalities", "hold at least one name", "none")

    def forward(self, batch: ModalityBatch) -> dict[str, Tensor]:
        columns = []
        for name in self.modalities:
            values, present = flat_inputs(batch, name)
            check_module_input(f"batch.inputs[{name!r}]", values, self.encoder)
            cells = values.flatten(1) if values.ndim > 1 else values.unsqueeze(-1)
            columns.append(torch.where(present.unsqueeze(-1), cells, torch.nan))
        logits = self.encoder(torch.cat(columns, -1))
        [(name, target)] = self.targets.items()
        if logits.shape[-1] != target.num_states:
            raise invalid("the output of encoder", f"have {target.num_states} entries per row", tuple(logits.shape))
        return {name: logits.log_softmax(-1).reshape(*batch.shape, target.num_states)}
