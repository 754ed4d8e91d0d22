"""Work spread over processes, in which a process may die without taking the run with it."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from threading import Thread
from typing import Any, TypeVar

from ..checks import check_count

Item = TypeVar("Item")
Task = Callable[[Any], Iterator[Any]]  # from an item to events as they happen

_DONE = "done"  # follows the last event of an item


def work_through(items: Sequence[Item], task: Task, jobs: int) -> Iterator[tuple[Item, Any]]:
    """Do every item, and give the events of all as they come: pairs of item and event.

    With one job the work is done in this process. With more, processes are started anew for this call; a process that
    dies yields the event ``Death`` for its item, is replaced, and its item is not tried again. When this process ends,
    so do they.

    Args:
        items: What to do, in order; sent to other processes, as the task is.
        task: What to do with an item: a function at the top of a module.
        jobs: Processes at once.

    Raises:
        ValueError: If ``jobs`` is below 1.

    Example:
        >>> list(work_through(["ab", "c"], iter, jobs=1))
        [('ab', 'a'), ('ab', 'b'), ('c', 'c')]
    """
    check_count("jobs", jobs)
    if jobs == 1:
        for item in items:
            for event in task(item):
                yield item, event
        return
    waiting = deque(items)
    crew = [_Worker(task) for _ in range(min(jobs, len(items)))]
    try:
        for worker in crew:
            worker.give(waiting.popleft())
        while busy := {worker.connection: worker for worker in crew if worker.item is not None}:
            for connection in wait(list(busy)):
                worker = busy[connection]  # type: ignore[index]
                item, event = worker.item, worker.next_event()
                if isinstance(event, Death):
                    crew[crew.index(worker)] = worker = _Worker(task)
                elif event != _DONE:
                    yield item, event
                    continue
                if waiting:
                    worker.give(waiting.popleft())
                else:
                    worker.item = None
                if isinstance(event, Death):
                    yield item, event
    finally:
        for worker in crew:
            worker.stop()


class Death(Exception):
    """A process that ended while it worked; ``exitcode`` is that of the process, negative for a signal."""

    def __init__(self, exitcode: int | None) -> None:
        super().__init__(f"the process that worked on it ended with exit code {exitcode} (was it out of memory?).")
        self.exitcode = exitcode


class _Worker:
    """A process that does one item at a time."""

    def __init__(self, task: Task) -> None:
        context = get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(theirs, task), daemon=True)
        self.process.start()
        theirs.close()
        self.item: Any = None

    def give(self, item: Any) -> None:
        self.item = item
        self.connection.send(item)

    def next_event(self) -> Any:
        try:
            return self.connection.recv()
        except (EOFError, ConnectionResetError):
            self.process.join()
            return Death(self.process.exitcode)

    def stop(self) -> None:
        self.connection.close()
        self.process.terminate()
        self.process.join()


def _work(connection: Connection, task: Task) -> None:
    Thread(target=_end_with_the_parent, daemon=True).start()
    while True:
        try:
            item = connection.recv()
        except EOFError:
            return
        for event in task(item):
            connection.send(event)
        connection.send(_DONE)


def _end_with_the_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)
