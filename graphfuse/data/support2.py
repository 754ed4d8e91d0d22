"""Seriously ill patients in hospital: nine groups of findings, of which whole groups are missing and the gaps inform.

Source: SUPPORT, five US hospitals, 1989 to 1994, as distributed by Vanderbilt Biostatistics (hbiostat.org/data), by way
of ``support2.csv`` of https://github.com/sarahmercaldo/MissingDataAndPrediction.
License: none is stated there; the distributor asks to be named as source.
Sizes: 9105 patients, 2360 died in hospital; 29 columns in nine modalities: ``demographics`` (5 columns), ``diagnosis``
(7), ``vitals`` (4), ``coma`` (1), ``blood`` (3), ``blood_gas`` (2), ``liver`` (2), ``metabolism`` (3), ``daily_living``
(2). Physiology is that of day 3.
Split: five folds by row number modulo 5, made here, not published. The rows follow the order of collection, along which
the gaps change (glucose is missing from 0 to 93 % of each tenth): never cut the rows into blocks.
Missing: race below 1 %, edu 18 %, income 33 %; vitals, coma and sod one patient each, wblc 2 %, crea 1 %; ph and pafi
25 %, nearly always together; alb 37 %, bili 29 %; glucose 49 %, bun 48 %, urine 53 %, all three together in 4312 rows;
adlp (told by the patient) 62 %, adls (by a surrogate) 32 %, both in 2065 rows.
Caveats: what is missing informs (hospital death .38 where ``adlp`` is missing, .06 where it is present), and the gaps
alone predict it with an AUC of .74. Zeros of meanbp, hrt, resp, wblc, urine and glucose are partly true and partly
missing, and are left as they are, like implausible values of alb and edu. In no modality: outcomes and follow-up, care
during or after the stay (avtisst, dnr, dnrday), charges and costs, prognosis scores (sps, aps, surv2m, surv6m, which
are computed from the other columns with gaps filled in; prg2m, prg6m, estimates of physicians), and adlsc, an imputed
adls. Around 1990: for comparing methods, not for clinical claims.
Layout: ``<root>/support2/support2.csv.gz``, which ``prepare`` makes of ``support2.csv``.
"""

from __future__ import annotations

from pathlib import Path

from ..graph import Variable
from .batch import ModalityBatch
from .dataset import Dataset
from .files import DataFile, gzip_bytes, source_file

SOURCE = "SUPPORT, hbiostat.org/data, by way of https://github.com/sarahmercaldo/MissingDataAndPrediction"
FILES = (
    DataFile(
        "support2/support2.csv.gz",
        "e7d30539061837ee5fbe08c55b75061f6dd19df82040883c61c862745987de69",
        f"{SOURCE} (graphfuse.data.prepare makes it of support2.csv)",
    ),
)
DIED = ("survived", "died")
TARGET = Variable("death_in_hospital", 2, states=DIED)
LATER = {Variable("death_within_2_months", 2, states=DIED): 60, Variable("death_within_6_months", 2, states=DIED): 180}
MODALITIES = {
    "demographics": ("age", "sex", "race", "edu", "income"),
    "diagnosis": ("dzgroup", "dzclass", "num.co", "diabetes", "dementia", "ca", "hday"),
    "vitals": ("meanbp", "hrt", "resp", "temp"),
    "coma": ("scoma",),
    "blood": ("wblc", "sod", "crea"),
    "blood_gas": ("ph", "pafi"),
    "liver": ("alb", "bili"),
    "metabolism": ("glucose", "bun", "urine"),
    "daily_living": ("adlp", "adls"),
}
CATEGORIES = {
    "sex": ("female", "male"),
    "race": ("asian", "black", "hispanic", "other", "white"),
    "income": ("under $11k", "$11-$25k", "$25-$50k", ">$50k"),
    "dzgroup": (
        *("ARF/MOSF w/Sepsis", "CHF", "COPD", "Cirrhosis", "Colon Cancer", "Coma", "Lung Cancer", "MOSF w/Malig"),
    ),
    "dzclass": ("ARF/MOSF", "COPD/CHF/Cirrhosis", "Cancer", "Coma"),
    "ca": ("no", "yes", "metastatic"),
}


def load(root: str | Path | None = None) -> Dataset:
    """The 9105 patients; the target is ``death_in_hospital``, and death within two and six months are further targets.

    Demographics and diagnosis are DataFrames with columns of categories; the other modalities are float64 tensors
    ``(9105, num_columns)`` in the units of the source. The parts of the split are the five folds, ``"0"`` to ``"4"``.

    Args:
        root: Folder that holds ``support2/``; the environment variable ``GRAPHFUSE_DATA`` if None.

    Raises:
        FileNotFoundError: If the file is not there.
        ValueError: If the file is damaged.

    Reference: Knaus et al. (1995), The SUPPORT prognostic model: objective estimates of survival for seriously ill
    hospitalized adults.
    """
    import pandas as pd

    frame = FILES[0].table(root)
    for column, names in CATEGORIES.items():
        frame[column] = frame[column].astype(pd.CategoricalDtype(list(names)))
    targets = {TARGET.name: frame["hospdead"].to_numpy(dtype="int64")}
    for variable, num_days in LATER.items():
        died = (frame["death"] == 1) & (frame["d.time"] <= num_days)
        targets[variable.name] = died.to_numpy(dtype="int64")
    return Dataset(
        "support2",
        ModalityBatch.from_frame(frame, MODALITIES, targets=targets),
        TARGET,
        source=SOURCE,
        split=tuple(str(row % 5) for row in frame["row"]),
        other_targets=tuple(LATER),
    )


def prepare(source: str | Path, root: str | Path | None = None) -> None:
    """Make the layout of ``support2.csv``: its first column, which has no name, is named ``row``.

    Raises:
        FileNotFoundError: If the file or the root is not there.
        ValueError: If the result is not the expected one.
    """
    content = source_file(source, "support2.csv").read_bytes()
    content = b"row" + content.removeprefix(b'""').rstrip() + b"\n"
    FILES[0].write(root, gzip_bytes(content))
