"""What the estimators refuse: the message names the argument, what it must be, and what was found."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.sparse import csr_array
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score, train_test_split
from sklearn.naive_bayes import GaussianNB
from torch import nn

from graphfuse.data import ModalityBatch
from graphfuse.estimators import (
    EarlyFusionClassifier,
    FusionClassifier,
    HybridFusionClassifier,
    LateFusionClassifier,
)
from graphfuse.graph import Factor, FactorGraph, Variable, star

NAN = float("nan")
DRAWS = np.random.default_rng(0)
Y = np.arange(40) % 2
ECG = DRAWS.normal(size=(40, 2)) + Y[:, None]
LABS = DRAWS.normal(size=(40, 3)) + Y[:, None]
X = {"ecg": ECG, "labs": LABS}
FRAME = pd.DataFrame(np.hstack([ECG, LABS]), columns=["lead", "pulse", "zinc", "iron", "salt"])
GROUPS = {"ecg": ["lead", "pulse"], "labs": ["zinc", "iron", "salt"]}
ADVICE = "a ModalityBatch is"


def light(modalities=None, encoders=None, structure=None) -> FusionClassifier:
    return FusionClassifier(modalities, GaussianNB() if encoders is None else encoders, structure, random_state=0)


def with_infinity() -> pd.DataFrame:
    return FRAME.assign(zinc=np.inf)


AT_FIT = {
    # X
    "an unknown modality": (
        light(["ecg", "lab"]),
        X,
        Y,
        ValueError,
        "must be one of 'ecg', 'labs'; got 'lab'.*did you",
    ),
    "an unknown column": (
        light({"ecg": ["led"]}),
        FRAME,
        Y,
        ValueError,
        r"each column in modalities\['ecg'\] must be one of .*; got 'led' \(did you mean 'lead'\?\)",
    ),
    "an unknown position": (
        light({"ecg": [0, 5]}),
        FRAME.to_numpy(),
        Y,
        ValueError,
        r"each column in modalities\['ecg'\] must be one of 0, 1, 2, 3, 4; got 5",
    ),
    "a negative position": (
        light({"ecg": [-1]}),
        LABS,
        Y,
        ValueError,
        r"modalities\['ecg'\].* must be at least 0; got -1",
    ),
    "a column name for an array": (
        light({"ecg": ["lead"]}),
        LABS,
        Y,
        TypeError,
        r"each column in modalities\['ecg'\], where X is an array, must be an integer; got 'lead'",
    ),
    "a column twice": (
        light({"ecg": [0, 0]}),
        LABS,
        Y,
        ValueError,
        r"modalities\['ecg'\] must not repeat a name; got '0'",
    ),
    "infinity in an array": (light(), LABS * np.inf, Y, ValueError, "X contains infinity"),
    "infinity in a dict": (light(), {"ecg": ECG * np.inf}, Y, ValueError, r"X\['ecg'\] must be finite.*; got infinity"),
    "infinity in a frame": (
        light(GROUPS),
        with_infinity(),
        Y,
        ValueError,
        r"X\['labs'\] must be finite.*; got infinity",
    ),
    "infinity in a sample": (
        light(),
        [{"ecg": [np.inf]}, {"ecg": [0.0]}],
        [0, 1],
        ValueError,
        r"X\[0\]\['ecg'\] must be finite",
    ),
    "text in a dict of arrays": (
        light(),
        {"ecg": ["a"] * 40},
        Y,
        TypeError,
        r"X\['ecg'\] must be a tensor, an array of",
    ),
    "complex numbers": (light(), {"ecg": ECG * 1j}, Y, TypeError, r"X\['ecg'\] must be real; got torch.complex128"),
    "a scalar in a dict": (light(), {"ecg": 1.0}, Y, ValueError, r"X\['ecg'\] must have a batch dimension"),
    "rows that differ": (
        light(),
        {"ecg": ECG, "labs": LABS[:3]},
        Y,
        ValueError,
        rf"X\['labs'\] must have the batch shape \(40,\) of X\['ecg'\] \(.*{ADVICE}\); got \(3,\)",
    ),
    "samples that differ": (
        light(),
        [{"ecg": [0.0]}, {"ecg": [0.0, 1.0]}],
        [0, 1],
        ValueError,
        r"X\[1\]\['ecg'\] must have shape \(1,\); got \(2,\)",
    ),
    "an empty dict": (light(), {}, Y, ValueError, "X must hold at least one modality .*; got none"),
    "no rows": (light(), {"ecg": ECG[:0]}, Y[:0], ValueError, "X must hold at least one sample; got 0 samples"),
    "no rows in a frame": (light(), FRAME[:0], Y[:0], ValueError, "X must hold at least one sample; got 0 samples"),
    "no columns": (light(), {"ecg": ECG[:, :0]}, Y, ValueError, r"X\['ecg'\] must have at least one column"),
    "no columns in a frame": (light(), {"ecg": FRAME[[]]}, Y, ValueError, r"X\['ecg'\] must have at least one column"),
    "two batch dimensions": (
        light(),
        ModalityBatch({"ecg": torch.zeros(4, 10, 2)}, {"ecg": torch.ones(4, 10, dtype=torch.bool)}),
        Y,
        ValueError,
        r"X must have one batch dimension, rows; got batch shape \(4, 10\)",
    ),
    "a name that is no text": (light(), {1: ECG}, Y, TypeError, "each modality in X must be a string; got int"),
    "a sparse array": (light(), csr_array(ECG), Y, TypeError, "Sparse data was passed for X"),
    "an array of three dimensions": (light(), np.zeros((40, 2, 2)), Y, ValueError, "Found array with dim 3"),
    "a vector": (light(), ECG[:, 0], Y, ValueError, "Expected 2D array, got 1D array"),
    "a list of names": (
        light(),
        ["ecg", "labs"],
        [0, 1],
        TypeError,
        "X must be a table.*ModalityBatch.*got a list of names",
    ),
    "a list of arrays": (
        light(),
        [ECG, LABS],
        [0, 1],
        TypeError,
        "X must be a table.*ModalityBatch.*got a list of arrays",
    ),
    "text in an array": (light(), np.array([["a"], ["b"]] * 20), Y, ValueError, "could not convert string to float"),
    "repeated columns": (
        light(),
        FRAME.set_axis(["a", "a", "b", "c", "d"], axis=1),
        Y,
        ValueError,
        "Expected unique column names",
    ),
    # y
    "no labels": (light(), X, None, ValueError, "requires y to be passed, but the target y is None"),
    "one label too few": (
        light(),
        X,
        Y[:39],
        ValueError,
        rf"y must have one label per row of X, 40 \(.*{ADVICE}\); got 39",
    ),
    "one label too few for a frame": (
        light(),
        FRAME,
        Y[:39],
        ValueError,
        "y must have one label per row of X, 40; got 39 l",
    ),
    "one class": (
        light(),
        X,
        np.zeros(40, dtype=int),
        ValueError,
        "y must have at least two classes; got one class, 0",
    ),
    "a missing label": (
        light(),
        X,
        np.array(["a", None] * 20, dtype=object),
        ValueError,
        "y must have a label in every row; got None or nan",
    ),
    "a missing number": (light(), X, np.where(Y == 0, NAN, 1.0), ValueError, "Input y contains NaN"),
    "labels of two types": (
        light(),
        X,
        np.array(["a", 1] * 20, dtype=object),
        TypeError,
        "y must hold labels of one type; got labels of types 'int', 'str'",
    ),
    "fractions": (light(), X, DRAWS.normal(size=40), ValueError, "Unknown label type: continuous"),
    "labels in two columns": (
        light(),
        X,
        np.zeros((40, 2)),
        ValueError,
        r"y should be a 1d array, got .* shape \(40, 2\)",
    ),
    # modalities
    "modalities as text": (light("ecg"), X, Y, TypeError, "modalities must be a sequence of names; got 'ecg'"),
    "modalities of a number": (light(3), X, Y, TypeError, "modalities must be a sequence of names; got 3"),
    "modalities as a list for a frame": (
        light(["ecg"]),
        FRAME,
        Y,
        TypeError,
        "modalities must be a mapping from modalities to columns where X is a table; got list",
    ),
    "no modality": (light([]), X, Y, ValueError, "modalities must name at least one modality; got none"),
    "no group": (light({}), FRAME, Y, ValueError, "modalities must name at least one modality; got none"),
    "a modality twice": (light(["ecg", "ecg"]), X, Y, ValueError, "modalities must not repeat a name; got 'ecg'"),
    "a group of no columns": (
        light({"ecg": []}),
        FRAME,
        Y,
        ValueError,
        r"modalities\['ecg'\] must be a list of at least one column; got \[\]",
    ),
    "a group as text": (
        light({"ecg": "lead"}),
        FRAME,
        Y,
        ValueError,
        r"modalities\['ecg'\] must be a list.*got 'lead'",
    ),
    "a group as a number": (light({"ecg": 0}), LABS, Y, ValueError, r"modalities\['ecg'\] must be a list.*got 0"),
    "a group named by a number": (light({1: [0]}), LABS, Y, TypeError, "each of modalities must be a string; got int"),
    # encoders
    "an encoder by name": (
        light(encoders="logistic"),
        X,
        Y,
        TypeError,
        "encoders must be a scikit-learn classifier with predict_proba, or a torch module; got 'logistic'",
    ),
    "an encoder's class": (light(encoders=GaussianNB), X, Y, TypeError, "encoders must be a scikit-learn.*got <class"),
    "a list of encoders": (
        light(encoders=[GaussianNB()]),
        X,
        Y,
        TypeError,
        r"encoders must be a.*got \[GaussianNB\(\)\]",
    ),
    "an encoder without probabilities": (
        light(encoders={"ecg": RidgeClassifier()}),
        X,
        Y,
        TypeError,
        r"encoders\['ecg'\] must be .*with predict_proba.*; got RidgeClassifier\(\)",
    ),
    "an encoder of an unknown modality": (
        light(encoders={"eccg": GaussianNB()}),
        X,
        Y,
        ValueError,
        r"each modality in encoders must be one of 'ecg', 'labs'; got 'eccg' \(did you mean 'ecg'\?\)",
    ),
    "a module of too many logits": (
        light(encoders={"ecg": nn.Linear(2, 3)}),
        X,
        Y,
        ValueError,
        r"the output of encoders\['ecg'\] must have shape \(\d+, 2\), one logit per class; got \(\d+, 3\)",
    ),
    "a module of another width": (
        light(encoders={"ecg": nn.Linear(5, 2)}),
        X,
        Y,
        ValueError,
        r"encoders\['ecg'\] must read inputs of shape \(\d+, 2\) and dtype torch.float32; got an error, mat1",
    ),
    "a module of another dtype": (
        light(encoders=nn.Linear(2, 2)),
        {"ecg": np.ones((40, 2), dtype=int)},
        Y,
        ValueError,
        r"encoders must read inputs of shape \(\d+, 2\) and dtype torch.int64; got an error",
    ),
    "a module of no tensor": (light(encoders=nn.LSTM(2, 2)), {"ecg": ECG}, Y, TypeError, "must be a tensor.*got tuple"),
    "a module that reads no gaps": (
        light(encoders=nn.Linear(2, 2)),
        {"ecg": np.where([True, False], ECG, NAN)},
        Y,
        ValueError,
        "the output of encoders must be finite .missing cells reach a module as nan",
    ),
    # structure
    "a structure by name": (
        light(structure="star"),
        X,
        Y,
        TypeError,
        "structure must be a FactorGraph or a function.*'star'",
    ),
    "a structure that makes nothing": (
        light(structure=lambda target, sources: None),
        X,
        Y,
        TypeError,
        "the result of structure must be a FactorGraph; got NoneType",
    ),
    "a structure without target": (
        light(structure=star(Variable("flu", 2), ["ecg", "labs"])),
        X,
        Y,
        ValueError,
        r"structure must have a variable 'target' with 2 states, one per class; got variables \{'flu': 2\}",
    ),
    "a structure of too many states": (
        light(structure=star(Variable("target", 3), ["ecg", "labs"])),
        X,
        Y,
        ValueError,
        r"structure must have a variable 'target' with 2 states, one per class; got variables \{'target': 3\}",
    ),
    "a label outside the states": (
        light(structure=star(Variable("target", 2, ("no", "yes")), ["ecg", "labs"])),
        X,
        np.array(["no", "perhaps"])[Y],
        ValueError,
        "structure must name the states of 'target' as the sorted labels of y, 'no', 'perhaps'; got 'no', 'yes'",
    ),
    "a structure that lacks a modality": (
        light(structure=FactorGraph([Variable("target", 2)], [Factor("ecg", ("target",))])),
        X,
        Y,
        ValueError,
        "structure must have a factor named after every modality; got none for 'labs'",
    ),
    "a modality with the name of the prior": (
        light(),
        {"prior": ECG},
        Y,
        ValueError,
        "leave the name 'prior' to the prior",
    ),
    # the rest
    "a random state by name": (
        FusionClassifier(random_state="seed"),
        X,
        Y,
        ValueError,
        "'seed' cannot be used to seed",
    ),
    "an unknown pool": (
        LateFusionClassifier(pool="median"),
        X,
        Y,
        ValueError,
        "pool must be one of 'mean', 'logarithmic'; got 'median'",
    ),
    "an early encoder by name": (
        EarlyFusionClassifier(encoder="tree"),
        X,
        Y,
        TypeError,
        "encoder must be a.*got 'tree'",
    ),
    "a hybrid's early encoder by name": (
        HybridFusionClassifier(encoders=GaussianNB(), early_encoder="tree"),
        X,
        Y,
        TypeError,
        "early_encoder must be a scikit-learn classifier.*got 'tree'",
    ),
}


@pytest.mark.parametrize("case", AT_FIT)
def test_fit_refuses_and_says_why(case):
    classifier, given, labels, error, message = AT_FIT[case]
    with pytest.raises(error, match=message):
        classifier.fit(given, labels)


AT_PREDICT = {
    "an unknown modality": (
        {"ekg": ECG},
        ValueError,
        r"each modality in X must be one of 'ecg', 'labs'; got 'ekg' \(did",
    ),
    "an unknown modality in a sample": ([{"ekg": None}], ValueError, "each modality in X must be one of 'ecg', 'labs'"),
    "another width": (
        {"ecg": LABS},
        ValueError,
        r"modality 'ecg' of X must have \(2,\) values per row, as in fit; got \(3,\)",
    ),
    "text": (
        {"ecg": pd.DataFrame({"a": ["u"], "b": [1.0]})},
        ValueError,
        "modality 'ecg' of X must hold numbers only, as in fit; got text or categories",
    ),
    "infinity": ({"ecg": ECG * np.inf}, ValueError, r"X\['ecg'\] must be finite, or nan where a cell is missing"),
    "no modality": ({}, ValueError, "X must hold at least one modality"),
    "no rows": ({"ecg": ECG[:0]}, ValueError, "X must hold at least one sample"),
    "a table": (ECG, ValueError, "each modality in X must be one of 'ecg', 'labs'; got 'features'"),
}


@pytest.fixture(scope="module")
def fitted():
    return light().fit(X, Y)


@pytest.mark.parametrize("case", AT_PREDICT)
def test_predict_refuses_what_does_not_fit_the_training_rows(fitted, case):
    given, error, message = AT_PREDICT[case]
    with pytest.raises(error, match=message):
        fitted.predict(given)


def test_columns_of_other_names_are_refused_and_columns_in_another_order_are_put_in_order():
    frames = {name: FRAME[group] for name, group in GROUPS.items()}
    levels = pd.concat(frames, axis=1)
    for given in (frames, levels):
        classifier = light(structure=star).fit(given, Y)
        expected = classifier.predict_proba(given)
        turned = {"labs": FRAME[["salt", "zinc", "iron"]], "ecg": FRAME[["pulse", "lead"]]}
        renamed = {"ecg": FRAME[GROUPS["ecg"]], "labs": FRAME[GROUPS["labs"]].rename(columns={"zinc": "gold"})}
        if given is levels:
            turned, renamed = pd.concat(turned, axis=1), pd.concat(renamed, axis=1)
        np.testing.assert_array_equal(classifier.predict_proba(turned), expected)
        with pytest.raises(
            ValueError, match=r"'labs' of X must have the columns 'zinc', 'iron', 'salt'.*got 'gold', 'iron'"
        ):
            classifier.predict_proba(renamed)
    classifier = light(GROUPS, structure=star).fit(FRAME, Y)
    with pytest.raises(ValueError, match="same order as they were in fit"):
        classifier.predict(FRAME[FRAME.columns[::-1]])
    with pytest.raises(ValueError, match=r"missing:\n- salt"):
        classifier.predict(FRAME.drop(columns="salt"))


def test_predict_before_fit_is_refused():
    with pytest.raises(NotFittedError):
        light().predict(X)


# a bare dict in cross-validation: scikit-learn takes its keys for rows, before any estimator is asked


def two_rows() -> tuple[dict[str, np.ndarray], np.ndarray]:
    """As many labels as keys, so that scikit-learn does not notice by the counts."""
    return {name: values[:2] for name, values in X.items()}, Y[:2]


@pytest.mark.parametrize(
    "use",
    [
        lambda X, y: cross_val_score(light(structure=star), X, y, cv=KFold(2)),
        lambda X, y: GridSearchCV(light(structure=star), {"random_state": [0]}, cv=KFold(2)).fit(X, y),
        lambda X, y: train_test_split(X, y),
    ],
    ids=["cross_val_score", "GridSearchCV", "train_test_split"],
)
def test_a_bare_dict_in_cross_validation_is_refused(use):
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples: \[2, 40\]"):
        use(X, Y)
    with pytest.raises(KeyError):
        use(*two_rows())
    batch = ModalityBatch(X)
    use(batch, Y)


def test_a_dict_that_was_not_split_with_its_labels_is_refused_with_the_advice():
    for train, _ in KFold(2).split(Y):
        with pytest.raises(ValueError, match=ADVICE):
            light().fit(X, Y[train])


def test_a_dict_numbered_like_rows_reaches_fit_as_a_list_and_is_refused_with_the_advice():
    numbered = dict(enumerate([ECG, ECG, ECG, ECG]))
    with pytest.raises(TypeError, match="ModalityBatch"):
        cross_val_score(light(), numbered, Y[:4], cv=KFold(2), error_score="raise")
