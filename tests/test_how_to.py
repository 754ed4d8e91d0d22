"""Every page that tells how to add a part holds a complete working file, and it runs."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

LONG = {"add_an_encoder"}  # twenty seconds
RUN = """
import runpy, sys
import pytest

for name in sys.argv[1:]:
    if name.startswith("test_"):
        assert pytest.main(["-q", name]) == 0, name
    else:
        runpy.run_path(name, run_name="__main__")
"""
PAGES = [
    pytest.param(page, id=page.stem, marks=[pytest.mark.slow] * (page.stem in LONG))
    for page in sorted((Path(__file__).parents[1] / "docs" / "how_to").glob("*.md"))
]


@pytest.mark.parametrize("page", PAGES)
def test_the_files_of_a_how_to_page_run(page, tmp_path):
    blocks = re.findall(r"```python\n# file: (\S+\.py)\n(.*?)```", page.read_text(), re.DOTALL)
    assert blocks, "a page without a working file"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    for name, code in blocks:
        (tmp_path / name).write_text(code)
        assert "assert" in code, f"{page.name}, {name} checks nothing"
    command = [sys.executable, "-c", RUN, *(name for name, _ in blocks)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, f"{page.name}:\n{done.stdout}{done.stderr}"
