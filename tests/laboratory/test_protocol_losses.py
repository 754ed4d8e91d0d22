"""What goes missing under each protocol, counted independently: rates, subsets, cells, losses by class."""

from dataclasses import replace
from itertools import chain, combinations
from math import sqrt

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphfuse import Variable
from graphfuse.data import Dataset, ModalityBatch, drop_modalities, load
from graphfuse.laboratory.protocols.cells_or_modalities import CellsOrModalities
from graphfuse.laboratory.protocols.conflict import Conflict
from graphfuse.laboratory.protocols.imbalanced_rates import ImbalancedRates
from graphfuse.laboratory.protocols.mismatched_rates import MismatchedRates
from graphfuse.laboratory.protocols.missing_rates import MissingRates
from graphfuse.laboratory.protocols.mnar import Mnar
from graphfuse.laboratory.protocols.modality_subsets import ModalitySubsets
from tests.laboratory.rows import differences, masks, mixed, numbered, states, together

ONE = Dataset("single", ModalityBatch({"age": [1.0, 2.0]}, targets={"y": [0, 1]}), Variable("y", 2))


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def halves(dataset, num_train=None):
    num_train = num_train or len(dataset) * 2 // 3
    return dataset[:num_train], dataset[num_train:]


def lost_share(before, after):
    return (masks(before) & ~masks(after)).sum() / masks(before).sum()


def most(*datasets):
    """The share that can go missing if each row keeps one, counted row by row."""
    rows = [row for dataset in datasets for row in masks(dataset).T.tolist()]
    return sum(max(sum(row) - 1, 0) for row in rows) / max(sum(map(sum, rows)), 1)


def close(found, expected, num, deviations=5):
    return abs(found - expected) <= deviations * sqrt(max(expected * (1 - expected), 1e-9) / num)


# missing_rates, mismatched_rates


@pytest.mark.parametrize(
    ("num_modalities", "expected"),
    [
        (2, ("rate 0.00", "rate 0.30", "rate 0.50")),
        (3, ("rate 0.00", "rate 0.30", "rate 0.60", "rate 0.67")),
        (6, ("rate 0.00", "rate 0.30", "rate 0.60", "rate 0.70")),
    ],
)
def test_rates_stop_at_seven_tenths_or_at_one_modality_a_row(num_modalities, expected):
    data = numbered(300, num_modalities, 2)
    protocol = MissingRates((0.0, 0.3, 0.6, 0.8, 0.9))
    assert protocol.conditions(data) == expected
    train, test = halves(data)
    for condition in expected:
        trial = protocol.draw(train, test, condition, seeded())
        rate = min(float(condition[5:]), (num_modalities - 1) / num_modalities)
        for before, after in ((train, trial.train), (test, trial.tests[condition])):
            num_entries = num_modalities * len(before)
            assert (~masks(after)).sum() == round(rate * num_entries)
            assert masks(after).any(0).all()
        assert trial.levels == {condition: float(condition[5:])}


@settings(max_examples=60, deadline=None)
@given(
    num_modalities=st.integers(2, 5),
    num_rows=st.integers(2, 40),
    gaps=st.sampled_from([0.0, 0.3, 0.6, 0.9]),
    rate=st.integers(0, 100).map(lambda each: each / 100),
    seed=st.integers(0, 1000),
)
def test_natural_gaps_never_make_a_rate_unreachable(num_modalities, num_rows, gaps, rate, seed):
    train, test = (numbered(num_rows + extra, num_modalities, 2, seed + extra, gaps) for extra in (0, 3))
    (condition,) = MissingRates((rate,)).conditions(together(train, test))
    assert condition == f"rate {min(rate, round(min(0.7, most(train, test)), 2)):.2f}"
    trial = MissingRates((rate,)).draw(train, test, condition, seeded(seed))
    lost = min(float(condition[5:]), most(train), most(test))
    for before, after in ((train, trial.train), (test, trial.tests[condition])):
        assert (masks(before) & ~masks(after)).sum() == pytest.approx(lost * masks(before).sum(), abs=0.5 + 1e-6)
        assert (masks(before).any(0) == masks(after).any(0)).all()


def test_every_training_rate_meets_every_test_rate():
    data = numbered(600, 4, 2)
    train, test = halves(data)
    protocol = MismatchedRates((0.0, 0.4), (0.2, 0.6, 0.9))
    assert protocol.conditions(data) == ("rate 0.00", "rate 0.40")
    tests = {}
    for condition, rate in (("rate 0.00", 0.0), ("rate 0.40", 0.4)):
        trial = protocol.draw(train, test, condition, seeded())
        assert lost_share(train, trial.train) == pytest.approx(rate)
        assert trial.levels == {"rate 0.20": 0.2, "rate 0.60": 0.6, "rate 0.70": 0.7}
        for name, rows in trial.tests.items():
            assert lost_share(test, rows) == pytest.approx(trial.levels[name], abs=1e-3)
        tests[condition] = trial.tests
    for name, rows in tests["rate 0.00"].items():
        assert not differences(rows.batch, tests["rate 0.40"][name].batch)  # one seed, the same test rows


