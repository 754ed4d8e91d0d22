"""The medical walk-through runs as a user runs it, and its page is complete: every section, figure and item."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

SCRIPT = Path(__file__).parents[1] / "examples" / "medical_walkthrough.py"
SECTIONS = (
    "In short",
    "Question and data",
    "How it was done",
    "Discrimination and calibration",
    "A hospital never seen",
    "Is it worth deciding by",
    "One patient",
    "Which test next",
    "What to do",
    "By hospital, sex and age",
    "Several diagnoses",
    "One of the disorders",
    "The graph",
    "What was not done",
    "The items of TRIPOD+AI",
)
FIGURES = {
    *("arrival", "calibration_by_mask_size", "decision_curve", "graph"),
    *("liver_decision_curve", "liver_graph", "liver_value_of_tests", "liver_waterfall"),
    *("value_of_tests", "waterfall"),
}


def page_of(folder, *arguments):
    """The page that the script writes, whose command ends well."""
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--out", "made", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=1200,
        env={**os.environ, "MPLBACKEND": "Agg"},
    )
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr, done.stderr
    return folder / "made" / "medical_walkthrough.md"


def check(page):
    """What must hold of any such page."""
    text = page.read_text()
    assert text.startswith("# ") and "Research use, not a medical device." in text.split("## ")[0]
    assert tuple(re.findall(r"^## (.*)$", text, re.MULTILINE)) == SECTIONS
    assert not re.search(r"\b(nan|NaN|None|inf)\b|\{|\bnumpy\b|np\.", text.split("```mermaid")[0])
    assert all(len(line) <= 120 for line in text.splitlines() if not line.startswith(("|", "!", "```")))
    linked = re.findall(r"!\[([^\]]+)\]\(([^)]+)\)", text)
    assert {Path(path).stem for _, path in linked} == FIGURES
    for _, path in linked:
        with Image.open(page.parent / path) as image:
            image.load()
            assert image.width > 300
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        header, rule, *_ = block.splitlines()
        assert len({line.count("|") for line in block.splitlines()}) == 1, header
        assert re.fullmatch(r"\|( -{2,3}:? \|)+", rule), header
    anchors = {"#" + re.sub(r"[^\w\- ]", "", name.lower()).replace(" ", "-") for name in SECTIONS}
    assert set(re.findall(r"\]\((#[^)]*)\)", text)) <= anchors
    items = re.findall(r"^\| (\d+[a-g]?) \|", text.split("## The items of TRIPOD+AI")[1], re.MULTILINE)
    assert len(items) == 52 and len(set(items)) == 52
    assert {int(re.sub(r"\D", "", item)) for item in items} == set(range(1, 28))
    assert (page.parent / "medical_walkthrough" / "graph.dot").read_text().startswith("graph factors {")
    return text


def test_the_walk_through_writes_a_complete_page_at_small_size(tmp_path):
    text = check(page_of(tmp_path, "--data", "breast_cancer", "--quick"))
    assert "569 biopsies" in text and "The data name no group." in text


@pytest.mark.slow
@pytest.mark.skipif("GRAPHFUSE_DATA" not in os.environ, reason="GRAPHFUSE_DATA is not set: no heart-disease files")
def test_the_walk_through_reports_hospitals_sex_and_age_and_warns_of_few(tmp_path):
    root = str(Path(os.environ["GRAPHFUSE_DATA"]).resolve())
    text = check(page_of(tmp_path, "--data", "heart_disease", "--quick", "--root", root))
    groups = text.split("## By hospital, sex and age")[1].split("## ")[0]
    for name in ("hospital: Cleveland", "hospital: Long Beach", "sex: women", "age: below 45", "age: 65 and above"):
        assert f"| {name} |" in groups
    few = next(line for line in groups.splitlines() if line.startswith("| hospital: Switzerland | 123 | 115 |"))
    assert "fewer than ten patients without the outcome: not to be read" in few


def test_the_page_in_the_docs_is_complete():
    text = check(Path(__file__).parents[1] / "docs" / "medical_walkthrough.md")
    assert "920 patients" in text and "`python examples/medical_walkthrough.py --data heart_disease --out docs`" in text
