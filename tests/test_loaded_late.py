"""What the library needs for some tasks only is loaded when first used: one process imports, step by step."""

import json
import subprocess
import sys

STEPS = {  # what is done, and what none of it or of the steps before it loads
    "import graphfuse": {"sklearn", "pandas", "pgmpy", "matplotlib", "scipy", "PIL"},
    "import graphfuse.data": {"sklearn", "pandas", "scipy"},
    "graphfuse.networks.read_network('a.bif').infer({'rain': 'yes'})": {"pgmpy", "pandas"},
    "graphfuse.networks.encode_labels(graphfuse.FactorGraph([graphfuse.Variable('a', 2)], []), {'a': [0, None]})": {
        "pandas"
    },
    "from graphfuse.laboratory.models import model_names; model_names()": {
        "lightgbm",
        "matplotlib",
        "sklearn.impute._iterative",
    },
}
CODE = "import json, sys\nfor step in json.loads(sys.argv[1]):\n    exec(step)\n    print(json.dumps([*sys.modules]))"
RAIN = """network garden { }
variable rain { type discrete [ 2 ] { no, yes }; }
probability ( rain ) { table 0.8, 0.2; }
"""


def test_optional_packages_are_loaded_when_first_used(tmp_path):
    (tmp_path / "a.bif").write_text(RAIN)
    command = [sys.executable, "-c", CODE, json.dumps([*STEPS])]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    loaded = [set(json.loads(line)) for line in done.stdout.splitlines()]
    assert {"torch", "numpy", "networkx"} <= loaded[0]
    for (step, late), found in zip(STEPS.items(), loaded, strict=True):
        assert not late & found, step
