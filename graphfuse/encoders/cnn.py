"""A small convolutional network for images."""

from collections.abc import Sequence

from torch import nn

from ..checks import check_count


class CNN(nn.Sequential):
    """Convolutions, then the mean of each quarter: from ``(batch, num_channels, height, width)`` to logits.

    The logits are ``(batch, num_outputs)``. Images of any size are read; every layer but the first halves them.

    Example:
        >>> CNN(1, 10)(torch.zeros(2, 1, 8, 8)).shape
        torch.Size([2, 10])

    Reference: LeCun et al. (1998), Gradient-based learning applied to document recognition.
    """

    def __init__(self, num_channels: int, num_outputs: int, hidden: Sequence[int] = (16, 32)) -> None:
        for argument, count in (("num_channels", num_channels), ("num_outputs", num_outputs)):
            check_count(argument, count)
        layers: list[nn.Module] = []
        for i, (size, following) in enumerate(zip([num_channels, *hidden], hidden, strict=False)):
            layers += [nn.Conv2d(size, following, 3, padding=1, stride=2 if i else 1), nn.ReLU()]
        super().__init__(*layers, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4 * hidden[-1], num_outputs))