def test_two_rates_above_the_maximum_are_one():
    assert MissingRates((0.3, 0.8, 0.9)).conditions(numbered(10, 2, 2)) == ("rate 0.30", "rate 0.50")
    assert MismatchedRates((0.8, 0.9)).conditions(numbered(10, 2, 2)) == ("rate 0.50",)


# modality_subsets


@pytest.mark.parametrize("num_modalities", [2, 3, 5])
def test_every_subset_is_asked_and_the_full_set_first(num_modalities):
    train, test = halves(numbered(60, num_modalities, 2, gaps=0.3))
    names = test.batch.modalities
    trial = ModalitySubsets().draw(train, test, "complete", seeded())
    subsets = list(chain.from_iterable(combinations(names, size) for size in range(1, num_modalities + 1)))
    assert set(trial.tests) == {"+".join(subset) for subset in subsets}
    assert next(iter(trial.tests)) == "+".join(names) and trial.train is train
    for subset in subsets:
        rows = trial.tests["+".join(subset)]
        expected = masks(test) & np.array([name in subset for name in names])[:, None]
        assert np.array_equal(masks(rows), expected) and trial.levels["+".join(subset)] == len(subset)


@settings(max_examples=40, deadline=None)
@given(num_modalities=st.integers(2, 9), max_subsets=st.integers(1, 80), seed=st.integers(0, 100))
def test_many_subsets_are_sampled_beside_the_full_set_singles_and_leave_one_outs(num_modalities, max_subsets, seed):
    train, test = halves(numbered(6, num_modalities, 2))
    names = test.batch.modalities
    found, again = (ModalitySubsets(max_subsets).draw(train, test, "complete", seeded(seed)) for _ in range(2))
    needed = {"+".join(s) for size in (1, num_modalities - 1, num_modalities) for s in combinations(names, size)}
    assert list(found.tests) == list(again.tests)
    assert next(iter(found.tests)) == "+".join(names) and needed <= set(found.tests)
    assert len(found.tests) == min(2**num_modalities - 1, max(max_subsets, len(needed)))
    assert all(set(name.split("+")) <= set(names) for name in found.tests)


def test_names_of_modalities_that_subsets_would_confuse_are_refused():
    data = Dataset("visits", ModalityBatch({"a": [0.0], "a+b": [0.0]}, targets={"y": [0]}), Variable("y", 2))
    assert ModalitySubsets().refusal(data) == "names of subsets join modalities by '+', which 'a+b' of 'visits' holds"


# imbalanced_rates


def test_rates_ascend_or_descend_and_the_equal_ones_have_their_mean():
    data = numbered(30_000, 7, 2)
    train, test = halves(data)
    for condition, rates in (("ascending", np.arange(1, 8) / 10), ("descending", np.arange(7, 0, -1) / 10)):
        trial = ImbalancedRates().draw(train, test, condition, seeded())
        assert tuple(trial.tests) == ("same rates", "equal rates", "complete")
        assert trial.tests["complete"] is test
        for rows, expected in (
            (trial.train, rates),
            (trial.tests["same rates"], rates),
            (trial.tests["equal rates"], np.full(7, 0.4)),
        ):
            slack = 0.005  # rows that lost everything got one back
            assert np.abs((~masks(rows)).mean(1) - expected).max() < slack + 5 * 0.5 / sqrt(len(rows))
            assert masks(rows).any(0).all()


@settings(max_examples=40, deadline=None)
@given(
    num_rows=st.integers(2, 60),
    gaps=st.sampled_from([0.0, 0.4, 0.8]),
    share=st.sampled_from([0.0, 0.15, 0.5, 1.0]),
    seed=st.integers(0, 1000),
)
def test_few_rows_have_the_last_modality_where_it_is_severely_missing(num_rows, gaps, share, seed):
    train, test = (numbered(num_rows + extra, 3, 2, seed + extra, gaps) for extra in (0, 2))
    trial = ImbalancedRates(severe_present=share).draw(train, test, "severe", seeded(seed))
    assert tuple(trial.tests) == ("same rates", "complete") and trial.tests["complete"] is test
    for before, after in ((train, trial.train), (test, trial.tests["same rates"])):
        had, has = masks(before), masks(after)
        only_last = (had[2] & ~had[:2].any(0)).sum()
        assert has[2].sum() == min(had[2].sum(), max(round(share * len(before)), only_last))
        assert np.array_equal(had[:2], has[:2]) and not (has[2] & ~had[2]).any()


# cells_or_modalities


