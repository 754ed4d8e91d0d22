"""Chronic kidney disease: six groups of tests whose gaps tell of the disease.

Source: P. Soundarapandian, L. J. Rubini and P. Eswaran, Chronic Kidney Disease, UCI Machine Learning Repository (2015),
https://doi.org/10.24432/C5G020.
License: CC BY 4.0.
Sizes: 400 patients of one hospital in India, 250 ill and 150 not; 24 columns in six modalities: ``demographics`` (1
column), ``examination`` (3), ``urine`` (7), ``blood_chemistry`` (5), ``blood_count`` (4), ``history`` (4).
Split: none; the rows are sorted by class, so shuffle them.
Missing: 1012 cells; rbc in 152 rows, rbcc 131, wbcc 106, pot 88, sod 87, pcv 71, pc 65, hemo 52, su 49, sg 47, al 46,
bgr 44, bu 19, sc 17, bp 12, age 9, the others 1 to 4. 158 rows are complete.
Caveats: cells are missing five times as often among the ill (15 % against 3 %), so the gaps leak the label: compare
models with gaps that are matched between the classes. With all tests the task is easy, 97 to 100 % are common. A sodium
of 4.5 and potassiums of 39 and 47 are recording errors, and are left as they are.
Layout: ``<root>/uci_ckd/chronic_kidney_disease.csv``, which ``prepare`` makes of the repository's
``chronic_kidney_disease_full.arff``.
"""

from __future__ import annotations

from pathlib import Path

from ..checks import invalid
from ..graph import Variable
from .batch import ModalityBatch
from .dataset import Dataset
from .files import DataFile, csv_bytes, source_file
from .formats import source_arff

SOURCE = "UCI Machine Learning Repository, Chronic Kidney Disease, https://doi.org/10.24432/C5G020"
FILES = (
    DataFile(
        "uci_ckd/chronic_kidney_disease.csv",
        "962bc6d7026f443c6041dbe1c33416fc6d40f1953a60758b35a72a9f3124f6ed",
        f"the {SOURCE} (graphfuse.data.prepare makes it of chronic_kidney_disease_full.arff)",
    ),
)
TARGET = Variable("disease", 2, states=("absent", "present"))
COLUMNS = (  # in the order of the file
    *("age", "bp", "sg", "al", "su", "rbc", "pc", "pcc", "ba", "bgr", "bu", "sc", "sod", "pot", "hemo", "pcv"),
    *("wbcc", "rbcc", "htn", "dm", "cad", "appet", "pe", "ane", "class"),
)
MODALITIES = {
    "demographics": ("age",),
    "examination": ("bp", "pe", "appet"),
    "urine": ("sg", "al", "su", "rbc", "pc", "pcc", "ba"),
    "blood_chemistry": ("bgr", "bu", "sc", "sod", "pot"),
    "blood_count": ("hemo", "pcv", "wbcc", "rbcc"),
    "history": ("htn", "dm", "cad", "ane"),
}
WORDS = {  # by column of words, those that become 0 and 1; 1 is the finding
    **dict.fromkeys(("rbc", "pc"), ("normal", "abnormal")),
    **dict.fromkeys(("pcc", "ba"), ("notpresent", "present")),
    **dict.fromkeys(("htn", "dm", "cad", "pe", "ane"), ("no", "yes")),
    "appet": ("good", "poor"),
}


def load(root: str | Path | None = None) -> Dataset:
    """The 400 patients; the target is ``disease``.

    Modalities are float64 tensors ``(400, num_columns)`` in the units of the source; of the columns of words, the
    finding (abnormal, present, yes, poor) is 1 and its absence 0.

    Args:
        root: Folder that holds ``uci_ckd/``; the environment variable ``GRAPHFUSE_DATA`` if None.

    Raises:
        FileNotFoundError: If the file is not there.
        ValueError: If the file is damaged.
    """
    frame = FILES[0].table(root)
    for column, words in WORDS.items():
        frame[column] = frame[column].map({word: float(i) for i, word in enumerate(words)})
    states = (frame["class"] == "ckd").to_numpy(dtype="int64")
    return Dataset(
        "ckd", ModalityBatch.from_frame(frame, MODALITIES, targets={TARGET.name: states}), TARGET, source=SOURCE
    )


def prepare(source: str | Path, root: str | Path | None = None) -> None:
    """Make the layout of ``chronic_kidney_disease_full.arff``: the rows after ``@data``, stray blanks stripped.

    Raises:
        FileNotFoundError: If the file or the root is not there.
        ValueError: If the file is no such table, or the result is not the expected one.
    """
    import pandas as pd

    path = source_file(source, "chronic_kidney_disease_full.arff")
    _, rows = source_arff(path, len(COLUMNS))
    frame = pd.DataFrame(rows.values(), columns=list(COLUMNS)).replace("?", None)
    for column in set(COLUMNS) - set(WORDS) - {"class"}:
        try:
            frame[column] = frame[column].astype(float)
        except ValueError as error:
            raise invalid(f"the file {path}, column {column!r},", "hold numbers", error) from None
    FILES[0].write(root, csv_bytes(frame))
