"""The smallest change of evidence is the one that a search through all subsets finds."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
import torch

from graphfuse.explanations import smallest_change

from .models import MODELS, log_odds_of, rows_with_gaps, star_model
from .test_ledger import raw


def states_of(model, batch, kept):
    masks = {name: torch.full(batch.shape, name in kept) for name in batch.modalities}
    with torch.no_grad():
        return model(batch.keep(masks))["y"].argmax(-1).numpy()


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("num_states", [2, 3])
@pytest.mark.parametrize("max_removed", [None, 1])
def test_the_fewest_modalities_with_the_largest_swing_are_found(kind, num_states, max_removed):
    names = ["a", "b", "c", "d"]
    model = MODELS[kind](names, num_states, 3)
    batch = rows_with_gaps(names, 12, num_states, 3)
    found, first = smallest_change(model, batch, "y", max_removed), states_of(model, batch, names)
    assert found["removed"].notna().any()
    assert found["decision"].tolist() == first.tolist()
    for i in range(len(batch)):
        row = batch[i : i + 1]
        here = [name for name in names if row.present[name]]
        expected = None
        for size in range(1, min(len(here), max_removed or 4) + 1):
            able = []
            for removed in combinations(here, size):
                kept = [name for name in here if name not in removed]
                if states_of(model, row, kept)[0] != first[i]:
                    able.append((log_odds_of(model, row, kept, first[i])[0], removed))
            if able:
                expected = min(able)
                break
        if expected is None:
            assert found["removed"][i] is None and found["decision_after"][i] is None
            assert np.isnan(found["log_odds_after"][i])
            continue
        assert found["removed"][i] == expected[1]
        assert found["log_odds_after"][i] == pytest.approx(expected[0], abs=1e-9)
        assert found["log_odds"][i] == pytest.approx(log_odds_of(model, row, here, first[i])[0], abs=1e-9)


LOSS = pd.DataFrame([[0.0, 4.0, 2.0], [1.0, 0.0, 3.0], [0.9, 0.9, 0.9]], ["wait", "treat", "refer"])


@pytest.mark.parametrize("kind", MODELS)
def test_the_fewest_modalities_that_change_the_action_of_least_expected_loss_are_found(kind):
    names = ["a", "b", "c"]
    model, batch = MODELS[kind](names, 3, 3), rows_with_gaps(names, 12, 3, 3)
    found, table = smallest_change(model, batch, "y", loss=LOSS), LOSS.to_numpy()

    def risks(row, kept):
        masks = {name: torch.full(row.shape, name in kept) for name in names}
        with torch.no_grad():
            return table @ model(row.keep(masks))["y"].exp().numpy()[0]

    assert found["removed"].notna().any() and (found["decision"] == "refer").any()
    for i in range(len(batch)):
        row = batch[i : i + 1]
        here = [name for name in names if row.present[name]]
        first = int(risks(row, here).argmin())
        assert found["decision"][i] == LOSS.index[first]
        expected = None
        for size in range(1, len(here) + 1):
            after = {each: risks(row, set(here) - set(each)) for each in combinations(here, size)}
            able = {each: risk[first] - risk.min() for each, risk in after.items() if risk.argmin() != first}
            if able:
                expected = max(able, key=able.get)
                assert found["decision_after"][i] == LOSS.index[after[expected].argmin()]
                break
        assert found["removed"][i] == expected
        state = int(states_of(model, row, here)[0])
        assert found["log_odds"][i] == pytest.approx(log_odds_of(model, row, here, state)[0], abs=1e-9)
        if expected is not None:
            less = log_odds_of(model, row, set(here) - set(expected), state)[0]
            assert found["log_odds_after"][i] == pytest.approx(less, abs=1e-9)


def test_under_the_zero_one_loss_as_many_modalities_are_removed_as_without_a_loss():
    names = ["a", "b", "c", "d"]
    model, batch = MODELS["correlated"](names, 3, 3), rows_with_gaps(names, 12, 3, 3)
    found, plain = smallest_change(model, batch, "y", loss=1 - np.eye(3)), smallest_change(model, batch, "y")
    assert found["decision"].tolist() == plain["decision"].tolist()
    sizes = [[None if each is None else len(each) for each in table["removed"]] for table in (found, plain)]
    assert sizes[0] == sizes[1]


def test_a_row_without_modalities_has_a_decision_and_no_change():
    batch = rows_with_gaps(["a"], 3)
    found = smallest_change(star_model(["a"]), batch, "y")
    assert found["decision"][2] in (0, 1) and found["removed"][2] is None


def test_an_impossible_row_has_no_decision_and_proof_is_what_to_remove():
    model, batch = raw({"a": [[-np.inf, 0.0], [-np.inf, 0.0]], "b": [[0.0, -np.inf], [0.0, 0.0]]}, prior=(1.0, 0.0))
    found = smallest_change(model, batch, "y")
    assert found["decision"].tolist() == [None, 1] and found["removed"].tolist() == [None, ("a",)]
    assert np.isnan(found["log_odds"][0]) and found["log_odds"][1] == np.inf
    assert found["log_odds_after"][1] == pytest.approx(-1.0)


def test_a_bad_size_is_refused():
    with pytest.raises(ValueError, match="max_removed must be at least 1; got 0"):
        smallest_change(star_model(["a"]), rows_with_gaps(["a"]), "y", max_removed=0)
    with pytest.raises(ValueError, match=r"loss must have shape \(num_actions, 2\)"):
        smallest_change(star_model(["a"]), rows_with_gaps(["a"]), "y", loss=[[0.0, 1.0, 2.0]])
