"""Words of DataFrame columns, alone and in graph fusion."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.feature_extraction.text import CountVectorizer

from graphfuse.encoders import tokenize
from graphfuse.estimators import FusionClassifier, TextEncoder
from graphfuse.estimators.logistic_fit import fit_logistic


def reports(num_rows: int = 120) -> tuple[pd.DataFrame, np.ndarray]:
    draws = np.random.default_rng(0)
    y = np.arange(num_rows) % 2
    words = np.array([["clear", "lungs"], ["dense", "opacity"]])
    common = ["the", "left", "right", "side"]
    texts = [" ".join(draws.permutation([*words[state], *draws.choice(common, 3)])) for state in y]
    frame = pd.DataFrame({"report": texts, "age": draws.normal(size=num_rows)})
    frame.loc[draws.random(num_rows) < 0.2, "report"] = None
    return frame, y


def test_it_is_the_logistic_regression_on_counts():
    frame, y = reports()
    encoder = TextEncoder().fit(frame[["report"]], y)
    texts = frame["report"].astype(object).where(frame["report"].notna(), "")
    counts = CountVectorizer(tokenizer=tokenize, token_pattern=None, vocabulary=list(encoder.vocabularies_[0].words))
    features = np.log1p(counts.fit_transform(texts).toarray())
    expected = fit_logistic(features, y, 5).probabilities(features)
    np.testing.assert_allclose(encoder.predict_proba(frame[["report"]]), expected, atol=1e-6)
    observed = frame["report"].notna().to_numpy()
    assert encoder.score(frame.loc[observed, ["report"]], y[observed]) == 1.0


def test_it_encodes_a_text_modality_of_graph_fusion():
    frame, y = reports()
    groups, encoders = {"note": ["report"], "numbers": ["age"]}, {"note": TextEncoder()}
    classifier = FusionClassifier(groups, encoders=encoders, random_state=0).fit(frame, y)
    observed = frame["report"].notna().to_numpy()
    assert classifier.score(frame[observed], y[observed]) == 1.0
    nothing = classifier.predict_proba(frame.assign(report=None, age=np.nan))
    np.testing.assert_allclose(nothing, [[0.5, 0.5]] * len(frame), atol=1e-6)


def test_words_never_seen_tell_nothing_known_and_a_clone_is_unfitted():
    frame, y = reports()
    encoder = TextEncoder(max_words=3).fit(frame[["report"]], y)
    assert len(encoder.vocabularies_[0].words) == 3
    assert np.isfinite(encoder.predict_proba(pd.DataFrame({"report": ["entirely new words", None]}))).all()
    assert clone(encoder).max_words == 3 and not hasattr(clone(encoder), "coef_")


def test_what_is_no_text_is_refused():
    frame, y = reports()
    with pytest.raises(TypeError, match="X must be a DataFrame with columns of text; got ndarray"):
        TextEncoder().fit(np.zeros((120, 2)), y)
    with pytest.raises(TypeError, match="each of texts must be a string, or None or nan where missing; got int"):
        TextEncoder().fit(pd.DataFrame({"report": range(120)}), y)
    with pytest.raises(ValueError, match="X must have 1 columns, as in fit; got 2"):
        TextEncoder().fit(frame[["report"]], y).predict_proba(frame[["report", "report"]])
    with pytest.raises(ValueError, match="y must have at least two classes; got 0"):
        TextEncoder().fit(frame[["report"]], np.zeros(120, dtype=int))
