"""Work over processes: all of it done once, whatever the number; a process that dies takes only its item with it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from graphfuse.laboratory.workers import Death, work_through
from tests.patience import PATIENCE


def squares(item):
    yield os.getpid()
    yield item * item
    yield -item


def dies_on_three(item):
    yield os.getpid()
    if item == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    yield item * item
    yield -item


def events_of(items, task, jobs):
    """By item the process that worked on it, and its other events in order."""
    found = {}
    for item, event in work_through(items, task, jobs):
        found.setdefault(item, []).append(event)
    return {item: events[0] for item, events in found.items()}, {item: events[1:] for item, events in found.items()}


def test_one_job_works_in_this_process_and_every_item_gives_its_events_in_order():
    processes, events = events_of(range(4), squares, jobs=1)
    assert events == {item: [item * item, -item] for item in range(4)}
    assert set(processes.values()) == {os.getpid()}


def test_two_processes_work_side_by_side_and_one_that_dies_is_told_and_replaced():
    processes, events = events_of(range(6), dies_on_three, jobs=2)
    [death] = events.pop(3)
    assert isinstance(death, Death) and death.exitcode == -signal.SIGKILL and "out of memory" in str(death)
    assert events == {item: [item * item, -item] for item in (0, 1, 2, 4, 5)}
    assert processes[0] != processes[1] and os.getpid() not in processes.values()
    assert len(set(processes.values())) <= 3  # two, and the one in place of the dead


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
    for item, event in work_through(range(1), nap, jobs=2):
        print(event, flush=True)
"""


def test_a_process_ends_when_its_parent_is_killed(tmp_path):
    (tmp_path / "napping.py").write_text(
        "import os, time\ndef nap(item):\n    yield os.getpid()\n    time.sleep(300)\n    yield 'awake'\n"
    )
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(folder=str(tmp_path)))
    parent = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + PATIENCE
    while alive(child):
        assert time.monotonic() < deadline, "the process outlives its parent"
        time.sleep(0.1)


def alive(process: int) -> bool:
    """Whether a process runs; one that has ended and waits to be reaped does not."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
