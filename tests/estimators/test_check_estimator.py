"""Every estimator keeps all of scikit-learn's promises: no check is expected to fail."""

import pytest
from sklearn.naive_bayes import GaussianNB
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import check_estimator

from graphfuse.estimators import (
    EarlyFusionClassifier,
    FusionClassifier,
    HybridFusionClassifier,
    LateFusionClassifier,
)

LIGHT = {
    "graph": FusionClassifier(encoders=GaussianNB(), random_state=0),
    "early": EarlyFusionClassifier(encoder=GaussianNB()),
    "late, mean": LateFusionClassifier(encoders=GaussianNB()),
    "late, logarithmic": LateFusionClassifier(encoders=GaussianNB(), pool="logarithmic"),
    "hybrid": HybridFusionClassifier(encoders=GaussianNB(), early_encoder=GaussianNB()),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", LIGHT)
def test_an_estimator_passes_every_check_of_scikit_learn(name):
    results = check_estimator(LIGHT[name])
    assert {result["status"] for result in results} <= {"passed", "skipped"}
    assert [result["check_name"] for result in results if result["status"] == "skipped"] == ["check_array_api_input"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_default_encoder_passes_every_check_of_scikit_learn():
    assert {result["status"] for result in check_estimator(FusionClassifier())} <= {"passed", "skipped"}


@pytest.mark.parametrize("name", LIGHT)
def test_an_estimator_says_that_it_reads_gaps(name):
    assert get_tags(LIGHT[name]).input_tags.allow_nan
    assert get_tags(LIGHT[name]).estimator_type == "classifier"
