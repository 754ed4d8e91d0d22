"""What is asked of each data set: who the patients are, what tests and errors cost, which groups are reported apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch

import graphfuse as gf
from graphfuse.decisions import with_referral

from .advice import Terms


@dataclass(frozen=True)
class Question:
    """A data set as a clinical question.

    Args:
        patients: Who they are, for the sentence "of … patients".
        setting: Where they come from, and how they were chosen.
        outcome: What is predicted.
        known: The modality that is known of everybody before the first test.
        costs: By modality, what it costs, in the unit.
        costs_say: Where the costs come from.
        unit: Of costs and losses.
        loss: Of waiting, treating and referring, by absent and present.
        source: Of the data.
        prepared: How the values came to be as they are.
        limits: What else is wrong with the data, sentences.
    """

    patients: str
    setting: str
    outcome: str
    known: str
    costs: Mapping[str, float]
    costs_say: str
    unit: str
    loss: torch.Tensor
    source: str
    prepared: str
    limits: tuple[str, ...] = field(default=())

    @property
    def terms(self) -> Terms:
        """On what terms its tests are ordered."""
        return Terms(self.known, self.costs, self.loss, self.unit)


_HEART_COSTS = {  # Canadian dollars
    "symptoms": 1.0,
    "vitals": 1.0,
    "blood": 12.47,
    "resting_ecg": 15.5,
    "exercise": 102.9,
    "fluoroscopy": 100.9,
    "nuclear": 102.9,
}
ACTIONS = ("wait", "treat", "refer")
MISS, ALARM, REFERRAL = 5000.0, 1250.0, 500.0

QUESTIONS = {
    "heart_disease": Question(
        patients="patients referred for angiography of the coronary arteries",
        setting=(
            "Four hospitals: the Cleveland Clinic (R. Detrano), the Hungarian Institute of Cardiology in Budapest "
            "(A. Janosi), the University Hospitals of Zurich and Basel (W. Steinbrunn, M. Pfisterer), and the V.A. "
            "Medical Center in Long Beach (R. Detrano)."
        ),
        outcome="whether angiography shows a vessel narrowed by half or more",
        known="demographics",
        costs=_HEART_COSTS,
        costs_say=(
            "What the tests cost is what P. Turney (1995) gave with the data: Canadian dollars, by the fee schedule "
            "of the Ontario Health Insurance Program, read from the R package FFTrees (Phillips et al. 2017), which "
            "has them from there. They are fees of single columns, put together here by modality: the sum of both "
            "tests of blood, the dearest column of the one exercise test, and for symptoms the question about the "
            "chest pain alone, since whether exercise brings on pain is seen in the exercise test. Discounts of "
            "tests that are done together are left out."
        ),
        unit="Canadian dollars",
        loss=with_referral([[0.0, MISS], [ALARM, 0.0]], cost=REFERRAL),
        source="UCI Machine Learning Repository, Heart Disease, https://doi.org/10.24432/C52P4X, CC BY 4.0",
        prepared=(
            "Codes become categories, and a cholesterol or a blood pressure of 0, which stands for missing, is read "
            "as missing. Nobody is left out, nothing is imputed before the split."
        ),
        limits=(
            "All patients were referred for angiography, so the sick are many, and in Switzerland nearly all. In a "
            "clinic that sees everybody the probabilities would be too high.",
            "What is missing depends on the hospital, and so does the share of the sick. A model can read the "
            "hospital from the gaps. To the graph used here a test that is missing says nothing; a gap inside a "
            "test that was done is read by its experts.",
            "The data were given to the repository in 1988. Tests, their readers and their fees have changed.",
        ),
    ),
    "breast_cancer": Question(
        patients="biopsies of a breast mass",
        setting="One clinic: the University of Wisconsin.",
        outcome="whether the mass is malignant",
        known="mean",
        costs={"error": 20.0, "worst": 20.0},
        costs_say="The costs are made up, to show how they enter; no source has any.",
        unit="units of cost",
        loss=with_referral([[0.0, MISS], [ALARM, 0.0]], cost=REFERRAL),
        source="UCI Machine Learning Repository, Breast Cancer Wisconsin (Diagnostic), CC BY 4.0, with scikit-learn",
        prepared="The values are used as they come.",
        limits=(
            "The three modalities summarize the same ten quantities of the same image; nobody would have one "
            "without the others.",
            "The data name neither hospital nor sex nor age, so nothing can be said of groups.",
        ),
    ),
}


def groups(data: gf.Dataset) -> dict[str, np.ndarray]:
    """By what the patients are grouped, the group of each; none where the data do not say."""
    found: dict[str, np.ndarray] = {}
    if data.sites is not None:
        found["hospital"] = np.array(data.sites)
    if "sex" in data.batch.columns.get("demographics", ()):
        columns = data.batch.columns["demographics"]
        values = data.batch.inputs["demographics"].numpy()
        found["sex"] = np.where(values[:, columns.index("sex")] == 1, "men", "women")
        age = values[:, columns.index("age")]
        names = np.array(["below 45", "45 to 54", "55 to 64", "65 and above"])
        found["age"] = names[np.searchsorted([45, 55, 65], age, side="right")]
    return found
