"""Rates outside [0, 1] or out of reach, unknown modalities and what else makes no mechanism are refused by name."""

import re

import pytest
import torch

from graphfuse.data import (
    MAR,
    MCAR,
    BlockPatterns,
    CellMCAR,
    ExactRate,
    LabelMNAR,
    ModalityBatch,
    MonotoneDropout,
    ValueMNAR,
)

BATCH = ModalityBatch({"age": torch.randn(6), "ecg": torch.randn(6, 2)}, targets={"ill": [0, 1, 0, 1, 2, -1]})
LISTED = "be one of 'age', 'ecg'; got 'ego' (did you mean 'ecg'?)."


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda rate: MCAR(rate), "rate must be between 0 and 1; got {}."),
        (lambda rate: MCAR({"age": rate}), "rate of 'age' must be between 0 and 1; got {}."),
        (lambda rate: CellMCAR({"age": rate}), "rate of 'age' must be between 0 and 1; got {}."),
        (lambda rate: ExactRate(rate), "rate must be between 0 and 1; got {}."),
        (lambda rate: MAR("age", ["ecg"], rate), "rate must be between 0 and 1; got {}."),
        (lambda rate: ValueMNAR("age", rate), "rate must be between 0 and 1; got {}."),
        (lambda rate: LabelMNAR("ill", {"age": (0.5, rate)}), "rates['age'][1] must be between 0 and 1; got {}."),
        (lambda rate: MonotoneDropout(["age"], rate), "rate must be between 0 and 1; got {}."),
        (lambda rate: BlockPatterns({("age",): rate}), "the probability of ('age',) must be between 0 and 1; got {}."),
    ],
)
@pytest.mark.parametrize("rate", [-0.1, 1.1, float("nan")], ids=str)
def test_a_rate_outside_zero_and_one_is_refused(make, message, rate):
    with pytest.raises(ValueError, match=f"^{re.escape(message.format(rate))}$"):
        make(rate)


@pytest.mark.parametrize("make", [MCAR, CellMCAR, ExactRate, lambda rate: MAR("age", ["ecg"], rate)])
def test_a_rate_that_is_no_number_is_refused(make):
    with pytest.raises(TypeError, match=r"^rate must be a number between 0 and 1; got '0\.5'\.$"):
        make("0.5")


@pytest.mark.parametrize(
    "mechanism, argument",
    [
        (MCAR({"ego": 0.5}), "each modality in rate"),
        (CellMCAR({"ego": 0.5}), "each modality in rate"),
        (MAR("ego", ["age"], 0.5), "modality"),
        (MAR("age", ["ego"], 0.5), "each of drivers"),
        (ValueMNAR("ego", 0.5), "modality"),
        (LabelMNAR("ill", {"ego": (0.5, 0.5, 0.5)}), "each modality in rates"),
        (BlockPatterns({("age", "ego"): 1.0}), "each modality in patterns"),
        (MonotoneDropout(["age", "ego"], 0.5), "each of order"),
    ],
)
def test_an_unknown_modality_is_refused_with_the_one_it_may_have_meant(mechanism, argument, generator):
    with pytest.raises(ValueError, match=f"^{re.escape(f'{argument} must {LISTED}')}$"):
        mechanism.apply(BATCH[:5], generator)


@pytest.mark.parametrize(
    "mechanism, message",
    [
        (
            ExactRate(0.51),
            "rate must be at most 0.5, the most that leaves one modality to each row that has any; got 0.51.",
        ),
        (LabelMNAR("well", {"age": (0.5,)}), "target must be one of 'ill'; got 'well'."),
        (
            LabelMNAR("ill", {"age": (0.5, 0.5, 0.5)}),
            "targets['ill'] must be known in every row (hide labels after modalities); got -1 in 1 of 6 rows.",
        ),
    ],
)
def test_what_the_batch_does_not_allow_is_refused(mechanism, message, generator):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        mechanism.apply(BATCH, generator)


def test_a_state_without_a_rate_is_refused(generator):
    message = "rates['age'] must hold a rate for each state of 'ill', up to state 2; got 2 rates."
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        LabelMNAR("ill", {"age": (0.5, 0.5)}).apply(BATCH[:5], generator)


@pytest.mark.parametrize(
    "make, error, message",
    [
        (lambda: MAR("age", "ecg", 0.5), TypeError, "drivers must be a sequence of names; got 'ecg'."),
        (lambda: MAR("age", [], 0.5), ValueError, "drivers must name at least one modality; got none."),
        (
            lambda: MAR("age", ["age"], 0.5),
            ValueError,
            "drivers must not hold the modality itself, 'age' (ValueMNAR depends on its own value); got ('age',).",
        ),
        (lambda: MAR("age", ["ecg"], 0.5, float("inf")), ValueError, "strength must be finite; got inf."),
        (lambda: ValueMNAR("age", 0.5, "strong"), TypeError, "strength must be a number; got 'strong'."),
        (
            lambda: LabelMNAR("ill", {"age": 0.5}),
            TypeError,
            "rates['age'] must be a sequence of a rate per state; got 0.5.",
        ),
        (lambda: LabelMNAR("ill", {"age": ()}), ValueError, "rates['age'] must hold a rate per state; got none."),
        (
            lambda: LabelMNAR("ill", [0.5]),
            TypeError,
            "rates must be a mapping from modalities to a rate per state; got list.",
        ),
        (lambda: BlockPatterns({"age": 1.0}), TypeError, "each pattern must be a sequence of names; got 'age'."),
        (
            lambda: BlockPatterns({("age",): 0.5, (): 0.4}),
            ValueError,
            "the probabilities of patterns must sum to 1; got 0.9.",
        ),
        (lambda: BlockPatterns({}), ValueError, "the probabilities of patterns must sum to 1; got 0."),
        (
            lambda: BlockPatterns({("age", "ecg"): 0.5, ("ecg", "age"): 0.5}),
            ValueError,
            "patterns must hold each set of modalities once; got ('ecg', 'age') twice.",
        ),
        (lambda: MonotoneDropout([], 0.5), ValueError, "order must name at least one modality; got none."),
        (lambda: MonotoneDropout(["a", "a"], 0.5), ValueError, "order must not repeat a name; got 'a' more than once."),
        (
            lambda: MonotoneDropout(["age"], {"ecg": 0.5}),
            ValueError,
            "each modality in rate must be one of 'age'; got 'ecg'.",
        ),
    ],
)
def test_settings_that_make_no_mechanism_are_refused(make, error, message):
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        make()


def test_cells_of_integers_cannot_be_lost(generator):
    batch = ModalityBatch({"image": torch.zeros(3, 4, dtype=torch.uint8)})
    message = (
        "inputs['image'] must be of floating point, or a DataFrame, to lose cells (leave the modality out of rate); "
        "got torch.uint8."
    )
    with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
        CellMCAR(0.5).apply(batch, generator)


@pytest.mark.parametrize(
    "mechanism, argument", [(MAR("x", ["note"], 0.5), "each of drivers"), (ValueMNAR("note", 0.5), "modality")]
)
def test_text_gives_no_score(mechanism, argument, generator):
    pandas = pytest.importorskip("pandas")
    batch = ModalityBatch({"x": torch.zeros(2), "note": pandas.DataFrame({"text": ["short", "long"]})})
    message = f"{argument} must hold numbers; got 'note', without a column of numbers."
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        mechanism.apply(batch, generator)
