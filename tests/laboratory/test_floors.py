"""The floors that fusion has to beat, run again: those of an earlier study within our intervals, ours as recorded.

``floors.csv`` holds what another implementation measured (``reference``) and what the laboratory measured when the row
was written (``recorded``). To record anew: python -m tests.laboratory.test_floors FOLDER [STUDY ...]
"""

import json
import os
import sys
from functools import lru_cache
from pathlib import Path
from tempfile import mkdtemp

import pandas as pd
import pytest

from graphfuse.laboratory import BenchSettings
from graphfuse.laboratory.benchmark import run
from graphfuse.laboratory.plan import make_plan
from graphfuse.laboratory.report.sweeps import together
from graphfuse.laboratory.report.tables import means

PATH = Path(__file__).with_name("floors.csv")
FLOORS = pd.read_csv(PATH)
STUDIES = tuple(FLOORS["study"].unique())
DRIFT = 0.01  # by which a mean may differ between machines and versions of other libraries

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("GRAPHFUSE_DATA" not in os.environ, reason="GRAPHFUSE_DATA, the folder of the data, is not set"),
]


@lru_cache(maxsize=len(STUDIES))
def measured(study: str, out: str | None = None, jobs: int = 1) -> pd.DataFrame:
    """By model, test condition and metric the mean over splits and the half-width of its interval."""
    rows = FLOORS[FLOORS["study"] == study]
    first = rows.iloc[0]
    settings = BenchSettings(
        [first["data"]],
        [first["protocol"]],
        list(rows["model"].unique()),
        int(first["num_seeds"]),
        test_fraction=float(first["test_fraction"]),
        protocol_settings={first["protocol"]: json.loads(first["settings"])},
    )
    found = means(together(run(make_plan(settings), out or mkdtemp(), jobs)))
    return found.set_index(["model", "test", "metric"])[["mean", "half_width"]]


@pytest.mark.parametrize(
    "study", [study for study in STUDIES if FLOORS.set_index("study").loc[study, "reference"].notna().any()]
)
def test_the_means_of_another_implementation_lie_within_our_intervals(study):
    found = measured(study)
    outside = []
    for row in FLOORS[(FLOORS["study"] == study) & FLOORS["reference"].notna()].itertuples():
        mean, half_width = found.loc[(row.model, row.test, row.metric)]
        if not abs(mean - row.reference) <= half_width:
            outside.append(f"{row.model}, {row.test}, {row.metric}: {mean:.3f} ± {half_width:.3f}, not {row.reference}")
    assert not outside


@pytest.mark.parametrize("study", STUDIES)
def test_the_recorded_means_are_found_again(study):
    found = measured(study)
    for row in FLOORS[FLOORS["study"] == study].itertuples():
        assert found.loc[(row.model, row.test, row.metric), "mean"] == pytest.approx(row.recorded, abs=DRIFT), row


if __name__ == "__main__":
    out, *studies = sys.argv[1:]
    for name in studies or STUDIES:
        table = measured(name, f"{out}/{name}", jobs=2)
        for i, floor in FLOORS[FLOORS["study"] == name].iterrows():
            mean, half_width = table.loc[(floor["model"], floor["test"], floor["metric"])]
            FLOORS.loc[i, ["recorded", "half_width"]] = round(float(mean), 4), round(float(half_width), 4)
        FLOORS.to_csv(PATH, index=False)
        print(FLOORS[FLOORS["study"] == name].drop(columns=["data", "settings"]).to_string(), flush=True)