def cell_shares(before, after):
    """By modality, the share of its observed cells that went, counted over arrays."""
    shares = []
    for name in before.batch.modalities:
        counts = []
        for rows in (before, after):
            value, present = rows.batch.inputs[name], rows.batch.present[name].numpy()
            seen = value.notna().to_numpy() if isinstance(value, pd.DataFrame) else ~value.isnan().numpy()
            counts.append((seen.reshape(len(rows), -1) & present[:, None]).sum())
        shares.append(1 - counts[1] / counts[0])
    return np.array(shares)


@pytest.mark.parametrize("data", [load("breast_cancer"), mixed(3000)], ids=lambda data: data.name)
def test_cells_and_modalities_lose_the_same_share(data):
    train, test = halves(data)
    protocol = CellsOrModalities((0.2, 0.4))
    conditions = protocol.conditions(data)
    assert conditions[0] == "complete" and len(conditions) == 2 * (len(conditions) // 2) + 1
    for condition in conditions:
        trial = protocol.draw(train, test, condition, seeded())
        assert set(trial.tests) == set(conditions) and next(iter(trial.tests)) == "complete"
        assert trial.tests["complete"] is test and (trial.train is train) == (condition == "complete")
    for level in {name.partition(" ")[2] for name in conditions[1:]}:
        whole, cells = (
            cell_shares(train, protocol.draw(train, test, f"{kind} {level}", seeded()).train)
            for kind in ("modalities", "cells")
        )
        assert np.abs(whole - cells).max() < 0.02
        if data.name == "breast_cancer":  # each of 30 columns, no gaps: the rate itself
            assert whole.mean() == pytest.approx(float(level), abs=1e-3)


def test_whole_modalities_are_lost_whole_and_cells_one_by_one():
    data = load("breast_cancer")
    train, test = halves(data)
    trial = CellsOrModalities((0.3,)).draw(train, test, "cells 0.30", seeded())
    for name, value in trial.tests["modalities 0.30"].batch.inputs.items():
        assert value is test.batch.inputs[name]
    broken = trial.tests["cells 0.30"].batch.inputs["mean"].isnan().sum(1)
    assert len(set(broken.tolist())) > 3 and close(float(broken.double().mean()) / 10, 0.3, 10 * len(test))


def test_integers_cannot_lose_cells():
    batch = ModalityBatch({"age": [1.0], "token": [1]}, targets={"y": [0]})
    refusal = CellsOrModalities().refusal(Dataset("visits", batch, Variable("y", 2)))
    assert refusal == "cells must be able to be missing; 'token' of 'visits' is a tensor of torch.int64"


# mnar


@pytest.mark.parametrize("num_classes", [2, 3, 4, 5])
def test_the_first_modality_goes_missing_by_class(num_classes):
    train, test = halves(numbered(60_000, 3, num_classes))
    trial = Mnar().draw(train, test, "MNAR", seeded())
    assert tuple(trial.tests) == ("same", "MCAR", "flipped")
    num_upper = num_classes // 2
    by_label = [0.1] * (num_classes - num_upper) + [0.8] * num_upper
    expected = {
        "train": by_label,
        "same": by_label,
        "MCAR": [0.45] * num_classes,
        "flipped": [0.8 if rate == 0.1 else 0.1 for rate in by_label],
    }
    for name, rows in {"train": trial.train, **trial.tests}.items():
        assert masks(rows).any(0).all()
        for state, rate in enumerate(expected[name]):
            of_class = ~masks(rows)[:, states(rows) == state]
            num_rows = of_class.shape[1]
            # of the rows that lose all three, a third gets each modality back
            given_back = rate * 0.2 * 0.2 / 3
            assert close(of_class[0].mean(), rate - given_back, num_rows)
            assert close(of_class[1].mean(), 0.2 - given_back, num_rows)
            assert close(of_class[2].mean(), 0.2 - given_back, num_rows)


@pytest.mark.parametrize(
    "kind", [MissingRates, MismatchedRates, ModalitySubsets, ImbalancedRates, CellsOrModalities, Mnar, Conflict]
)
def test_one_modality_is_too_few(kind):
    assert kind().refusal(ONE) == "it takes two modalities; 'single' has one, 'age'"
    assert kind().refusal(numbered(4, 2, 2)) is None


def test_rows_with_nothing_at_all_are_carried_along():
    data = numbered(60, 3, 2)
    emptied = replace(data, batch=drop_modalities(data.batch, 1.0, seeded()))
    for protocol in (MissingRates(), MismatchedRates(), ImbalancedRates(), CellsOrModalities(), Mnar(), Conflict()):
        for condition in protocol.conditions(emptied):
            for rows in protocol.draw(emptied, emptied, condition, seeded()).tests.values():
                assert len(rows) == 60 and not masks(rows).any()
