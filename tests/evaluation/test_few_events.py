"""Too few events are told from enough, and only of them is there a warning."""

import warnings

import pytest
import torch

from graphfuse.decisions import decision_curve
from graphfuse.evaluation import too_few, warn_of_few


def states(events, others):
    return torch.tensor([1] * events + [0] * others)


@pytest.mark.parametrize(
    ("events", "others", "kind"),
    [(10, 10, None), (9, 10, "events"), (10, 9, "non-events"), (0, 500, "events"), (500, 0, "non-events")],
)
def test_ten_of_either_kind_are_enough(events, others, kind):
    assert too_few(states(events, others)) == kind
    with warnings.catch_warnings(record=True, action="always") as found:
        warn_of_few(states(events, others))
    assert len(found) == (kind is not None)


def test_all_other_classes_are_non_events():
    of_three = torch.tensor([0] * 6 + [1] * 6 + [2] * 30)
    assert [too_few(of_three, positive) for positive in range(3)] == ["events", "events", None]


def test_who_asks_for_a_decision_curve_of_few_is_warned_once():
    some = states(8, 40)
    log_probs = torch.rand(48, 2, generator=torch.Generator().manual_seed(0)).log_softmax(1)
    with pytest.warns(UserWarning, match="states hold 8 events and 40 non-events") as found:
        decision_curve(log_probs, some, [0.2, 0.4], torch.Generator().manual_seed(0), num_resamples=10)
    assert len(found) == 1 and found[0].filename == __file__
