"""Patients with hepatitis who lived or died: six groups of findings with gaps, few rows.

Source: G. Gong, Hepatitis, UCI Machine Learning Repository (1988), https://doi.org/10.24432/C5Q59J.
License: CC BY 4.0.
Sizes: 155 patients, 32 died and 123 lived; 19 columns in six modalities: ``demographics`` (2 columns), ``treatment``
(2), ``symptoms`` (3), ``examination`` (6), ``laboratory`` (5), ``biopsy`` (1).
Split: none.
Missing: 167 cells; protime in 67 rows, alk_phosphate 29, albumin 16, liver_firm 11, liver_big 10, bilirubin 6, spleen,
spiders, ascites and varices 5 each, sgot 4, steroid, fatigue, malaise and anorexia 1 each. 80 rows are complete.
Caveats: tiny, so repeat cross-validation and read log-loss and AUC; always answering "lived" is right in 79 %. What is
missing is related to how ill the patient was.
Layout: ``<root>/uci_hepatitis/hepatitis.csv``, which ``prepare`` makes of the repository's ``hepatitis.data``.
"""

from __future__ import annotations

from pathlib import Path

from ..graph import Variable
from .batch import ModalityBatch
from .dataset import Dataset
from .files import DataFile, csv_bytes, source_file, source_table

SOURCE = "UCI Machine Learning Repository, Hepatitis, https://doi.org/10.24432/C5Q59J"
FILES = (
    DataFile(
        "uci_hepatitis/hepatitis.csv",
        "f4008ddcb59843c1595c5dc61ed4c3daf41d015b3349313a134d6b2ef3239cd1",
        f"the {SOURCE} (graphfuse.data.prepare makes it of hepatitis.data)",
    ),
)
TARGET = Variable("outcome", 2, states=("lived", "died"))
MODALITIES = {
    "demographics": ("age", "sex"),
    "treatment": ("steroid", "antivirals"),
    "symptoms": ("fatigue", "malaise", "anorexia"),
    "examination": ("liver_big", "liver_firm", "spleen_palpable", "spiders", "ascites", "varices"),
    "laboratory": ("bilirubin", "alk_phosphate", "sgot", "albumin", "protime"),
    "biopsy": ("histology",),
}
YES_OR_NO = (*MODALITIES["treatment"], *MODALITIES["symptoms"], *MODALITIES["examination"], *MODALITIES["biopsy"])


def load(root: str | Path | None = None) -> Dataset:
    """The 155 patients; the target is ``outcome``.

    Modalities are float64 tensors ``(155, num_columns)``: age in years, sex 1 for male, findings 1 for yes and 0 for no
    (2 and 1 in the file), laboratory values in the units of the source.

    Args:
        root: Folder that holds ``uci_hepatitis/``; the environment variable ``GRAPHFUSE_DATA`` if None.

    Raises:
        FileNotFoundError: If the file is not there.
        ValueError: If the file is damaged.

    Reference: Diaconis and Efron (1983), Computer-intensive methods in statistics.
    """
    frame = FILES[0].table(root)
    frame["sex"] = 2 - frame["sex"]
    for column in YES_OR_NO:
        frame[column] = frame[column] - 1
    states = (frame["class"] == 1).to_numpy(dtype="int64")
    return Dataset(
        "hepatitis",
        ModalityBatch.from_frame(frame, MODALITIES, targets={TARGET.name: states}),
        TARGET,
        source=SOURCE,
    )


def prepare(source: str | Path, root: str | Path | None = None) -> None:
    """Make the layout of ``hepatitis.data``: a header is added, and ``?`` becomes an empty cell.

    Raises:
        FileNotFoundError: If the file or the root is not there.
        ValueError: If the result is not the expected one.
    """
    columns = ("class", *(name for group in MODALITIES.values() for name in group))
    frame = source_table(source_file(source, "hepatitis.data"), columns)
    FILES[0].write(root, csv_bytes(frame.convert_dtypes()))
