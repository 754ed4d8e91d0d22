"""The items of TRIPOD+AI: what each asks for, in short, and where the page answers it, or why it does not."""

from __future__ import annotations

from collections.abc import Mapping

from .measures import text_table
from .page import anchor

INTRODUCTION = (
    "What the statement asks of whoever reports a prediction model, in our words; the items have its numbers. Where "
    "this page says nothing, the table says why."
)
REFERENCE = (
    "Collins et al. (2024), TRIPOD+AI statement: updated guidance for reporting clinical prediction models that use "
    "regression or machine learning methods. BMJ 385:e078378 ([references](references.bib))."
)


def items(titles: Mapping[str, str], hospitals: bool, grouped: bool) -> str:
    """The table of the 52 items.

    Args:
        titles: By short name, the heading of each section of the page.
        hospitals: Whether the data name hospitals.
        grouped: Whether the data name sex and age.
    """
    see = {name: f"[{title}]({anchor(title)})" for name, title in titles.items()}
    files = "not in the files; see the source"
    rows = [
        ("1", "title: model, population, outcome", "title and first lines"),
        ("2", "abstract", see["short"]),
        (
            "3a",
            "context, reason, models before this",
            "an example of a library, so no clinical reason; models before: not reviewed",
        ),
        ("3b", "target population, purpose, users", "none: not for use with patients"),
        ("3c", "known inequalities in health", "not reviewed"),
        ("4", "aims: development, evaluation or both", f"both; {see['methods']}"),
        ("5a", "sources of the data, whom they stand for", f"{see['data']}, {see['left']}"),
        ("5b", "dates of collection", files),
        ("6a", "setting, centres", see["data"]),
        ("6b", "who was eligible", files),
        ("6c", "treatments", files),
        ("7", "preparation and checks of the data", f"{see['data']}; the same for all groups"),
        ("8a", "outcome: what, when, how assessed", f"{see['data']}; how it was read: {files}"),
        ("8b", "who judged the outcome", files),
        ("8c", "blinding of the outcome", files),
        ("9a", "which predictors to begin with", "all columns of the source in use; none was selected before"),
        ("9b", "definition of predictors", f"{see['data']}; units in the header of the data set's file"),
        ("9c", "who judged the predictors", files),
        ("10", "size of the study", f"all patients of the source; no calculation of size; {see['data']}"),
        ("11", "missing data", f"{see['data']}, {see['methods']}"),
        ("12a", "use of the data, partition", see["methods"]),
        (
            "12b",
            "how predictors enter",
            f"scaled and coded by their experts within the training rows; {see['methods']}",
        ),
        ("12c", "kind of model, all steps, tuning, validation", see["methods"]),
        ("12d", "differences between clusters", f"{see['elsewhere']}" if hospitals else "one clinic"),
        ("12e", "measures and plots", see["methods"]),
        ("12f", "updating after evaluation", "none"),
        ("12g", "how predictions are computed", "`predict_log_proba` of the fitted object"),
        ("13", "class imbalance", "nothing was resampled or reweighted"),
        ("14", "fairness", f"looked at, not acted upon: {see['groups']}" if grouped else "the data name no group"),
        (
            "15",
            "output, classification, thresholds",
            f"probabilities; thresholds from stated losses: {see['decisions']}",
        ),
        (
            "16",
            "training against evaluation data",
            f"{see['data']}, {see['elsewhere']}" if hospitals else "random folds of the same data",
        ),
        ("17", "ethical approval, consent", "public data without names; approvals of the studies: " + files),
        ("18a", "funding", "not stated: an example of a library"),
        ("18b", "conflicts of interest", "not stated: an example of a library"),
        ("18c", "protocol", "none was prepared"),
        ("18d", "registration", "not registered"),
        ("18e", "data", f"public; {see['data']}"),
        ("18f", "code", "`examples/medical_walkthrough.py` writes this page"),
        ("19", "patients and public", "not involved"),
        ("20a", "flow of participants", f"nobody was left out: {see['data']}"),
        ("20b", "characteristics, by source", see["data"]),
        (
            "20c",
            "evaluation beside development data",
            f"by hospital: {see['data']}" if hospitals else "random folds of the same data",
        ),
        ("21", "participants and events of each analysis", "the columns n of every table"),
        ("22", "the full model", f"the script fits it in minutes; {see['graph']}"),
        ("23a", "performance with intervals, by groups", f"{see['performance']}, {see['curve']}, {see['groups']}"),
        ("23b", "performance by cluster", see["elsewhere"] if hospitals else "one clinic"),
        ("24", "results of updating", "no model was updated"),
        ("25", "interpretation", f"{see['short']}, {see['elsewhere']}, {see['groups']}"),
        ("26", "limitations", see["left"]),
        ("27a", "poor or missing input in use", f"a missing test says nothing; contradictions: {see['patient']}"),
        ("27b", "what users must do and know", "none: not for use with patients"),
        ("27c", "next steps", see["left"]),
    ]
    table = text_table(["item", "asks for", "where, or why not"], rows)
    return f"{INTRODUCTION}\n\n{table}\n\n{REFERENCE}"
