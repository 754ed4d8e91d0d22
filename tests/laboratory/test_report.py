"""The report of a run, of made-up cells whose numbers are known."""

import io
import math
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from graphfuse.evaluation import (
    area_under_levels,
    corrected_t_test,
    effective_robustness,
    holm,
    mean_interval,
    mean_ranks,
)
from graphfuse.laboratory.report import figures, sections, summary, tables, write_report
from graphfuse.laboratory.report.figures import parse_subsets
from graphfuse.laboratory.report.reading import METRICS, metric
from graphfuse.laboratory.report.sweeps import TOGETHER, sweeps, together
from graphfuse.laboratory.results import Results
from tests.laboratory.report_results import MODELS, made_up
from tests.pages.test_page import Elements, overflow

SMALL = {"x": ("image", "text")}
EVIL = "<script>alert(1)</script>"
PLACE = ("x", "mismatched_rates", "complete")


@pytest.fixture(scope="module")
def results():
    return made_up(SMALL, failed=[("hgb-native-nan", 2)])


def one(table, **where):
    """The one row with these values."""
    for name, value in where.items():
        table = table[table[name] == value]
    assert len(table) == 1
    return table.iloc[0]


def values_of(results, name, model, test):
    scores = results.scores
    at = (scores["protocol"] == "mismatched_rates") & (scores["condition"] == "complete") & (scores["metric"] == name)
    return scores[at & (scores["model"] == model) & (scores["test"] == test)].set_index("split")["value"]


