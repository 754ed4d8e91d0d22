"""Factorizations of tables with gaps: against scikit-learn without gaps, and against what was planted with gaps."""

import numpy as np
import pytest
from scipy.optimize import nnls
from sklearn.datasets import load_digits
from sklearn.decomposition import NMF, TruncatedSVD

from graphfuse.encoders import fit_low_rank, fit_nonnegative

FITS = [fit_low_rank, fit_nonnegative]


def planted(draws, num_rows=100, num_columns=25, rank=3, gaps=0.4):
    """A table of low rank with parts at least zero, and the same with gaps."""
    table = draws.gamma(1.0, size=(num_rows, rank)) @ draws.gamma(1.0, size=(rank, num_columns))
    return table, np.where(draws.random(table.shape) < gaps, np.nan, table)


@pytest.mark.parametrize("num_components", [1, 4, 10])
@pytest.mark.parametrize("shape", [(60, 15), (15, 60)])
def test_without_gaps_or_ridge_it_is_the_truncated_decomposition(shape, num_components):
    table = np.random.default_rng(0).normal(size=shape) + 0.5
    fitted = fit_low_rank(table, num_components, ridge=0.0)
    expected = TruncatedSVD(num_components, algorithm="arpack").fit(table)
    np.testing.assert_allclose(fitted.singular_values, expected.singular_values_, rtol=1e-6)
    signs = np.sign((fitted.components * expected.components_).sum(1))
    np.testing.assert_allclose(fitted.components, expected.components_ * signs[:, None], atol=1e-5)
    np.testing.assert_allclose(fitted.transform(table), expected.transform(table) * signs, atol=1e-4)


@pytest.mark.parametrize("num_components", [2, 6])
def test_without_gaps_or_ridge_parts_reconstruct_as_well_as_those_of_scikit_learn(num_components):
    table = load_digits().data[:300]
    fitted = fit_nonnegative(table, num_components, ridge=0.0)
    error = np.linalg.norm(table - fitted.inverse_transform(fitted.transform(table)))
    expected = NMF(num_components, tol=1e-6, max_iter=2000).fit(table).reconstruction_err_
    assert error <= 1.002 * expected


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("seed", range(3))
def test_a_planted_table_is_recovered_where_two_cells_in_five_are_missing(fit, seed):
    table, gaps = planted(np.random.default_rng(seed))
    fitted = fit(gaps, 3, ridge=0.0)
    missing = np.isnan(gaps)
    recovered = fitted.inverse_transform(fitted.transform(gaps))
    assert np.abs(recovered - table)[missing].mean() < 1e-3 * table.mean()
    assert (
        np.abs(fit(gaps, 3).inverse_transform(fit(gaps, 3).transform(gaps)) - table)[missing].mean()
        < 0.02 * table.mean()
    )


@pytest.mark.parametrize("fit", FITS)
def test_new_rows_with_gaps_are_completed(fit):
    table, gaps = planted(np.random.default_rng(0), num_rows=140)
    fitted = fit(gaps[:100], 3, ridge=0.0)
    completed = fitted.inverse_transform(fitted.transform(gaps[100:]))
    enough = (~np.isnan(gaps[100:])).sum(1) >= 8
    assert np.abs(completed - table[100:])[enough].mean() < 0.01 * table.mean()


@pytest.mark.parametrize("fit", FITS)
def test_what_stands_in_a_gap_does_not_count_and_zeros_for_gaps_would(fit):
    table, gaps = planted(np.random.default_rng(0))
    missing = np.isnan(gaps)
    zeros = fit(np.where(missing, 0.0, table), 3)
    masked = fit(gaps, 3)
    error = [np.abs(each.inverse_transform(each.transform(gaps)) - table)[missing].mean() for each in (masked, zeros)]
    assert error[0] < 0.1 * error[1]


@pytest.mark.parametrize("fit", FITS)
def test_a_row_is_transformed_alone_as_in_its_place(fit):
    _, gaps = planted(np.random.default_rng(0))
    fitted = fit(gaps, 3)
    alone = np.concatenate([fitted.transform(row[None]) for row in gaps[:10]])
    np.testing.assert_allclose(fitted.transform(gaps)[:10], alone, atol=1e-8)
    assert fitted.transform(gaps[:0]).shape == (0, 3)


