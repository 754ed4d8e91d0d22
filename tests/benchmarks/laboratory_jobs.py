"""Are two jobs faster than one?                                            python -m tests.benchmarks.laboratory_jobs

The default run of the laboratory at one split (96 cells), computed anew with one job, then with two; the start of
processes is included, the report left out. Two cores: 149 s and 91 s, 1.64 times as fast; with more splits the start
is a smaller part.
"""

import time
from tempfile import TemporaryDirectory

from graphfuse.laboratory import BenchSettings
from graphfuse.laboratory.benchmark import run
from graphfuse.laboratory.plan import make_plan


def main() -> None:
    plan = make_plan(BenchSettings(num_seeds=1))
    seconds = {}
    for jobs in (1, 2):
        with TemporaryDirectory() as folder:
            started = time.perf_counter()
            run(plan, folder, jobs)
            seconds[jobs] = time.perf_counter() - started
        print(f"{jobs} jobs  {seconds[jobs]:6.1f} s")
    print(f"ratio   {seconds[1] / seconds[2]:6.2f}")


if __name__ == "__main__":
    main()
