"""Skin diseases told apart in the examination room and by biopsy: two modalities of very different cost.

Source: N. Ilter and H. A. Güvenir, Dermatology, UCI Machine Learning Repository (1998),
https://doi.org/10.24432/C5FK5P.
License: CC BY 4.0.
Sizes: 366 patients, six diseases of 112, 61, 72, 49, 52 and 20; modalities ``clinical`` (12 columns) and ``biopsy``
(22).
Split: none; ten-fold cross-validation is usual.
Missing: the age of 8 patients; no modality is missing, so drop the biopsy to study its absence.
Caveats: nearly solved with both modalities, so the telling figures are those of ``clinical`` alone and calibration. One
class has 20 patients; one age is 0.
Layout: ``<root>/uci_dermatology/dermatology.csv``, which ``prepare`` makes of the repository's ``dermatology.data``.
"""

from __future__ import annotations

from pathlib import Path

from ..graph import Variable
from .batch import ModalityBatch
from .dataset import Dataset
from .files import DataFile, csv_bytes, source_file, source_table

SOURCE = "UCI Machine Learning Repository, Dermatology, https://doi.org/10.24432/C5FK5P"
FILES = (
    DataFile(
        "uci_dermatology/dermatology.csv",
        "ca83738d34dd0097f65091dbcfd0cadfebae2411d5301154da80d42801bfec4e",
        f"the {SOURCE} (graphfuse.data.prepare makes it of dermatology.data)",
    ),
)
DISEASES = (
    *("psoriasis", "seborrhoeic dermatitis", "lichen planus", "pityriasis rosea", "chronic dermatitis"),
    "pityriasis rubra pilaris",
)
TARGET = Variable("disease", 6, states=DISEASES)
GRADED = (
    *("erythema", "scaling", "definite_borders", "itching", "koebner_phenomenon", "polygonal_papules"),
    *("follicular_papules", "oral_mucosal_involvement", "knee_and_elbow_involvement", "scalp_involvement"),
    "family_history",
)
BIOPSY = (
    *("melanin_incontinence", "eosinophils_in_infiltrate", "pnl_infiltrate", "fibrosis_papillary_dermis"),
    *("exocytosis", "acanthosis", "hyperkeratosis", "parakeratosis", "clubbing_rete_ridges"),
    *("elongation_rete_ridges", "thinning_suprapapillary_epidermis", "spongiform_pustule", "munro_microabcess"),
    *("focal_hypergranulosis", "disappearance_granular_layer", "vacuolisation_damage_basal_layer", "spongiosis"),
    *("saw_tooth_retes", "follicular_horn_plug", "perifollicular_parakeratosis"),
    *("inflammatory_mononuclear_infiltrate", "band_like_infiltrate"),
)
MODALITIES = {"clinical": (*GRADED, "age"), "biopsy": BIOPSY}


def load(root: str | Path | None = None) -> Dataset:
    """The 366 patients; the target is ``disease``.

    Both modalities are float64 tensors ``(366, num_columns)``: grades 0 to 3, ``family_history`` 0 or 1, ``age`` in
    years.

    Args:
        root: Folder that holds ``uci_dermatology/``; the environment variable ``GRAPHFUSE_DATA`` if None.

    Raises:
        FileNotFoundError: If the file is not there.
        ValueError: If the file is damaged.

    Reference: Güvenir, Demiröz and Ilter (1998), Learning differential diagnosis of erythemato-squamous diseases using
    voting feature intervals.
    """
    frame = FILES[0].table(root)
    states = frame["class"].to_numpy(dtype="int64") - 1
    return Dataset(
        "dermatology",
        ModalityBatch.from_frame(frame, MODALITIES, targets={TARGET.name: states}),
        TARGET,
        source=SOURCE,
    )


def prepare(source: str | Path, root: str | Path | None = None) -> None:
    """Make the layout of ``dermatology.data``: a header is added, and ``?`` becomes an empty cell.

    Raises:
        FileNotFoundError: If the file or the root is not there.
        ValueError: If the result is not the expected one.
    """
    columns = (*GRADED, *BIOPSY, "age", "class")
    frame = source_table(source_file(source, "dermatology.data"), columns)
    FILES[0].write(root, csv_bytes(frame.convert_dtypes()))
