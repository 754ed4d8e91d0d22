"""Parkinson's disease in recordings of the voice: four groups of measurements, several recordings a person.

Source: M. A. Little, Parkinsons, UCI Machine Learning Repository (2008), https://doi.org/10.24432/C59C74.
License: CC BY 4.0.
Sizes: 195 recordings of 32 persons, 24 ill (147 recordings) and 8 healthy (48); 22 columns in four modalities:
``frequency`` (8 columns), ``amplitude`` (6), ``noise`` (2), ``nonlinear`` (6).
Split: none; ``groups`` are the persons.
Missing: none; drop modalities to study gaps.
Caveats: 6 or 7 recordings a person, so a split must keep each person on one side, or results are inflated; the 91.4 %
of Little et al. (2009) were resampled without that. The names of the recordings hold 32 persons, the text of the
repository says 31.
Layout: ``<root>/uci_parkinsons/parkinsons.csv``, which ``prepare`` makes of the repository's ``parkinsons.data``.
"""

from __future__ import annotations

from pathlib import Path

from ..graph import Variable
from .batch import ModalityBatch
from .dataset import Dataset
from .files import DataFile, csv_bytes, source_file, source_table

SOURCE = "UCI Machine Learning Repository, Parkinsons, https://doi.org/10.24432/C59C74"
FILES = (
    DataFile(
        "uci_parkinsons/parkinsons.csv",
        "ab67e10163bd6f7d33b08ec4cc19281a66dfae7bb3a9942fbb94df0114b1144a",
        f"the {SOURCE} (graphfuse.data.prepare makes it of parkinsons.data)",
    ),
)
TARGET = Variable("status", 2, states=("healthy", "ill"))
MODALITIES = {
    "frequency": (
        *("MDVP:Fo(Hz)", "MDVP:Fhi(Hz)", "MDVP:Flo(Hz)", "MDVP:Jitter(%)", "MDVP:Jitter(Abs)", "MDVP:RAP"),
        *("MDVP:PPQ", "Jitter:DDP"),
    ),
    "amplitude": ("MDVP:Shimmer", "MDVP:Shimmer(dB)", "Shimmer:APQ3", "Shimmer:APQ5", "MDVP:APQ", "Shimmer:DDA"),
    "noise": ("NHR", "HNR"),
    "nonlinear": ("RPDE", "DFA", "spread1", "spread2", "D2", "PPE"),
}


def load(root: str | Path | None = None) -> Dataset:
    """The 195 recordings; the target is ``status``, and groups are the persons.

    Modalities are float64 tensors ``(195, num_columns)`` in the units of the source.

    Args:
        root: Folder that holds ``uci_parkinsons/``; the environment variable ``GRAPHFUSE_DATA`` if None.

    Raises:
        FileNotFoundError: If the file is not there.
        ValueError: If the file is damaged.

    Reference: Little et al. (2009), Suitability of dysphonia measurements for telemonitoring of Parkinson's disease.
    """
    frame = FILES[0].table(root)
    persons = [name.split("_")[2] for name in frame["name"]]  # phon_R01_S01_1: recording 1 of person S01
    batch = ModalityBatch.from_frame(frame, MODALITIES, targets={TARGET.name: frame["status"].to_numpy(dtype="int64")})
    return Dataset("parkinsons", batch, TARGET, tuple(persons), SOURCE)


def prepare(source: str | Path, root: str | Path | None = None) -> None:
    """Make the layout of ``parkinsons.data``: the same table, numbers written as short as they stay exact.

    Raises:
        FileNotFoundError: If the file or the root is not there.
        ValueError: If the result is not the expected one.
    """
    FILES[0].write(root, csv_bytes(source_table(source_file(source, "parkinsons.data"))))
