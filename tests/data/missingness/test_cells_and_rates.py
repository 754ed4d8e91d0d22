"""Cells go missing in tensors and DataFrames; the rates reported are those of pandas."""

import pandas as pd
import pytest
import torch

from graphfuse.data import (
    CellMCAR,
    ModalityBatch,
    drop_modalities,
    missing_rates,
    realised_cell_rates,
    realised_rates,
)

NUM_ROWS = 5000


def mixed(num_rows=NUM_ROWS):
    frame = pd.DataFrame(
        {
            "pain": ["typical", None, "none", "typical"] * (num_rows // 4),
            "visits": range(num_rows),
            "sex": pd.Categorical(["f", "m"] * (num_rows // 2)),
            "smokes": [True, False] * (num_rows // 2),
        },
        index=range(7, 7 + num_rows),
    )
    return ModalityBatch({"history": frame, "blood": torch.randn(num_rows, 3)}, columns={"blood": ["na", "k", "zn"]})


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16], ids=str)
@pytest.mark.parametrize("shape", [(), (2,), (3, 2)], ids=str)
def test_each_cell_is_lost_at_the_rate_and_a_row_without_cells_loses_the_modality(dtype, shape, generator):
    batch = ModalityBatch({"x": torch.ones(NUM_ROWS, *shape, dtype=dtype)})
    found = CellMCAR(0.4).apply(batch, generator)
    cells = found.inputs["x"].reshape(NUM_ROWS, -1)
    assert cells.dtype == dtype
    margin = 5 * (0.24 / cells.numel()) ** 0.5
    assert cells.isnan().double().mean().item() == pytest.approx(0.4, abs=margin)
    assert realised_cell_rates(batch, found)["x"] == pytest.approx(cells.isnan().double().mean().item())
    assert torch.equal(found.present["x"], ~cells.isnan().all(-1))
    assert not cells[~cells.isnan()].ne(1).any()


def test_cells_of_a_data_frame_are_lost_and_the_others_keep_their_values(generator):
    batch = mixed()
    found = CellMCAR({"history": 0.5}).apply(batch, generator)
    before, after = batch.inputs["history"], found.inputs["history"]
    assert list(after.columns) == list(before.columns) and after.index.equals(before.index)
    assert after["sex"].dtype == before["sex"].dtype
    for column in before:
        kept = after[column].notna()
        assert (after[column][kept] == before[column][kept]).all()
        share = 1 - kept.sum() / before[column].notna().sum()
        assert share == pytest.approx(0.5, abs=5 * 0.5 / (0.75 * NUM_ROWS) ** 0.5)
    assert found.present["history"].tolist() == after.notna().any(axis=1).tolist()
    assert found.inputs["blood"] is batch.inputs["blood"]
    assert found.columns == batch.columns


def test_a_modality_given_back_has_the_cells_that_it_had(generator):
    batch = mixed()
    found = CellMCAR(1.0, at_least_one=True).apply(batch, generator)
    history, blood = found.present["history"], found.present["blood"]
    assert (history ^ blood).all()
    pd.testing.assert_frame_equal(
        found.inputs["history"][history.numpy()], batch.inputs["history"][history.numpy()], check_dtype=False
    )
    assert found.inputs["history"][~history.numpy()].isna().all(axis=None)
    assert torch.equal(found.inputs["blood"][blood], batch.inputs["blood"][blood])
    assert found.inputs["blood"][~blood].isnan().all()


@pytest.mark.parametrize("at_least_one", [False, True])
def test_a_single_row_of_a_data_frame_loses_cells_as_well(at_least_one, generator):
    row = mixed(8)[2]
    found = CellMCAR(1.0, at_least_one=at_least_one).apply(row, generator)
    assert found.shape == ()
    assert sum(bool(mask) for mask in found.present.values()) == at_least_one


def test_gradients_reach_the_cells_that_are_left(generator):
    values = torch.ones(20, 3, requires_grad=True)
    found = CellMCAR(0.5).apply(ModalityBatch({"x": values}), generator).inputs["x"]
    found.nansum().backward()
    assert torch.equal(values.grad, (~found.isnan()).float())


def test_rates_reported_are_those_of_pandas(generator):
    before = CellMCAR(0.3).apply(mixed(), generator)
    after = drop_modalities(before, 0.4, generator)
    had, has = before.to_frame().notna(), after.to_frame().notna()
    for name in before.modalities:
        row_had, row_has = had[name].any(axis=1), has[name].any(axis=1)
        assert missing_rates(after)[name] == pytest.approx(1 - row_has.mean())
        assert realised_rates(before, after)[name] == pytest.approx(1 - row_has.sum() / row_had.sum())
        lost = 1 - has[name].sum(axis=None) / had[name].sum(axis=None)
        assert realised_cell_rates(before, after)[name] == pytest.approx(lost)


def test_no_rows_have_no_rate():
    batch = ModalityBatch({"x": torch.zeros(0, 2)})
    for rates in (missing_rates(batch), realised_rates(batch, batch), realised_cell_rates(batch, batch)):
        assert rates["x"] != rates["x"]


@pytest.mark.parametrize("report", [realised_rates, realised_cell_rates])
def test_batches_that_do_not_match_are_refused(report):
    batch = ModalityBatch({"x": torch.zeros(4), "y": torch.zeros(4)})
    with pytest.raises(ValueError, match=r"^after must have the batch shape \(4,\) of before; got \(3,\)\.$"):
        report(batch, batch[:3])
    with pytest.raises(ValueError, match=r"^each modality of before must be one of 'x'; got 'y'\.$"):
        report(batch, batch.select(["x"]))
    with pytest.raises(TypeError, match=r"^after must be a ModalityBatch; got dict\.$"):
        report(batch, {})
