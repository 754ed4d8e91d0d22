"""The log-mel spectrogram against scipy's, and its filters against their definition."""

import numpy as np
import pytest
import torch
from scipy.signal import ShortTimeFFT
from scipy.signal.windows import hann

from graphfuse.encoders.log_mel import LogMel, mel_filters


def mel(hertz: float) -> float:
    return 2595 * np.log10(1 + hertz / 700)


@pytest.mark.parametrize(("rate", "num_mels", "window_length"), [(8000, 40, 256), (16000, 20, 400), (8000, 3, 33)])
def test_filters_are_the_triangles_of_their_definition(rate, num_mels, window_length):
    found = mel_filters(rate, num_mels, window_length)
    assert found.dtype == torch.float64
    corners = np.interp(np.linspace(0, mel(rate / 2), num_mels + 2), *_inverse(rate))
    for k in range(window_length // 2 + 1):
        for m in range(num_mels):
            expected = np.interp(k * rate / window_length, corners[m : m + 3], [0, 1, 0])
            assert found[k, m] == pytest.approx(expected, abs=1e-5)


def _inverse(rate: int) -> tuple[np.ndarray, np.ndarray]:
    hertz = np.linspace(0, rate / 2, 200001)
    return mel(hertz), hertz


def test_inner_filters_sum_to_one_between_the_first_and_the_last_peak():
    filters = mel_filters(8000, 10, 1024)
    peaks = filters.argmax(0)
    inner = filters[int(peaks[0]) + 1 : int(peaks[-1])]
    torch.testing.assert_close(inner.sum(1), torch.ones(len(inner), dtype=torch.float64))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("batch", [(), (3,), (2, 2), (0,)], ids=str)
def test_the_spectrogram_is_that_of_scipy(batch, dtype, generator):
    sound = torch.randn(*batch, 1000, generator=generator, dtype=torch.float64).to(dtype)
    found = LogMel(8000, num_mels=12, window_length=128, hop_length=50, floor=1e-3)(sound)
    num_frames = 1 + (1000 - 128) // 50
    assert found.shape == (*batch, 12, num_frames) and found.dtype == dtype
    transform = ShortTimeFFT(hann(128, sym=False), hop=50, fs=8000, phase_shift=None)
    for row, result in zip(sound.reshape(-1, 1000).double(), found.reshape(-1, 12, num_frames), strict=True):
        frames = np.stack([row[i * 50 : i * 50 + 128].numpy() for i in range(num_frames)])
        power = np.stack([np.abs(transform.stft(frame, p0=1, p1=2, k_offset=14)[:, 0]) ** 2 for frame in frames])
        power_of_numpy = np.abs(np.fft.rfft(frames * hann(128, sym=False))) ** 2
        np.testing.assert_allclose(power, power_of_numpy, rtol=1e-9, atol=1e-12)
        expected = np.log(power @ mel_filters(8000, 12, 128).numpy() + 1e-3)
        np.testing.assert_allclose(result.numpy().T, expected, rtol=0, atol=1e-4 if dtype == torch.float32 else 1e-5)


def test_a_tone_is_loudest_in_the_filter_of_its_pitch():
    rate, num_mels = 8000, 20
    centres = np.linspace(0, mel(rate / 2), num_mels + 2)[1:-1]
    for hertz in (300.0, 1000.0, 3000.0):
        tone = torch.sin(2 * torch.pi * hertz * torch.arange(4000) / rate)
        spectrogram = LogMel(rate, num_mels)(tone)
        assert (spectrogram.argmax(0) == np.abs(centres - mel(hertz)).argmin()).all()


def test_silence_is_the_logarithm_of_the_floor_and_padding_changes_no_frame():
    log_mel = LogMel(8000, floor=1e-5)
    torch.testing.assert_close(log_mel(torch.zeros(512)), torch.full((40, 3), float(np.log(1e-5))))
    sound = torch.linspace(-1, 1, 512)
    padded = torch.cat([sound, torch.zeros(512)])
    torch.testing.assert_close(log_mel(padded)[:, :3], log_mel(sound))


def test_gradients_are_those_of_finite_differences(generator):
    log_mel = LogMel(8000, num_mels=3, window_length=16, hop_length=8, floor=0.1)
    sound = torch.randn(2, 24, generator=generator, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(log_mel, sound)
    silent = torch.zeros(24, requires_grad=True)
    log_mel(silent).sum().backward()
    assert silent.grad.isfinite().all()


def test_nothing_is_learned_or_saved():
    log_mel = LogMel(8000)
    assert not list(log_mel.parameters()) and not log_mel.state_dict()
    assert repr(log_mel) == "LogMel(num_mels=40, window_length=256, hop_length=128)"


REFUSED = {
    "integers": (lambda: LogMel(8000)(torch.zeros(300, dtype=torch.int16)), TypeError, "sound must be floating-point"),
    "an array": (lambda: LogMel(8000)(np.zeros(300)), TypeError, "sound must be a tensor; got ndarray"),
    "too short": (lambda: LogMel(8000)(torch.zeros(2, 255)), ValueError, r"at least 256 samples; got shape \(2, 255\)"),
    "a scalar": (lambda: LogMel(8000)(torch.tensor(1.0)), ValueError, r"at least 256 samples; got shape \(\)"),
    "too many filters": (lambda: LogMel(8000, 100), ValueError, r"num_mels must be small enough .* got 100, \d+ empty"),
    "no filter": (lambda: LogMel(8000, 0), ValueError, "num_mels must be at least 1; got 0"),
    "no hop": (lambda: LogMel(8000, hop_length=0), ValueError, "hop_length must be at least 1; got 0"),
    "a window of one": (lambda: LogMel(8000, window_length=1), ValueError, "window_length must be at least 2; got 1"),
    "no floor": (lambda: LogMel(8000, floor=0.0), ValueError, "floor must be positive; got 0.0"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_sound_or_no_filter_is_refused(case):
    act, error, message = REFUSED[case]
    with pytest.raises(error, match=message):
        act()
