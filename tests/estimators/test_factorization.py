"""The scikit-learn faces of the factorizations, alone and in front of an encoder."""

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import TruncatedSVD
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import check_estimator

from graphfuse.encoders import fit_low_rank, fit_nonnegative
from graphfuse.estimators import MaskedNMF, MaskedSVD

FACES = {"svd": (MaskedSVD, fit_low_rank), "nmf": (MaskedNMF, fit_nonnegative)}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", FACES)
def test_it_passes_every_check_of_scikit_learn(name):
    face, _ = FACES[name]
    results = check_estimator(face())
    assert {result["status"] for result in results} <= {"passed", "skipped"}
    assert [result["check_name"] for result in results if result["status"] == "skipped"] == ["check_array_api_input"]
    assert get_tags(face()).input_tags.allow_nan


def gappy(num_rows: int = 120) -> np.ndarray:
    draws = np.random.default_rng(0)
    table = draws.gamma(1.0, size=(num_rows, 3)) @ draws.gamma(1.0, size=(3, 12))
    return np.where(draws.random(table.shape) < 0.4, np.nan, table)


@pytest.mark.parametrize("name", FACES)
def test_it_says_what_the_plain_functions_say(name):
    face, fit = FACES[name]
    table = gappy()
    transformer, expected = face(3, ridge=0.2).fit(table[:100]), fit(table[:100], 3, ridge=0.2)
    scores = transformer.transform(table[100:])
    np.testing.assert_array_equal(scores, expected.transform(table[100:]))
    np.testing.assert_array_equal(transformer.components_, expected.components)
    np.testing.assert_array_equal(transformer.inverse_transform(scores), expected.inverse_transform(scores))


def test_without_gaps_it_replaces_the_decomposition_of_scikit_learn():
    table = np.random.default_rng(0).normal(size=(80, 10))
    found, expected = MaskedSVD(3, ridge=0.0).fit_transform(table), TruncatedSVD(3, algorithm="arpack")
    np.testing.assert_allclose(np.abs(found), np.abs(expected.fit_transform(table)), atol=1e-4)


@pytest.mark.parametrize("name", FACES)
def test_a_narrow_table_has_fewer_components(name):
    face, _ = FACES[name]
    table = pd.DataFrame(gappy()[:, :2], columns=["a", "b"])
    transformer = face(5).fit(table)
    assert transformer.transform(table).shape == (120, 2)
    assert transformer.get_feature_names_out().tolist() == [f"{face.__name__.lower()}{i}" for i in range(2)]


def test_in_front_of_an_encoder_it_reads_rows_with_gaps():
    table = gappy()
    y = np.nan_to_num(table, nan=0.0).sum(1) > np.median(np.nan_to_num(table, nan=0.0).sum(1))
    for first in (make_pipeline(StandardScaler(), MaskedSVD(3)), MaskedNMF(3)):
        assert make_pipeline(first, LogisticRegression(C=10.0)).fit(table, y).score(table, y) > 0.7


@pytest.mark.parametrize("name", FACES)
def test_infinity_no_rows_and_a_bad_count_are_refused(name):
    face, _ = FACES[name]
    with pytest.raises(ValueError, match="infinity"):
        face().fit([[1.0, np.inf], [1.0, 2.0]])
    with pytest.raises(ValueError, match="num_components must be at least 1; got 0"):
        face(0).fit(gappy())
    with pytest.raises(TypeError, match=r"num_components must be an integer; got 1\.5"):
        face(1.5).fit(gappy())
    with pytest.raises(ValueError, match="values must have an observed cell; got none"):
        face().fit(np.full((4, 3), np.nan))


def test_negative_values_are_no_sums_of_parts():
    with pytest.raises(ValueError, match="Negative values in data passed to MaskedNMF"):
        MaskedNMF().fit(-gappy())
    with pytest.raises(ValueError, match=r"values must be at least 0; got -1\.0"):
        MaskedNMF().fit(gappy()).transform(np.full((1, 12), -1.0))
