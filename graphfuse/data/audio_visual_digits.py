"""Spoken and written digits in pairs: the raw sound of a recording and an image of the same digit.

Source: the Free Spoken Digit Dataset of Z. Jackson and contributors,
https://github.com/Jakobovski/free-spoken-digit-dataset, and the test images of MNIST (LeCun, Cortes and Burges).
License: the recordings CC BY-SA 4.0 (name the source, pass on under the same terms); MNIST is commonly given as CC
BY-SA 3.0. What is derived from them and passed on keeps these terms.
Sizes: 3000 pairs, 300 a digit, by six speakers, each recording with one image and no image twice; modalities ``audio``
(one second at 8 kHz) and ``image`` (one channel, 28 by 28 pixels).
Split: that of the recordings, takes 5 to 49 to train (2700) and takes 0 to 4 to test (300). ``groups`` are the
speakers.
Missing: none; drop modalities to study gaps.
Caveats: the pairs are made up: given the digit, sound and image are independent by construction, so the best fusion is
the product of the two posteriors over the prior, and nothing is learned of real dependence. The same six speakers are
on both sides of the split; leaving one speaker out is harder. Recordings last .14 to 2.28 seconds: shorter ones are
padded with zeros, and 20 longer ones are cut. Loudness differs by speaker, so each recording is scaled to a peak of 1.
The images are the test part of MNIST, so error rates are not comparable with those of models trained on its training
part.
Layout: ``<root>/spoken_digits_fsdd/fsdd.npz``, ``<root>/mnist_t10k/mnist_t10k.npz`` and ``av_pairs.csv.gz``, which
``prepare`` makes of the recordings and of the two files of MNIST's test part.
"""

from __future__ import annotations

import gzip
import wave
from hashlib import sha1
from pathlib import Path

import numpy as np

from ..checks import invalid
from ..graph import Variable
from .batch import ModalityBatch
from .dataset import Dataset
from .files import DataFile, gzip_bytes, npz_bytes, source_file

SOURCE = "https://github.com/Jakobovski/free-spoken-digit-dataset and the test images of MNIST"
RECORDINGS = DataFile(
    "spoken_digits_fsdd/fsdd.npz",
    "99d939e1a7787e619c8a4cbfe07c4e51b9c60e4b6b4f37bcd73016072434f184",
    "https://github.com/Jakobovski/free-spoken-digit-dataset (graphfuse.data.prepare makes it of recordings/*.wav)",
)
IMAGES = DataFile(
    "mnist_t10k/mnist_t10k.npz",
    "cdc5f4a1b448d6556555bf34ceb61df16d6d813d05eccd2de8f6182895d959d3",
    "MNIST (graphfuse.data.prepare makes it of t10k-images-idx3-ubyte.gz and t10k-labels-idx1-ubyte.gz)",
)
PAIRS = DataFile(
    "mnist_t10k/av_pairs.csv.gz",
    "fdea81ba7621056c99c526704b99594b625b50e42b8dff81c79aa1fb902cdf72",
    "graphfuse.data.prepare, which deals the images to the recordings",
)
FILES = (RECORDINGS, IMAGES, PAIRS)
TARGET = Variable("digit", 10, states=tuple("0123456789"))
SAMPLE_RATE = 8000  # of the recordings, in hertz
NUM_SAMPLES = 8000  # of ``audio``
SPEAKERS = {  # by speaker, the accent
    **{"george": "GRC/Greek", "jackson": "USA/neutral", "lucas": "DEU/German"},
    **{"nicolas": "BEL/French", "theo": "USA/neutral", "yweweler": "DEU/German"},
}
NUM_TAKES = 50
NUM_TEST_TAKES = 5  # the first ones


def load(root: str | Path | None = None) -> Dataset:
    """The 3000 pairs; the target is ``digit``, split into train and test, and groups are the speakers.

    ``audio`` is float32 ``(3000, 8000)``, ``SAMPLE_RATE`` samples a second in [-1, 1], 96 MB;
    ``graphfuse.encoders.log_mel.LogMel`` makes a spectrogram of it. ``image`` is float32 ``(3000, 1, 28, 28)`` in
    [0, 1].

    Args:
        root: Folder that holds ``spoken_digits_fsdd/`` and ``mnist_t10k/``; the environment variable
            ``GRAPHFUSE_DATA`` if None.

    Raises:
        FileNotFoundError: If a file is not there.
        ValueError: If a file is damaged.

    Reference: LeCun et al. (1998), Gradient-based learning applied to document recognition.
    """
    recordings, pairs = RECORDINGS.arrays(root), PAIRS.table(root)
    rows = pairs["fsdd_row"].to_numpy()
    samples, offsets = recordings["samples"], recordings["offsets"]
    audio = np.zeros((len(rows), NUM_SAMPLES), dtype=np.float32)
    for i, row in enumerate(rows):
        sound = samples[offsets[row] : offsets[row + 1]].astype(np.float32)
        kept = sound[:NUM_SAMPLES] / np.abs(sound).max()
        audio[i, : len(kept)] = kept
    images = IMAGES.arrays(root)["images"][pairs["mnist_row"].to_numpy(), None].astype(np.float32) / 255
    batch = ModalityBatch(
        {"audio": audio, "image": images}, targets={TARGET.name: pairs["digit"].to_numpy(dtype="int64")}
    )
    speakers = recordings["speaker_names"][pairs["speaker"].to_numpy()].tolist()
    return Dataset("audio_visual_digits", batch, TARGET, speakers, SOURCE, tuple(pairs["split"]))


