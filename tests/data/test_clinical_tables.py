"""Tables of patients: sizes, classes, gaps and groups as their sources publish them, and no column that must not be in.

The numbers are those of the repositories' descriptions, as counted in the README beside the real files.
"""

import numpy as np
import pandas as pd
import pytest

from graphfuse.data import Dataset, cervical, ckd, support2

CLASSES = {
    "dermatology": {"disease": (112, 61, 72, 49, 52, 20)},
    "hepatitis": {"outcome": (123, 32)},
    "ckd": {"disease": (150, 250)},
    "cervical": {"Biopsy": (803, 55), "Hinselmann": (823, 35), "Schiller": (784, 74), "Cytology": (814, 44)},
    "parkinsons": {"status": (48, 147)},
    "support2": {
        "death_in_hospital": (6745, 2360),
        "death_within_2_months": (5946, 3159),
        "death_within_6_months": (4840, 4265),
    },
}
WIDTHS = {
    "dermatology": {"clinical": 12, "biopsy": 22},
    "hepatitis": {"demographics": 2, "treatment": 2, "symptoms": 3, "examination": 6, "laboratory": 5, "biopsy": 1},
    "ckd": {"demographics": 1, "examination": 3, "urine": 7, "blood_chemistry": 5, "blood_count": 4, "history": 4},
    "cervical": {
        **{"behaviour": 7, "contraception": 4, "sexually_transmitted": 14, "infection_history": 3},
        "earlier_diagnoses": 4,
    },
    "parkinsons": {"frequency": 8, "amplitude": 6, "noise": 2, "nonlinear": 6},
    "support2": {
        **{"demographics": 5, "diagnosis": 7, "vitals": 4, "coma": 1, "blood": 3, "blood_gas": 2, "liver": 2},
        **{"metabolism": 3, "daily_living": 2},
    },
}
MISSING = {  # by column, the number of missing cells; columns left out have none unless noted below
    "dermatology": {"age": 8},
    "hepatitis": {
        **{"protime": 67, "alk_phosphate": 29, "albumin": 16, "liver_firm": 11, "liver_big": 10, "bilirubin": 6},
        **{"spleen_palpable": 5, "spiders": 5, "ascites": 5, "varices": 5, "sgot": 4, "steroid": 1, "fatigue": 1},
        **{"malaise": 1, "anorexia": 1},
    },
    "ckd": {
        **{"rbc": 152, "rbcc": 131, "wbcc": 106, "pot": 88, "sod": 87, "pcv": 71, "pc": 65, "hemo": 52, "su": 49},
        **{"sg": 47, "al": 46, "bgr": 44, "bu": 19, "sc": 17, "bp": 12, "age": 9},
    },
    "cervical": {
        **{"Hormonal Contraceptives": 108, "IUD": 117, "Num of pregnancies": 56, "Number of sexual partners": 26},
        **{"Smokes": 13, "First sexual intercourse": 7, "STDs": 105, "STDs:HPV": 105},
        **{"STDs: Time since first diagnosis": 787, "STDs: Time since last diagnosis": 787, "Dx:Cancer": 0},
    },
    "parkinsons": {},
    "support2": {"scoma": 1, "sod": 1, "meanbp": 1, "hrt": 1, "resp": 1, "temp": 1, "age": 0, "sex": 0, "hday": 0},
}
NUM_MISSING = {"dermatology": 8, "hepatitis": 167, "ckd": 1012, "cervical": 3622, "parkinsons": 0}
NUM_COMPLETE = {"hepatitis": 80, "ckd": 158}


def table(data: Dataset) -> pd.DataFrame:
    return data.batch.to_frame().droplevel(0, axis=1)


@pytest.mark.parametrize("name", CLASSES)
def test_the_rows_and_classes_are_the_published_ones(name, real):
    data = real(name)
    assert {variable.name for variable in data.targets} == set(CLASSES[name])
    assert data.target.name == next(iter(CLASSES[name]))
    for target, counts in CLASSES[name].items():
        assert tuple(data.batch.targets[target].bincount().tolist()) == counts


@pytest.mark.parametrize("name", WIDTHS)
def test_the_modalities_have_the_documented_columns(name, real):
    data = real(name)
    assert {modality: value.shape[1] for modality, value in data.batch.inputs.items()} == WIDTHS[name]
    assert not table(data).columns.duplicated().any()


@pytest.mark.parametrize("name", MISSING)
def test_the_missing_cells_are_the_published_ones(name, real):
    missing = table(real(name)).isna()
    for column, count in MISSING[name].items():
        assert missing[column].sum() == count, column
    if name in NUM_MISSING:
        assert missing.sum().sum() == NUM_MISSING[name]
    if name in NUM_COMPLETE:
        assert (~missing.any(axis=1)).sum() == NUM_COMPLETE[name]


@pytest.mark.parametrize("name", MISSING)
def test_no_target_is_among_the_inputs(name, real):
    data = real(name)
    hidden = {"class", "status", "name", "row"} | {variable.name for variable in data.targets}
    assert not hidden & set(table(data).columns)


