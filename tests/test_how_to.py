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
PAGES = sorted((Path(__file__).parents[1] / "docs" / "how_to").glob("*.md"))
QUICK, SLOW = ([page for page in PAGES if (page.stem in LONG) == slow] for slow in (False, True))


@pytest.mark.parametrize("pages", [QUICK, pytest.param(SLOW, marks=pytest.mark.slow)], ids=["quick", "slow"])
def test_the_files_of_how_to_pages_run(pages, tmp_path):
    files = {}
    for page in pages:
        blocks = re.findall(r"```python\n# file: (\S+\.py)\n(.*?)```", page.read_text(), re.DOTALL)
        assert blocks, f"{page.name} has no working file"
        for name, code in blocks:
            assert "assert" in code, f"{page.name}, {name} checks nothing"
            assert name not in files, f"{page.name}, {name} is a file of another page too"
            files[name] = code
            (tmp_path / name).write_text(code)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-c", RUN, *files]  # one process: most of the time goes into what it imports
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