def prepare(source: str | Path, root: str | Path | None = None) -> None:
    """Make the layout of ``recordings/<digit>_<speaker>_<take>.wav`` and the two ``t10k-…-ubyte.gz`` files of MNIST.

    Images of a digit are dealt to its recordings in the order of the SHA-1 of ``mnist_t10k:<row>``, test takes first,
    then by speaker and take.

    Raises:
        FileNotFoundError: If a file or the root is not there.
        ValueError: If a file is not what its name says, or a result is not the expected one.
    """
    order = [
        (digit, speaker, take)
        for digit in range(TARGET.num_states)
        for speaker in range(len(SPEAKERS))
        for take in range(NUM_TAKES)
    ]
    names = list(SPEAKERS)
    sounds = [
        _sound(source_file(source, f"recordings/{digit}_{names[speaker]}_{take}.wav")) for digit, speaker, take in order
    ]
    images = _bytes_of(source_file(source, "t10k-images-idx3-ubyte.gz"), num_dimensions=3)
    digits = _bytes_of(source_file(source, "t10k-labels-idx1-ubyte.gz"), num_dimensions=1)
    digit, speaker, take = np.array(order, dtype=np.uint8).T
    recordings = npz_bytes(
        samples=np.concatenate(sounds),
        offsets=np.concatenate([[0], np.cumsum([len(sound) for sound in sounds])]).astype(np.int64),
        digit=digit,
        speaker=speaker,
        take=take,
        speaker_names=np.array(names),
        sample_rate=np.array(SAMPLE_RATE, dtype=np.int64),
        speaker_accents=np.array(list(SPEAKERS.values())),
    )
    RECORDINGS.write(root, recordings)
    IMAGES.write(root, npz_bytes(images=images, y=digits))
    PAIRS.write(root, gzip_bytes(_dealt(order, digits).encode()))


def _dealt(order: list[tuple[int, int, int]], digits: np.ndarray) -> str:
    """The table of pairs, as csv."""
    images = {
        digit: sorted(np.flatnonzero(digits == digit), key=lambda row: sha1(f"mnist_t10k:{row}".encode()).hexdigest())
        for digit in {digit for digit, _, _ in order}
    }
    dealt = sorted(range(len(order)), key=lambda row: (order[row][2] >= NUM_TEST_TAKES, *order[row][1:]))
    image_of = {row: images[order[row][0]].pop(0) for row in dealt}
    lines = ["split,digit,fsdd_row,mnist_row,speaker,take"]
    for row, (digit, speaker, take) in enumerate(order):
        split = "test" if take < NUM_TEST_TAKES else "train"
        lines.append(f"{split},{digit},{row},{image_of[row]},{speaker},{take}")
    return "\n".join(lines) + "\n"


def _sound(path: Path) -> np.ndarray:
    try:
        with wave.open(str(path)) as file:
            found = (file.getframerate(), file.getnchannels(), file.getsampwidth())
            samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
    except (wave.Error, EOFError) as error:
        raise invalid(f"the file {path}", "be a wave file", error) from None
    if found != (SAMPLE_RATE, 1, 2):
        must = f"have {SAMPLE_RATE} samples a second, one channel and 2 bytes a sample"
        raise invalid(f"the file {path}", must, f"{found[0]}, {found[1]} and {found[2]}")
    return samples


def _bytes_of(path: Path, num_dimensions: int) -> np.ndarray:
    """The array of bytes in a compressed idx file: a magic number, the sizes, then the entries."""
    must = f"be a compressed idx file of bytes in {num_dimensions} dimensions"
    try:
        content = gzip.decompress(path.read_bytes())
    except (OSError, EOFError) as error:
        raise invalid(f"the file {path}", must, error) from None
    header = np.frombuffer(content[: 4 * (1 + num_dimensions)], dtype=">u4").tolist()
    entries = np.frombuffer(content[4 * (1 + num_dimensions) :], dtype=np.uint8)
    if header[:1] != [0x800 + num_dimensions] or int(np.prod(header[1:])) != len(entries):
        raise invalid(f"the file {path}", must, f"a header {header} before {len(entries)} bytes")
    return entries.reshape(header[1:])
