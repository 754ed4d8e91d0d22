"""Rows whose confidence rises without a modality: counted by hand, and against exact posteriors."""

import pytest
import torch

from graphfuse.evaluation import confidence_rises
from tests.evaluation.predictions import logs, random_predictions

MORE = logs([0.9, 0.1], [0.6, 0.4], [0.5, 0.5], [0.2, 0.8])


def test_a_case_counted_by_hand():
    fewer = logs([0.7, 0.3], [0.2, 0.8], [0.5, 0.5], [0.9, 0.1])
    assert confidence_rises(MORE, fewer) == 0.5
    assert confidence_rises(fewer, MORE) == 0.25
    assert confidence_rises(MORE, MORE) == 0.0


def test_it_agrees_with_a_loop_over_rows():
    (more, _), (fewer, _) = random_predictions(4), random_predictions(4)
    fewer = fewer.flip(0)
    expected = sum(max(few) > max(many) for many, few in zip(more.exp().tolist(), fewer.exp().tolist(), strict=True))
    assert 0 < expected < 200
    assert confidence_rises(more, fewer) == pytest.approx(expected / 200)


def test_a_rise_within_the_tolerance_does_not_count():
    more, fewer = logs([0.6, 0.4]), logs([0.65, 0.35])
    assert confidence_rises(more, fewer, tolerance=0.04) == 1.0
    assert confidence_rises(more, fewer, tolerance=0.06) == 0.0
    assert confidence_rises(MORE.float(), MORE.float() - 1e-8) == 0.0


def test_exact_posteriors_rise_on_some_rows_and_not_on_average(generator):
    joint = torch.rand(2, 3, 4, generator=generator, dtype=torch.float64)  # of a class and two modalities
    joint /= joint.sum()
    more = (joint / joint.sum(0)).flatten(1).T.log()
    fewer = (joint.sum(2, keepdim=True) / joint.sum((0, 2), keepdim=True)).expand_as(joint).flatten(1).T.log()
    weights = joint.sum(0).flatten()
    assert confidence_rises(more, fewer) > 0
    assert weights @ fewer.exp().max(1).values <= weights @ more.exp().max(1).values


def test_predictions_that_do_not_match_are_refused():
    with pytest.raises(TypeError, match="log_probs_more must be a tensor; got list"):
        confidence_rises(MORE.tolist(), MORE)
    with pytest.raises(TypeError, match=r"log_probs_fewer must be of a floating-point dtype; got torch.int64"):
        confidence_rises(MORE, MORE.long())
    with pytest.raises(ValueError, match=r"log_probs_fewer must sum to one in every row after exp; got 3.565 in row 0"):
        confidence_rises(MORE, MORE.exp())
    with pytest.raises(ValueError, match=r"have the shape of log_probs_more, \(4, 2\); got \(3, 2\)"):
        confidence_rises(MORE, MORE[:3])
    with pytest.raises(ValueError, match=r"tolerance must be finite and not negative; got -0.1"):
        confidence_rises(MORE, MORE, tolerance=-0.1)
    with pytest.raises(ValueError, match="tolerance must be finite and not negative; got nan"):
        confidence_rises(MORE, MORE, tolerance=torch.nan)