def place(test):
    return dict(zip(tables.PLACE, (*PLACE, test), strict=True))


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A report with names that are long or hostile, and models that failed."""
    models = (*MODELS, *(f"a network of a long name {i}" for i in range(2)), EVIL, "$x_", "_y")
    data, protocols = {EVIL: ("image", "text")}, ("missing_rates", "modality_subsets")
    results = made_up(data, protocols, models, num_splits=2, failed=["prior"])
    folder = tmp_path_factory.mktemp("report")
    return results, folder, write(results, folder)


def write(results, folder, model="graph-fusion"):
    return write_report(results, folder, "A run", {"splits": "5"}, ["A note."], model=model).read_text(encoding="utf-8")


@pytest.fixture
def drawn_once(monkeypatch):
    """Every figure is drawn, but only once, and coarsely: how it is laid out and saved is asked of a whole report."""

    def drawn(figure):
        figure.set_layout_engine("none")
        figure.dpi = 20
        FigureCanvasAgg(figure).print_png(png := io.BytesIO())
        return "<svg></svg>", png.getvalue()

    monkeypatch.setattr(figures, "saved", drawn)


@pytest.mark.parametrize("name", ["nll", "accuracy", "auroc", "brier"])
def test_means_are_those_of_pandas_and_intervals_are_corrected(results, name):
    found = tables.means(results)
    for model in ("prior", "graph-fusion"):
        row, values = (
            one(found, **place("rate 0.50"), metric=name, model=model),
            values_of(results, name, model, "rate 0.50"),
        )
        half_width = 2.7764451 * math.sqrt((1 / 5 + 0.3 / 0.7) * values.var(ddof=1))  # t of 4 degrees of freedom
        assert row["mean"] == pytest.approx(values.mean())
        assert row["half_width"] == pytest.approx(half_width) == pytest.approx(mean_interval(values, 0.3)[1])
        assert row["num_splits"] == 5 and row["complete"]


def test_the_best_of_a_place_is_the_best_of_those_with_all_splits(results):
    found = tables.means(results)
    for (*_, name), group in found.groupby([*tables.PLACE, "metric"]):
        full = group[~group["model"].isin(["hgb-native-nan", "prior"])]
        up = metric(name).higher_is_better
        expected = set() if up is None else {full.loc[full["mean"].idxmax() if up else full["mean"].idxmin(), "model"]}
        assert set(group.loc[group["best"], "model"]) == expected
        assert not group.loc[group["model"] == "hgb-native-nan", "complete"].any()


def test_calibration_errors_are_those_of_the_bins_of_all_splits(results):
    row = one(tables.means(results), **place("rate 0.25"), metric="ece", model="mean-pool")
    bins = results.bins
    for name, value in (*place("rate 0.25").items(), ("model", "mean-pool")):
        bins = bins[bins[name] == value]
    sums = bins.groupby("bin")[["num_rows", "confidence", "correct"]].sum()
    assert row["mean"] == pytest.approx((sums["correct"] - sums["confidence"]).abs().sum() / sums["num_rows"].sum())
    assert np.isnan(row["half_width"])


@pytest.mark.parametrize(("name", "sign"), [("nll", -1), ("accuracy", 1)])
def test_robustness_is_taken_split_by_split_and_positive_is_better(results, name, sign):
    row = one(tables.robustness(results, name), **dict(zip(tables.PLACE, PLACE, strict=False)), model="graph-fusion")
    levels = [0.0, 0.25, 0.5, 0.75]
    own, base = (
        np.stack([values_of(results, name, model, f"rate {level:.2f}") for level in levels], 1)
        for model in ("graph-fusion", "mean-pool")
    )
    areas = [area_under_levels(levels, curve) for curve in own]
    gains = [sign * effective_robustness(levels, *curves) for curves in zip(own, base, strict=True)]
    assert (row["area"], row["area_half_width"]) == pytest.approx(mean_interval(areas, 0.3))
    assert (row["effective"], row["effective_half_width"]) == pytest.approx(mean_interval(gains, 0.3))


def test_scores_of_named_splits_are_shown_by_name():
    results = made_up(SMALL, num_splits=2)
    data, protocol = results.cells[["data", "protocol"]].iloc[0]
    assert not len(tables.by_named_split(results, data, protocol, "nll"))
    names = results.cells["split"].map({0: "Basel", 1: "Zurich"})
    named = replace(results, cells=results.cells.assign(split_name=names))
    found = tables.by_named_split(named, data, protocol, "nll")
    assert list(found.columns) == ["Basel", "Zurich"]
    at = (
        (results.scores["data"] == data)
        & (results.scores["protocol"] == protocol)
        & (results.scores["metric"] == "nll")
    )
    row = results.scores[at & (results.scores["model"] == "prior") & (results.scores["split"] == 1)].iloc[0]
    assert found.loc["prior", "Zurich"] == row["value"]
    shown = sections.split_table(found, "nll")
    assert shown.columns == ["model", "Basel", "Zurich"] and "by the split's test rows" in shown.caption


def test_without_the_baseline_there_is_no_effective_robustness():
    found = tables.robustness(made_up(SMALL, models=("graph-fusion", "prior")), "nll")
    assert found["effective"].isna().all() and found["area"].notna().all()


def test_comparisons_are_paired_and_adjusted_over_a_protocol(results):
    found = tables.comparisons(results, "nll")
    row = one(found, **place("rate 0.75"), other="hgb-native-nan")
    gains = values_of(results, "nll", "hgb-native-nan", "rate 0.75") - values_of(
        results, "nll", "graph-fusion", "rate 0.75"
    )
    assert row["num_splits"] == 4 and row["gain"] == pytest.approx(gains.dropna().mean())
    assert row["p_value"] == pytest.approx(corrected_t_test(gains.dropna(), 0.3)[1])
    for _, family in found.groupby(["data", "protocol"]):
        assert family["holm"].tolist() == pytest.approx(holm(family["p_value"]))
    assert len(found[found["protocol"] == "mismatched_rates"]) == 2 * 4 * 7


def test_ranks_take_blocks_that_all_ranked_models_finished(results):
    found = tables.means(results)
    ranks = tables.rank(found, ("nll",))
    assert set(ranks.models) == set(MODELS) - {"hgb-native-nan"} and ranks.left_out == ("hgb-native-nan",)
    nll = found[(found["metric"] == "nll") & found["complete"]]
    table = nll.pivot_table(index=list(tables.PLACE), columns="model", values="mean")[list(ranks.models)]
    assert ranks.num_blocks == len(table) == 2 * 4 + 4 and ranks.num_left_out == 0
    assert list(ranks.ranks) == pytest.approx(mean_ranks(table.to_numpy(), higher_is_better=False))
    assert list(ranks.ranks) == sorted(ranks.ranks)


def test_ranks_fall_back_to_the_next_metric_where_the_first_is_undefined():
    found = tables.means(made_up({"mfeat": ("fou", "kar")}))
    assert found.loc[(found["metric"] == "auroc") & (found["test"] == "none"), "mean"].isna().all()
    ranks = tables.rank(found, ("auroc", "accuracy"))
    assert ranks.num_blocks == 2 * 4 + 4
    with pytest.raises(ValueError, match="metrics must share a direction"):
        tables.rank(found, ("nll", "accuracy"))


def test_failures_of_one_cause_share_a_row():
    failed = tables.failures(made_up(SMALL, failed=[("prior", 0), ("prior", 1), ("prior", 3)]))
    assert set(failed["splits"]) == {"0–1, 3"} and set(failed["num_cells"]) == {3}  # noqa: RUF001
    assert len(failed) == 3  # two training conditions of one protocol, one of the other


def test_a_sweep_is_told_from_names_and_levels():
    found = tables.means(made_up(SMALL))
    assert sweeps(found, *PLACE) == {"rate": {f"rate {rate:.2f}": rate for rate in (0.0, 0.25, 0.5, 0.75)}}
    assert sweeps(found, "x", "modality_subsets", "complete") == {}
    names = ["clean", "image 0.25", "image 0.50", "text 0.50"]
    columns = {"data": "x", "protocol": "p", "condition": "c", "test": names, "level": [0.0, 0.25, 0.5, 0.5]}
    assert {name: list(steps) for name, steps in sweeps(pd.DataFrame(columns), "x", "p", "c").items()} == {
        "image": ["clean", "image 0.25", "image 0.50"],
        "text": ["clean", "text 0.50"],
    }


def test_models_tested_as_they_were_trained_are_shown_as_one_sweep():
    results = made_up(SMALL, protocols=("missing_rates", "mismatched_rates"))
    merged = together(results)
    assert set(merged.scores.loc[merged.scores["protocol"] == "missing_rates", "condition"]) == {TOGETHER}
    assert len(sweeps(tables.means(merged), "x", "missing_rates", TOGETHER)["rate"]) == 4
    other = "mismatched_rates"
    pd.testing.assert_frame_equal(
        merged.scores[merged.scores["protocol"] == other], results.scores[results.scores["protocol"] == other]
    )


def test_subsets_are_read_from_names():
    assert parse_subsets(["a+b", "a", "b", "none"]) == {"a+b": {"a", "b"}, "a": {"a"}, "b": {"b"}, "none": set()}
    assert parse_subsets(["clean", "conflict"]) is None and parse_subsets(["rate 0.00", "rate 0.30"]) is None


def test_the_summary_says_what_the_numbers_say(results):
    found, compared = tables.means(results), tables.comparisons(results, "nll")
    gains = summary.leads(found, "nll", "graph-fusion")
    row = gains.iloc[0]
    here = found[(found["metric"] == "nll") & found["complete"]]
    for name in tables.PLACE:
        here = here[here[name] == row[name]]
    others = here[here["model"] != "graph-fusion"].set_index("model")["mean"]
    assert row["rival"] == others.idxmin()
    assert row["lead"] == pytest.approx(others.min() - one(here, model="graph-fusion")["mean"])
    said, tested = summary.standing(found, compared, "nll", "graph-fusion")
    assert f"the best mean in {(gains['lead'] >= 0).sum()} of {len(gains)} places" in said
    sure = compared["holm"] < 0.05
    assert f"{(sure & (compared['gain'] > 0)).sum()} are significant in its favour" in tested
    assert summary.what_was_run(results)[1] == "117 cells finished and 3 failed (hgb-native-nan 3 of 15)."


def test_a_report_is_whole_repeatable_and_reaches_nowhere(written, tmp_path):
    results, folder, html = written
    assert html == write(results, tmp_path)
    assert sorted(path.name for path in folder.iterdir()) == ["figures", "report.html", "report.md", "scores.csv"]
    drawn = sorted((folder / "figures").iterdir())
    assert {path.suffix for path in drawn} == {".svg", ".png"} and len(drawn) >= 14
    for path in drawn:
        assert path.read_bytes() == (tmp_path / "figures" / path.name).read_bytes()
        if path.suffix == ".svg":
            svg = path.read_text(encoding="utf-8")
            ElementTree.fromstring(svg)
            assert "http" not in re.sub(r'xmlns(:\w+)?="[^"]*"', "", svg) and "<dc:date" not in svg
    assert (
        "http:" not in html and "https:" not in html and "nan" not in re.sub("hgb-native-nan|got nan", "", html.lower())
    )
    found = Elements(html)
    assert found.open == []
    ids = [value for name, value in found.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    for part in ("Summary", "Paired tests", "Mean ranks", "Time and memory", "Failures", "How to read this"):
        assert f"<h2>{part}</h2>" in html
    assert "X must be finite; got" in html.split("<h2>Failures")[1]


def test_the_scores_are_written_to_the_last_digit(written):
    results, folder, _ = written
    text = (folder / "scores.csv").read_text()
    assert "\r" not in text
    pd.testing.assert_frame_equal(pd.read_csv(io.StringIO(text)), results.scores, check_dtype=False, check_exact=True)


def test_names_stay_text(written):
    _, folder, html = written
    assert "<script" not in html and "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+", path.name) for path in (folder / "figures").iterdir())


@pytest.mark.parametrize(
    ("options", "says", "lacks"),
    [
        ({"models": ["graph-fusion"]}, "graph-fusion is the only model that finished", "<h2>Mean ranks"),
        (
            {"models": ["prior", "late"]},
            "graph-fusion has no finished cell, so no model is singled out",
            "Paired tests",
        ),
        ({"num_splits": 1}, "There is one split, so no interval and no test", "± "),
        ({"protocols": ["modality_subsets"]}, "mask occurs in no training row", "area</th>"),
        ({"failed": MODELS}, "All cells failed: there is no score to show.", "<figure>"),
        ({"failed": ["mean-pool"]}, "mean-pool 8 of 8", "effective robustness</th>"),
    ],
    ids=["one model", "other models", "one split", "no levels", "all failed", "no baseline"],
)
@pytest.mark.usefixtures("drawn_once")
def test_a_report_is_written_of_whatever_there_is(options, says, lacks, tmp_path):
    html = write(
        made_up(SMALL, **{"protocols": ["missing_rates"], "models": MODELS[:4], "num_splits": 2, **options}), tmp_path
    )
    assert says in html and lacks not in html.split("<h2>How to read")[0]
    assert Elements(html).open == []


def test_undefined_metrics_are_dashes_and_no_model_is_best_there():
    results = made_up(SMALL, models=MODELS[:3], num_splits=2)
    scores = results.scores.copy()
    scores.loc[scores["metric"] == "auroc", "value"] = np.nan
    found = tables.means(replace(results, scores=scores))
    assert not found.loc[found["metric"] == "auroc", "best"].any()
    table = sections.score_table(found[(found["metric"] == "auroc") & (found["condition"] == "complete")], None, False)
    assert {cell.text for row in table.rows for cell in row[1:]} == {"–"}  # noqa: RUF001


def test_styles_are_the_same_in_all_figures_and_tell_models_apart(results):
    found = tables.means(results)
    styles = figures.model_styles(found, "graph-fusion")
    assert len({style.color for style in styles.values()}) == len({style.marker for style in styles.values()}) == 8
    many = made_up(SMALL, models=(*MODELS, *(f"net {i}" for i in range(14))), num_splits=2)
    styles = figures.model_styles(tables.means(many), "graph-fusion")
    assert sum(style.named for style in styles.values()) == 8 and styles["graph-fusion"].named


@pytest.mark.slow
def test_no_text_of_a_figure_meets_another():
    many = together(
        made_up({"x": tuple("abcde")}, models=(*MODELS, *(f"network {i}" for i in range(14))), num_splits=3)
    )
    for results in (many, together(made_up(num_splits=3))):
        found = tables.means(results)
        styles = figures.model_styles(found, "graph-fusion")
        data = found["data"].iloc[0]
        subsets = parse_subsets(
            tables.ordered(found.loc[(found["protocol"] == "modality_subsets") & (found["data"] == data), "test"])
        )
        at = (data, "mismatched_rates", "complete", ["rate 0.00", "rate 0.75"], styles)
        drawn = {
            "curves": figures.missing_rate_curves(found, data, "mismatched_rates", styles),
            "lattice": figures.subset_lattice(found, data, "modality_subsets", "complete", subsets, "graph-fusion"),
            "calibration": figures.calibration_curves(results, *at),
            "risk": figures.risk_coverage_curves(results, *at),
            "ranks": figures.critical_difference_diagram(tables.rank(found, ("nll",)), styles),
            "times": figures.fit_times(tables.costs(results), styles),
        }
        for name, figure in drawn.items():
            assert meeting(figure) == [], name


def meeting(figure):
    """Pairs of texts whose boxes overlap, and texts that leave the figure."""
    from matplotlib.text import Text

    figure.draw_without_rendering()
    unseen = set()
    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        low, high = sorted(axis.get_view_interval())
        beyond = [tick for tick in axis.get_major_ticks() if not low <= tick.get_loc() <= high]
        unseen |= {id(label) for tick in beyond for label in (tick.label1, tick.label2)}
    texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    texts = [text for text in texts if id(text) not in unseen]
    boxes = [(text.get_text(), text.get_window_extent().padded(-1.5)) for text in texts if not text.get_rotation() % 90]
    boxes = [(text, box) for text, box in boxes if box.width > 0 and box.height > 0]
    frame = figure.bbox
    out = [text for text, box in boxes if box.x0 < frame.x0 - 1 or box.x1 > frame.x1 + 1 or box.y0 < -1]
    pairs = [(a[0], b[0]) for i, a in enumerate(boxes) for b in boxes[:i] if a[1].overlaps(b[1])]
    return out + pairs


def test_without_matplotlib_nothing_is_written(monkeypatch, tmp_path):
    monkeypatch.setattr("graphfuse.laboratory.report.writing.find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install graphfuse\[viz\]"):
        write(Results.of([]), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_every_metric_is_defined_and_every_reference_listed():
    assert set(METRICS) >= {"accuracy", "auroc", "macro_f1", "nll", "brier", "ece", "aurc", "confidence_rises", "kl"}
    assert all(each.definition.endswith((".", ").")) for each in METRICS.values())
    read = repr(sections.how_to_read(list(METRICS)))
    for name in ("Nadeau and Bengio", "Holm", "Demšar", "Guo et al.", "Taori et al."):
        assert read.count(name) >= 2


@pytest.mark.parametrize("width", [390, 1280])
def test_a_report_is_no_wider_than_the_window(width, written, tmp_path):
    overflow(written[2], width, tmp_path)


def test_the_text_of_a_report_holds_its_tables(written):
    results, folder, _ = written
    text = (folder / "report.md").read_text()
    found = tables.means(together(results))
    assert text.count("\n## ") == len(found[["data", "protocol", "condition"]].drop_duplicates())
    row = next(each for each in found.itertuples() if (each.metric, each.model) == ("nll", "graph-fusion"))
    assert f"{row.mean:.3f} ± {row.half_width:.3f}" in text
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert any("*" in line for line in lines) and all(line.endswith("|") for line in lines)
