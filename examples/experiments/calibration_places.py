"""How far is the calibration error of a model from what chance alone would show, place by place?

python examples/experiments/calibration_places.py FOLDER [FOLDER ...] [--model NAME]

Reads the cells of finished runs of `graphfuse bench`; each folder is named as the settings that made it in
examples/laboratory. `ECE` is of the confidence of all test rows of all splits together, in fifteen bins; `by chance` is
what a calibrated model that is as sure would show; `best other` and `median other` are those of the other models but
the prior. Nothing is fitted.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from statistics import median

from graphfuse.evaluation import chance_calibration_error, pooled_calibration_error
from graphfuse.laboratory.benchmark import read, read_settings
from graphfuse.laboratory.plan import make_plan
from graphfuse.laboratory.report.tables import calibration_errors

SETTINGS = Path(__file__).parents[1] / "laboratory"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="where a run wrote its cells")
    parser.add_argument("--model", default="graph-fusion")
    arguments = parser.parse_args()
    print("| run | data | tested on | ECE | by chance | best other | median other |")
    print("| --- | --- | --- | --: | --: | --: | --: |")
    for folder in arguments.folders:
        settings, _ = read_settings(SETTINGS / f"{folder.name}.toml")
        results = read(make_plan(settings), folder)
        found, chance = (
            calibration_errors(results, error) for error in (pooled_calibration_error, chance_calibration_error)
        )
        for (*place, model), error in found.items():
            if model == arguments.model:
                others = [found[key] for key in found if list(key[:-1]) == place and key[-1] not in (model, "prior")]
                numbers = [error, chance[(*place, model)], min(others), median(others)]
                cells = [folder.name, place[0], place[-1], *(f"{number:.3f}" for number in numbers)]
                print("|", " | ".join(map(str, cells)), "|")


if __name__ == "__main__":
    main()
