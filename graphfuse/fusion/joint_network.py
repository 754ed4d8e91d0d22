"""The joint network, such as image and text: features side by side, one hidden layer over all of them."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ..checks import check_count, check_type
from ..graph import Variable
from .encoded import EncodedFusion


class JointNetwork(EncodedFusion):
    """Two layers over the features of all modalities: ``f(x, t) = W2 s(W1 [x; t] + b1) + b2``.

    With a convolutional encoder of an image and a recurrent one of a text it is the image+text network; any number of
    modalities and any feature extractors serve. The features of a missing modality are replaced, by zeros or by learned
    ones, so a row with none present gets one learned answer. Caveat: a pattern of gaps that training did not show is
    answered by extrapolation; train by ``random_subset_nll``.

    Args:
        encoders: By modality, any module from ``(rows, *features)`` to features ``(rows, size)``.
        sizes: By modality, the size of its features.
        target: The variable to predict.
        hidden_size: The rows of W1.
        activation: The nonlinearity s; a rectifier if None.
        learn_missing: Whether the features in place of a missing modality are learned, from zero, or stay zero.

    Raises:
        ValueError: If there is no encoder, or a size is missing or below one.

    Example:
        >>> from graphfuse import ModalityBatch, Variable
        >>> from graphfuse.encoders import CNN
        >>> from graphfuse.fusion import JointNetwork
        >>> encoders = {"image": CNN(1, 8), "text": nn.Linear(5, 3)}
        >>> model = JointNetwork(encoders, {"image": 8, "text": 3}, Variable("topic", 10), hidden_size=16)
        >>> model(ModalityBatch({"image": torch.zeros(2, 1, 8, 8), "text": torch.full((2, 5), nan)}))["topic"].shape
        torch.Size([2, 10])

    Reference: Ngiam et al. (2011), Multimodal deep learning.
    """

    def __init__(
        self,
        encoders: Mapping[str, nn.Module],
        sizes: Mapping[str, int],
        target: Variable,
        hidden_size: int,
        activation: nn.Module | None = None,
        learn_missing: bool = True,
    ) -> None:
        super().__init__(encoders, target, sizes)
        check_count("hidden_size", hidden_size)
        check_type("activation", activation, (nn.Module, type(None)), "be a torch module or None")
        self.missing = nn.ParameterList(torch.zeros(size) for size in self.sizes) if learn_missing else None
        self.hidden = nn.Linear(sum(self.sizes), hidden_size)
        self.activation = nn.ReLU() if activation is None else activation
        self.output = nn.Linear(hidden_size, target.num_states)

    def log_probs(self, outputs: list[Tensor], present: Tensor) -> Tensor:
        if self.missing is not None:
            masks = present.unsqueeze(-1).unbind(1)
            outputs = [torch.where(*each) for each in zip(masks, outputs, self.missing, strict=True)]
        return self.output(self.activation(self.hidden(torch.cat(outputs, -1)))).log_softmax(-1)
