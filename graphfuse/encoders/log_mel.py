"""Raw sound as a spectrogram with the frequency resolution of hearing."""

import math

import torch
from torch import Tensor, nn

from ..checks import check_count, check_type, invalid


class LogMel(nn.Module):
    """The logarithm of a mel spectrogram: from ``(*batch, num_samples)`` to ``(*batch, num_mels, num_frames)``.

    Power in Hann windows is summed by triangular filters, equally wide on the mel scale and of peak 1, from zero to
    half the sample rate. Windows lie within the sound: samples at the end that fill no window are left out, and silence
    gives the logarithm of the floor. There is nothing to learn; gradients pass.

    Args:
        sample_rate: Samples a second.
        num_mels: Number of filters.
        window_length: Samples in a window.
        hop_length: Samples from one window to the next.
        floor: What is added to each power before the logarithm, positive.

    Raises:
        TypeError: If the sound is not floating-point.
        ValueError: If a filter is so narrow that it holds no frequency, or the sound is shorter than a window.

    Example:
        >>> from graphfuse.encoders import CNN
        >>> encoder = nn.Sequential(LogMel(8000), nn.Unflatten(1, (1, 40)), CNN(1, 10))
        >>> encoder(torch.zeros(2, 8000)).shape
        torch.Size([2, 10])

    Reference: Davis and Mermelstein (1980), Comparison of parametric representations for monosyllabic word recognition
    in continuously spoken sentences.
    """

    window: Tensor
    filters: Tensor

    def __init__(
        self,
        sample_rate: int,
        num_mels: int = 40,
        window_length: int = 256,
        hop_length: int = 128,
        floor: float = 1e-6,
    ) -> None:
        super().__init__()
        check_count("window_length", window_length, minimum=2)
        check_count("hop_length", hop_length)
        if not floor > 0:
            raise invalid("floor", "be positive", floor)
        filters = mel_filters(sample_rate, num_mels, window_length)
        self.hop_length, self.floor = hop_length, floor
        self.register_buffer("window", torch.hann_window(window_length), persistent=False)
        self.register_buffer("filters", filters.to(self.window.dtype), persistent=False)

    def forward(self, sound: Tensor) -> Tensor:
        """The spectrogram of each sound, in nats of power."""
        check_type("sound", sound, Tensor, "be a tensor")
        window_length = len(self.window)
        if not sound.is_floating_point():
            raise invalid("sound", "be floating-point", sound.dtype, TypeError)
        if not sound.ndim or sound.shape[-1] < window_length:
            raise invalid("sound", f"have at least {window_length} samples", f"shape {tuple(sound.shape)}")
        frames = sound.unfold(-1, window_length, self.hop_length) * self.window.to(sound)
        if not frames.numel():  # the transform takes no empty batch
            return frames.new_zeros(*sound.shape[:-1], self.filters.shape[1], frames.shape[-2])
        power = torch.fft.rfft(frames).abs().square()  # (*batch, num_frames, num_frequencies)
        return (power @ self.filters.to(sound) + self.floor).log().transpose(-1, -2)

    def extra_repr(self) -> str:
        num_mels = self.filters.shape[1]
        return f"num_mels={num_mels}, window_length={len(self.window)}, hop_length={self.hop_length}"


def mel_filters(sample_rate: int, num_mels: int, window_length: int) -> Tensor:
    """Triangular filters, one a column, over the frequencies of a window's transform; float64.

    A frequency of f hertz is 2595 log10(1 + f / 700) mel. Filters overlap by half.

    Args:
        sample_rate: Samples a second.
        num_mels: Number of filters.
        window_length: Samples in a window.

    Returns:
        Weights in [0, 1], ``(window_length // 2 + 1, num_mels)``.

    Raises:
        ValueError: If a filter is so narrow that it holds no frequency.

    Example:
        >>> mel_filters(8000, num_mels=2, window_length=8).shape
        torch.Size([5, 2])
    """
    check_count("sample_rate", sample_rate)
    check_count("num_mels", num_mels)
    check_count("window_length", window_length, minimum=2)
    highest = 2595 * math.log10(1 + sample_rate / 2 / 700)
    mels = torch.linspace(0, highest, num_mels + 2, dtype=torch.float64)
    corners = 700 * (10 ** (mels / 2595) - 1)
    frequencies = torch.arange(window_length // 2 + 1, dtype=torch.float64) * (sample_rate / window_length)
    left, centre, right = corners[:-2], corners[1:-1], corners[2:]
    rising = (frequencies[:, None] - left) / (centre - left)
    falling = (right - frequencies[:, None]) / (right - centre)
    filters = torch.minimum(rising, falling).clamp(min=0)
    empty = int((filters.sum(0) == 0).sum())
    if empty:
        raise invalid("num_mels", "be small enough that every filter holds a frequency", f"{num_mels}, {empty} empty")
    return filters
