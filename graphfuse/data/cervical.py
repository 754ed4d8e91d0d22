"""Cervical cancer: risk factors that patients may refuse to tell, and four diagnostic tests.

Source: K. Fernandes, J. Cardoso and J. Fernandes, Cervical Cancer (Risk Factors), UCI Machine Learning Repository
(2017), https://doi.org/10.24432/C5Z310.
License: CC BY 4.0.
Sizes: 858 patients of one hospital in Caracas; 32 columns in five modalities: ``behaviour`` (7 columns, age among
them), ``contraception`` (4), ``sexually_transmitted`` (14), ``infection_history`` (3), ``earlier_diagnoses`` (4).
Positive tests: biopsy 55, Hinselmann 35, Schiller 74, cytology 44.
Split: none.
Missing: 3622 cells, refused in blocks: ``sexually_transmitted`` as a whole in 105 rows, hormonal contraceptives 108,
IUD 117, pregnancies 56, partners 26, smoking 13, first intercourse 7. The times since the first and the last diagnosis
are missing in 787 rows, but the number of diagnoses is always there.
Caveats: 6 % of the biopsies are positive, so accuracy says nothing: read log-loss, AUC and average precision. Published
scores often oversample before splitting; do not. 23 rows repeat another one exactly; two columns (``STDs:cervical
condylomatosis``, ``STDs:AIDS``) are constant. The three other tests are noisy views of what the biopsy finds: they are
further targets, never inputs.
Layout: ``<root>/uci_cervical/risk_factors_cervical_cancer.csv``, which ``prepare`` makes of the repository's file of
the same name.
"""

from __future__ import annotations

from pathlib import Path

from ..graph import Variable
from .batch import ModalityBatch
from .dataset import Dataset
from .files import DataFile, csv_bytes, source_file, source_table

SOURCE = "UCI Machine Learning Repository, Cervical Cancer (Risk Factors), https://doi.org/10.24432/C5Z310"
FILES = (
    DataFile(
        "uci_cervical/risk_factors_cervical_cancer.csv",
        "8e9e0e459395ec0b4df4a241297fa60ae5da47ed3034bf714e3a5e41754a2f4e",
        f"the {SOURCE} (graphfuse.data.prepare makes it of the file of the same name)",
    ),
)
RESULTS = ("negative", "positive")
TARGET = Variable("Biopsy", 2, states=RESULTS)
OTHER_TESTS = tuple(Variable(name, 2, states=RESULTS) for name in ("Hinselmann", "Schiller", "Cytology"))
MODALITIES = {
    "behaviour": (
        *("Age", "Number of sexual partners", "First sexual intercourse", "Num of pregnancies"),
        *("Smokes", "Smokes (years)", "Smokes (packs/year)"),
    ),
    "contraception": ("Hormonal Contraceptives", "Hormonal Contraceptives (years)", "IUD", "IUD (years)"),
    "sexually_transmitted": (
        *("STDs", "STDs (number)", "STDs:condylomatosis", "STDs:cervical condylomatosis"),
        *("STDs:vaginal condylomatosis", "STDs:vulvo-perineal condylomatosis", "STDs:syphilis"),
        *("STDs:pelvic inflammatory disease", "STDs:genital herpes", "STDs:molluscum contagiosum", "STDs:AIDS"),
        *("STDs:HIV", "STDs:Hepatitis B", "STDs:HPV"),
    ),
    "infection_history": (
        *("STDs: Number of diagnosis", "STDs: Time since first diagnosis", "STDs: Time since last diagnosis"),
    ),
    "earlier_diagnoses": ("Dx:Cancer", "Dx:CIN", "Dx:HPV", "Dx"),
}


def load(root: str | Path | None = None) -> Dataset:
    """The 858 patients; the target is ``Biopsy``, and the other three tests are further targets.

    Modalities are float64 tensors ``(858, num_columns)``: ages and times in years, 1 for yes and 0 for no.

    Args:
        root: Folder that holds ``uci_cervical/``; the environment variable ``GRAPHFUSE_DATA`` if None.

    Raises:
        FileNotFoundError: If the file is not there.
        ValueError: If the file is damaged.

    Reference: Fernandes, Cardoso and Fernandes (2017), Transfer learning with partial observability applied to cervical
    cancer screening.
    """
    frame = FILES[0].table(root)
    targets = {test.name: frame[test.name].to_numpy(dtype="int64") for test in (TARGET, *OTHER_TESTS)}
    return Dataset(
        "cervical",
        ModalityBatch.from_frame(frame, MODALITIES, targets=targets),
        TARGET,
        source=SOURCE,
        other_targets=OTHER_TESTS,
    )


def prepare(source: str | Path, root: str | Path | None = None) -> None:
    """Make the layout of ``risk_factors_cervical_cancer.csv``: ``?`` becomes an empty cell, whole numbers lose ``.0``.

    Raises:
        FileNotFoundError: If the file or the root is not there.
        ValueError: If the result is not the expected one.
    """
    frame = source_table(source_file(source, "risk_factors_cervical_cancer.csv"))
    FILES[0].write(root, csv_bytes(frame.convert_dtypes()))