def test_kidney_findings_are_ones_and_gaps_tell_of_the_disease(real):
    data = real("ckd")
    cells = table(data)
    for column in ckd.WORDS:
        assert set(cells[column].dropna().unique()) == {0.0, 1.0}
    ill = data.labels == "present"
    assert cells["htn"][ill].mean() > 0.5 > cells["htn"][~ill].max()
    assert cells.isna().to_numpy()[ill].mean() == pytest.approx(0.15, abs=0.005)
    assert cells.isna().to_numpy()[~ill].mean() == pytest.approx(0.03, abs=0.005)


def test_findings_of_hepatitis_are_zero_or_one(real):
    cells = table(real("hepatitis"))
    for column in ("steroid", "antivirals", "fatigue", "liver_big", "varices", "histology", "sex"):
        assert set(cells[column].dropna().unique()) == {0.0, 1.0}


def test_grades_of_dermatology_are_zero_to_three(real):
    cells = table(real("dermatology"))
    assert set(np.unique(cells.drop(columns="age"))) == {0.0, 1.0, 2.0, 3.0}
    assert set(cells["family_history"]) == {0.0, 1.0}


def test_questions_on_infections_are_refused_together(real):
    data = real("cervical")
    present = data.batch.present["sexually_transmitted"]
    assert int((~present).sum()) == 105
    assert not data.batch.inputs["sexually_transmitted"][present].isnan().any()
    names = [column for group in cervical.MODALITIES.values() for column in group]
    assert len(names) == 32 and not {"Hinselmann", "Schiller", "Citology", "Cytology", "Biopsy"} & set(names)


def test_recordings_of_a_person_share_a_group_and_a_label(real):
    data = real("parkinsons")
    persons = pd.Series(data.labels).groupby(pd.Series(data.groups)).agg(["size", "nunique", "first"])
    assert set(persons["size"]) <= {6, 7} and (persons["nunique"] == 1).all()
    assert persons["first"].value_counts().to_dict() == {"ill": 24, "healthy": 8}


# support2

FORBIDDEN = (
    *("row", "death", "hospdead", "d.time", "slos", "sfdm2", "charges", "totcst", "totmcst", "avtisst", "dnr"),
    *("dnrday", "sps", "aps", "surv2m", "surv6m", "prg2m", "prg6m", "adlsc"),
)
SHARES = {  # of missing cells
    **{"race": 0.005, "edu": 0.179, "income": 0.328, "wblc": 0.023, "crea": 0.007, "ph": 0.251, "pafi": 0.255},
    **{"alb": 0.370, "bili": 0.286, "glucose": 0.494, "bun": 0.478, "urine": 0.534, "adlp": 0.620, "adls": 0.315},
}


def test_no_outcome_score_cost_or_later_care_is_an_input(real):
    names = set(table(real("support2")).columns)
    assert not names & set(FORBIDDEN)
    assert len(names) == 29


@pytest.mark.parametrize("column", SHARES)
def test_the_share_of_missing_cells_is_the_documented_one(column, real):
    assert table(real("support2"))[column].isna().mean() == pytest.approx(SHARES[column], abs=0.0006)


def test_groups_of_tests_are_missing_together(real):
    data = real("support2")
    cells = table(data).isna()
    assert int((~data.batch.present["metabolism"]).sum()) == 4312
    assert (~cells[["glucose", "bun", "urine"]].any(axis=1)).sum() == 4051
    assert int((~data.batch.present["daily_living"]).sum()) == 2065
    assert (cells["ph"] != cells["pafi"]).sum() == 45
    assert [int((~data.batch.present[name]).sum()) for name in ("vitals", "coma", "diagnosis")] == [1, 1, 0]


def test_gaps_tell_of_death(real):
    data = real("support2")
    died = pd.Series(data.labels == "died")
    missing = table(data).isna()
    for column, shares in {"adlp": (0.384, 0.056), "edu": (0.375, 0.234), "ph": (0.172, 0.288)}.items():
        found = died.groupby(missing[column]).mean()
        assert (found[True], found[False]) == pytest.approx(shares, abs=0.0006)


def test_folds_take_every_fifth_row(real):
    data = real("support2")
    assert data.parts == ("0", "1", "2", "3", "4")
    assert data.split[:6] == ("1", "2", "3", "4", "0", "1")
    glucose = table(data)["glucose"].isna().groupby(pd.Series(data.split)).mean()
    assert glucose.max() - glucose.min() < 0.03


def test_every_category_is_one_of_the_listed(real):
    data = real("support2")
    cells = pd.concat([data.batch.inputs["demographics"], data.batch.inputs["diagnosis"]], axis=1)
    raw = support2.FILES[0].table(None)
    for column, names in support2.CATEGORIES.items():
        assert cells[column].isna().sum() == raw[column].isna().sum()
        assert set(cells[column].dropna()) == set(names)
    assert cells["dzgroup"].value_counts()["ARF/MOSF w/Sepsis"] == 3515
    assert cells["sex"].value_counts().to_dict() == {"male": 5125, "female": 3980}