@pytest.mark.parametrize("fit", FITS)
def test_a_row_without_any_cell_has_scores_of_zero_and_one_cell_is_enough(fit):
    _, gaps = planted(np.random.default_rng(0))
    for ridge in (0.0, 0.1):
        fitted = fit(np.concatenate([gaps, np.full((2, 25), np.nan)]), 3, ridge=ridge)
        row = np.full((2, 25), np.nan)
        row[1, 4] = 2.0
        scores = fitted.transform(row)
        assert (scores[0] == 0).all() and np.isfinite(scores[1]).all()
        assert np.isclose(fitted.inverse_transform(scores)[1, 4], 2.0, rtol=0.1)


@pytest.mark.parametrize("fit", FITS)
def test_a_column_without_any_cell_is_taken_for_zero(fit):
    _, gaps = planted(np.random.default_rng(0))
    gaps[:, 7] = np.nan
    assert np.abs(fit(gaps, 3).components[:, 7]).max() < 1e-6


@pytest.mark.parametrize("fit", FITS)
def test_a_table_in_other_units_has_the_same_answer_in_those_units(fit):
    _, gaps = planted(np.random.default_rng(0))
    first, scaled = (fit(each, 3) for each in (gaps, gaps * 1000))
    completed = [
        each.inverse_transform(each.transform(table)) for each, table in ((first, gaps), (scaled, gaps * 1000))
    ]
    np.testing.assert_allclose(completed[1], completed[0] * 1000, rtol=1e-6)


def test_scores_of_rows_with_gaps_solve_their_regressions():
    _, gaps = planted(np.random.default_rng(0))
    low_rank, parts = fit_low_rank(gaps, 3, ridge=0.5), fit_nonnegative(gaps, 3, ridge=0.5)
    row = gaps[:1]
    seen = ~np.isnan(row[0])
    penalty = low_rank.penalty / low_rank.singular_values
    within = low_rank.components[:, seen]
    expected = np.linalg.solve(within @ within.T + np.diag(penalty), within @ row[0, seen])
    np.testing.assert_allclose(low_rank.transform(row)[0], expected, rtol=1e-8)
    design = np.concatenate([parts.components[:, seen].T, np.sqrt(parts.penalty) * np.eye(3)])
    expected, _ = nnls(design, np.concatenate([row[0, seen], np.zeros(3)]))
    np.testing.assert_allclose(parts.transform(row)[0], expected, atol=1e-7)


def test_components_are_orthonormal_and_singular_values_fall():
    _, gaps = planted(np.random.default_rng(0))
    fitted = fit_low_rank(gaps, 3)
    np.testing.assert_allclose(fitted.components @ fitted.components.T, np.eye(3), atol=1e-12)
    assert (np.diff(fitted.singular_values) < 0).all()


def test_parts_and_scores_are_at_least_zero():
    _, gaps = planted(np.random.default_rng(0))
    fitted = fit_nonnegative(gaps, 4)
    assert fitted.components.min() >= 0 and fitted.transform(gaps).min() >= 0


REFUSED = {
    "shape": (np.zeros(3), 1, r"values must have shape \(rows, columns\); got \(3,\)"),
    "infinity": (np.array([[1.0, np.inf]]), 1, "values must be finite, or nan where a cell is missing; got infinity"),
    "rank": (np.ones((4, 3)), 4, "num_components must be at most 3, the smaller side of values; got 4"),
    "no component": (np.ones((4, 3)), 0, "num_components must be at least 1; got 0"),
    "nothing observed": (np.full((4, 3), np.nan), 1, "values must have an observed cell; got none"),
}


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("case", REFUSED)
def test_a_table_that_cannot_be_factorized_is_refused(fit, case):
    values, num_components, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        fit(values, num_components)


@pytest.mark.parametrize("fit", FITS)
def test_a_bad_ridge_another_width_and_negative_parts_are_refused(fit):
    with pytest.raises(ValueError, match=r"ridge must be finite and at least 0; got -1\.0"):
        fit(np.ones((4, 3)), 1, ridge=-1.0)
    with pytest.raises(ValueError, match="values must have 3 columns, as in fit; got 2"):
        fit(np.ones((4, 3)), 1).transform(np.ones((4, 2)))
    if fit is fit_nonnegative:
        with pytest.raises(ValueError, match=r"values must be at least 0; got -2\.0"):
            fit(np.array([[1.0, -2.0]]), 1)
