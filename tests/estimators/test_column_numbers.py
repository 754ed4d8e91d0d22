"""A classifier that reads neither text nor gaps gets numbers, whatever columns a modality has."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from graphfuse import FusionClassifier, TabularEncoder, TextEncoder, star
from graphfuse.estimators.column_numbers import ColumnNumbers

GROUPS = {"chart": ["ward", "weight", "smokes"], "body": ["age", "beats"]}


def patients(num_rows=120, seed=0, missing_text=True):
    """Text, categories and numbers with gaps, and labels that they tell."""
    draws = np.random.default_rng(seed)
    y = np.arange(num_rows) % 2
    ward = np.where(draws.random(num_rows) < 0.8, np.array(["east", "west"])[y], "north").astype(object)
    smokes = pd.Series(np.where(y == 1, "yes", "no"), dtype="category")
    frame = pd.DataFrame({"ward": ward, "smokes": smokes, "weight": y + draws.normal(size=num_rows)})
    frame = frame.assign(age=50 + 10 * y + draws.normal(size=num_rows), beats=draws.normal(size=num_rows))
    for name in ("weight", "age", "beats", *(["ward", "smokes"] if missing_text else [])):
        frame.loc[draws.random(num_rows) < 0.2, name] = None
    return frame, y


def fitted(encoder, frame, y, joint=None, structure=None):
    return FusionClassifier(GROUPS, encoder, structure, joint_encoder=joint, random_state=0).fit(frame, y)


def test_a_classifier_behind_columns_of_any_kind_says_what_it_says_behind_a_preparation_by_hand():
    frame, y = patients(missing_text=False)
    found = fitted({"chart": GaussianNB(), "body": GaussianNB()}, frame, y, structure=star).predict_log_proba(frame)
    by_hand = ColumnTransformer(
        [("text", OneHotEncoder(sparse_output=False), ["ward", "smokes"]),
         ("number", SimpleImputer(add_indicator=True), ["weight"])]
    )  # fmt: skip
    encoders = {"chart": make_pipeline(by_hand, GaussianNB()), "body": GaussianNB()}
    expected = fitted(encoders, frame, y, structure=star).predict_log_proba(frame)
    np.testing.assert_allclose(found, expected, atol=1e-9)


@pytest.mark.parametrize("joint", [None, GaussianNB()])
@pytest.mark.parametrize("encoder", [GaussianNB(), LogisticRegression(max_iter=1000)], ids=lambda e: type(e).__name__)
def test_gaps_in_text_and_numbers_new_categories_and_empty_columns_are_read(encoder, joint):
    frame, y = patients()
    model = fitted(encoder, frame, y, joint)
    assert model.score(frame, y) > 0.9
    new = frame.head(3).assign(ward=["south", None, None], weight=None, smokes=None)
    assert np.isfinite(model.predict_log_proba(new)).all()


def test_columns_become_numbers_with_gaps_in_their_order():
    frame, _ = patients()
    numbers = ColumnNumbers().fit(frame[["weight", "ward"]])
    found = numbers.transform(frame[["weight", "ward"]])
    np.testing.assert_array_equal(found[:, 0], frame["weight"])
    expected = np.column_stack([frame["ward"] == each for each in ("east", "north", "west")])
    np.testing.assert_array_equal(found[:, 1:], expected)


def test_what_reads_text_itself_gets_the_frame():
    frame, y = patients()
    groups = {"words": ["ward"], "body": ["weight", "age", "beats"]}
    for encoder in (TabularEncoder(), TextEncoder(min_count=1)):
        encoders = {"words": encoder, "body": GaussianNB()}
        model = FusionClassifier(groups, encoders, star, random_state=0).fit(frame, y)
        assert type(model.encoders_["words"].members[0]) is type(encoder)
