"""What the README prints is what its code prints."""

import contextlib
import io
import re
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"


@pytest.mark.skipif(not README.exists(), reason="the README is not installed with the package")
def test_the_quick_start_prints_what_the_readme_shows():
    code, shown = re.search(r"```python\n(.*?)```\s*```text\n(.*?)```", README.read_text(), re.DOTALL).groups()
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, str(README), "exec"), {})
    assert printed.getvalue() == shown
    assert len([line for line in code.splitlines() if line.strip()]) <= 15
