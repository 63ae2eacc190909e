"""Runs pulls when they are due, in a thread of the service. Several processes may: each pull is
taken by one of them at a time (`ledger.pulls`)."""

import threading
from collections.abc import Sequence

from service.collect.pulls.asking import PullError
from service.collect.pulls.options import PullOptions
from service.collect.pulls.run import Puller
from service.kit.log import log

LOOK_EVERY_SECONDS = 30.0
PATIENCE_SECONDS = 5.0
"""How long a stop waits for a run under way; what it stored is stored, the rest is asked again."""


class PullSchedule:
    """The pulls of one process."""

    def __init__(self, pulls: Sequence[PullOptions], puller: Puller) -> None:
        self._pulls = tuple(pulls)
        self._puller = puller
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="spend-pulls", daemon=True)

    def start(self) -> None:
        """Begin, unless nothing is configured."""
        if self._pulls:
            self._thread.start()

    def stop(self) -> None:
        """Begin no further run."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(PATIENCE_SECONDS)

    def run_due(self) -> list[str]:
        """Run what is due, one after another; returns the sources whose run came to its end."""
        done = []
        for options in self._pulls:
            if self._stopping.is_set():
                break
            try:
                receipt = self._puller.run(options, due=True)
            except PullError:
                continue  # noted with the pull, which comes to its turn again
            except Exception as error:
                # Without its ledger a pull cannot even be noted; the thread must outlive that.
                log.error("pull_not_taken", source=options.source, error=type(error).__name__)
                continue
            if receipt is not None:
                log.info("pulled", source=options.source, **receipt)
                done.append(options.source)
        return done

    def _run(self) -> None:
        while not self._stopping.is_set():
            self.run_due()
            self._stopping.wait(LOOK_EVERY_SECONDS)
