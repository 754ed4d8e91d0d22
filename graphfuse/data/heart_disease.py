"""Heart disease in four hospitals, where whole tests are missing for whole hospitals.

Source: A. Janosi (Budapest), W. Steinbrunn (Zurich), M. Pfisterer (Basel) and R. Detrano (Long Beach and Cleveland),
Heart Disease, UCI Machine Learning Repository (1989), https://doi.org/10.24432/C52P4X.
License: CC BY 4.0; the donors ask that the four investigators be named.
Sizes: 920 patients: Cleveland 303, Hungary 294, Switzerland 123, Long Beach 200. Thirteen columns in eight
modalities, grouped as a clinic orders the tests: ``demographics`` (age, sex), ``symptoms`` (cp, exang), ``vitals``
(trestbps), ``blood`` (chol, fbs), ``resting_ecg`` (restecg), ``exercise`` (thalach, oldpeak, slope), ``fluoroscopy``
(ca), ``nuclear`` (thal).
Missing: demographics and symptoms never (yet exang in 55 rows); vitals 7 % of the rows, blood 9 %, resting_ecg below
1 %, exercise 6 %, fluoroscopy 66 %, nuclear 53 %. By hospital, fluoroscopy 1 % in Cleveland, 96 % or more elsewhere.
Caveats: a cholesterol or a blood pressure of 0 stands for missing (all of Switzerland, 49 patients of Long Beach), and
is read so. What is missing depends on the hospital, and the share of the sick does as well (Switzerland 115 of 123), so
accuracy says little; a model may learn the hospital from the gaps. The columns of the angiography, which define the
target, are in no modality. Small, old and biased by referral: good for comparing methods, not for clinical claims.
Layout: ``<root>/heart_disease/processed.{cleveland,hungarian,switzerland,va}.data``, as in the repository.
"""

from __future__ import annotations

from math import isfinite, nan
from pathlib import Path
from typing import TYPE_CHECKING

from ..checks import invalid, listed
from ..graph import Variable
from .batch import ModalityBatch
from .dataset import Dataset
from .loading import ROOT_VARIABLE, data_root

if TYPE_CHECKING:
    import pandas as pd

TARGET = Variable("disease", 2, states=("absent", "present"))
HOSPITALS = {  # by hospital, its file and the number of its rows
    "Cleveland": ("processed.cleveland.data", 303),
    "Hungary": ("processed.hungarian.data", 294),
    "Switzerland": ("processed.switzerland.data", 123),
    "Long Beach": ("processed.va.data", 200),
}
COLUMNS = (
    *("age", "sex", "cp", "trestbps", "chol", "fbs", "restecg"),
    *("thalach", "exang", "oldpeak", "slope", "ca", "thal", "num"),
)
MODALITIES = {
    "demographics": ("age", "sex"),
    "symptoms": ("cp", "exang"),
    "vitals": ("trestbps",),
    "blood": ("chol", "fbs"),
    "resting_ecg": ("restecg",),
    "exercise": ("thalach", "oldpeak", "slope"),
    "fluoroscopy": ("ca",),
    "nuclear": ("thal",),
}
CATEGORIES = {
    "cp": {1: "typical", 2: "atypical", 3: "non-anginal", 4: "asymptomatic"},
    "restecg": {0: "normal", 1: "ST-T abnormality", 2: "ventricular hypertrophy"},
    "slope": {1: "rising", 2: "flat", 3: "falling"},
    "thal": {3: "normal", 6: "fixed defect", 7: "reversible defect"},
}
CODES = {"sex": (0, 1), "fbs": (0, 1), "exang": (0, 1), "ca": (0, 1, 2, 3), "num": (0, 1, 2, 3, 4)}
ZERO_IS_MISSING = ("chol", "trestbps")


def load(root: str | Path | None = None) -> Dataset:
    """The 920 patients; the target is ``disease``, whether a vessel is narrowed by half or more (``num`` above 0).

    Modalities of numbers are float64 tensors ``(920, num_columns)``: age in years, trestbps in mm Hg, chol in mg/dl,
    thalach in beats a minute, oldpeak in mm, sex 1 for male. Those with categories (symptoms, resting_ecg, exercise,
    nuclear) are DataFrames. Sites are the hospitals.

    Args:
        root: Folder that holds ``heart_disease/``; the environment variable ``GRAPHFUSE_DATA`` if None.

    Raises:
        FileNotFoundError: If a file is not there.
        ValueError: If a file is damaged; the message names the file and the line.

    Example:
        >>> load("no_such_folder")
        Traceback (most recent call last):
            ...
        FileNotFoundError: root must name an existing folder; got 'no_such_folder'.

    Reference: Detrano et al. (1989), International application of a new probability algorithm for the diagnosis of
    coronary artery disease.
    """
    import pandas as pd

    folder = data_root(root) / "heart_disease"
    rows: list[list[float]] = []
    sites: list[str] = []
    for hospital, (file, num_rows) in HOSPITALS.items():
        found = _read(folder / file, num_rows)
        rows += found
        sites += [hospital] * num_rows
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    for column in ZERO_IS_MISSING:
        frame[column] = frame[column].mask(frame[column] == 0)
    for column, names in CATEGORIES.items():
        frame[column] = _category(frame[column], names)
    states = (frame["num"] > 0).to_numpy(dtype="int64")
    batch = ModalityBatch.from_frame(frame, MODALITIES, targets={TARGET.name: states})
    source = "UCI Machine Learning Repository, Heart Disease, https://doi.org/10.24432/C52P4X"
    return Dataset("heart_disease", batch, TARGET, source=source, sites=tuple(sites))


def _category(codes: pd.Series, names: dict[int, str]) -> pd.Series:
    import pandas as pd

    return codes.map(names).astype(pd.CategoricalDtype(list(names.values())))


def _read(path: Path, num_rows: int) -> list[list[float]]:
    if not path.is_file():
        raise FileNotFoundError(
            f"the file {path} is expected: it comes from the UCI Machine Learning Repository, 'Heart Disease' "
            f"(https://doi.org/10.24432/C52P4X); root or {ROOT_VARIABLE} names the folder that holds heart_disease/."
        )
    try:
        lines = path.read_text(encoding="ascii").split("\n")
    except UnicodeDecodeError as error:
        raise invalid(f"the file {path}", "be plain text", f"{error}") from None
    rows = [_row(f"{path}, line {i}", line.strip()) for i, line in enumerate(lines, 1) if line.strip()]
    if len(rows) != num_rows:
        raise invalid(f"the file {path}", f"have {num_rows} rows", f"{len(rows)} (its last line is {len(lines)})")
    return rows


def _row(place: str, line: str) -> list[float]:
    cells = line.split(",")
    if len(cells) != len(COLUMNS):
        raise invalid(place, f"have {len(COLUMNS)} values separated by commas", f"{len(cells)}: {line[:80]!r}")
    return [_value(f"{place}, column {name!r}", name, cell) for name, cell in zip(COLUMNS, cells, strict=True)]


def _value(place: str, name: str, cell: str) -> float:
    if cell == "?" and name != "num":
        return nan
    codes = CODES.get(name) or tuple(CATEGORIES.get(name, ()))
    must = f"be one of {listed(codes)}" if codes else "be a number"
    must += "" if name == "num" else ", or '?' where missing"
    try:
        value = float(cell)
    except ValueError:
        raise invalid(place, must, repr(cell)) from None
    if not isfinite(value) or (codes and value not in codes):
        raise invalid(place, must, repr(cell))
    return value
