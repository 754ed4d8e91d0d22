"""Work over processes: all of it done once, whatever the number; a process that dies takes only its item with it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from graphfuse.laboratory.workers import Death, work_through


def squares(item):
    yield item * item
    yield -item
    yield os.getpid()


def dies_on_three(item):
    yield "started"
    if item == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    yield "done well"


@pytest.mark.parametrize("jobs", [1, 2])
def test_every_item_gives_its_events_in_order_and_processes_work_side_by_side(jobs):
    found = {}
    for item, event in work_through(range(4), squares, jobs):
        found.setdefault(item, []).append(event)
    processes = {events.pop() for events in found.values()}
    assert found == {item: [item * item, -item] for item in range(4)}
    assert len(processes) == jobs and (os.getpid() in processes) == (jobs == 1)


def test_a_process_that_dies_is_told_and_replaced():
    found = {}
    for item, event in work_through(range(6), dies_on_three, jobs=2):
        found.setdefault(item, []).append(event)
    death = found[3].pop()
    assert isinstance(death, Death) and death.exitcode == -signal.SIGKILL and "out of memory" in str(death)
    assert found.pop(3) == ["started"]
    assert found == {item: ["started", "done well"] for item in (0, 1, 2, 4, 5)}


def test_no_items_are_no_work():
    assert list(work_through([], squares, jobs=3)) == []
    with pytest.raises(ValueError, match="jobs must be at least 1; got 0"):
        list(work_through([1], squares, jobs=0))


SCRIPT = """
import sys, time
sys.path.insert(0, {folder!r})
from graphfuse.laboratory.workers import work_through
from napping import nap
if __name__ == "__main__":
    for item, event in work_through(range(2), nap, jobs=2):
        print(event, flush=True)
"""


def test_processes_end_when_their_parent_is_killed(tmp_path):
    (tmp_path / "napping.py").write_text(
        "import os, time\ndef nap(item):\n    yield os.getpid()\n    time.sleep(300)\n    yield 'awake'\n"
    )
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(folder=str(tmp_path)))
    parent = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    children = [int(parent.stdout.readline()) for _ in range(2)]
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 20
    while any(alive(child) for child in children):
        assert time.monotonic() < deadline, "the processes outlive their parent"
        time.sleep(0.1)


def alive(process: int) -> bool:
    """Whether a process runs; one that has ended and waits to be reaped does not."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
