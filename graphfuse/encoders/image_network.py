"""A ready network for images of any size and scale."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

from ..checks import check_count
from .cnn import CNN

_MOST_PIXELS = 32  # of a side that the convolutions read


class ImageNetwork(nn.Sequential):
    """A ``CNN`` over images as they come: from ``(batch, num_channels, height, width)`` to logits.

    Missing pixels get the mean of their image. Sides beyond 32 pixels are averaged down to 32, and each image is
    brought to mean zero and variance one, so neither its brightness nor its contrast is seen; then the convolutions
    follow.

    Example:
        >>> ImageNetwork(3, 10)(torch.zeros(2, 3, 120, 80)).shape
        torch.Size([2, 10])

    Reference: LeCun et al. (1998), Gradient-based learning applied to document recognition.
    """

    def __init__(self, num_channels: int, num_outputs: int) -> None:
        check_count("num_channels", num_channels)
        super().__init__(_Whole(), nn.GroupNorm(1, num_channels, affine=False), CNN(num_channels, num_outputs))


class _Whole(nn.Module):
    """Images of at most so many pixels a side, without gaps."""

    def forward(self, images: Tensor) -> Tensor:
        images = images if images.is_floating_point() else images.float()
        means = torch.nan_to_num(images.nanmean((-3, -2, -1), keepdim=True))
        height, width = images.shape[-2:]
        sides = (min(height, _MOST_PIXELS), min(width, _MOST_PIXELS))
        filled = torch.where(images.isnan(), means, images)
        return filled if sides == (height, width) else adaptive_avg_pool2d(filled, sides)
