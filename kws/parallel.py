"""Do independent pieces of work on the workers of a Dask cluster, in order, with bounded memory.

joblib hands out the pieces, and Dask gives those of a worker that died to another. The workers need
this version of kws, and see the same files at the same paths.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from dataclasses import dataclass
from typing import TypeVar

from kws.errors import KwsError

Piece = TypeVar("Piece")
Result = TypeVar("Result")

CONNECT_SECONDS = 10
AHEAD = 2  # pieces for each thread of the workers that are handed out or wait for their turn


@dataclass(frozen=True)
class Cluster:
    """Name a Dask cluster by the address of its scheduler, as tcp://host:8786."""

    address: str

    def map(self, work: Callable[[Piece], Result], pieces: Iterable[Piece]) -> Iterator[Result]:
        """Yield the results of a module's function for each piece, in order.

        Raises KwsError where the packages or the cluster are missing, for a file that a worker
        cannot read or write, for a module that a worker lacks, for a piece on which several workers
        died and where the cluster stops; and what `work` raises.
        """
        try:
            from distributed import Client, KilledWorker
            from joblib import Parallel, delayed, parallel_config
        except ImportError as error:
            raise KwsError("--cluster needs distributed: pip install 'kws[cluster]'") from error
        try:
            client = Client(self.address, timeout=CONNECT_SECONDS)
        except (OSError, ValueError) as error:
            raise KwsError(f"{self.address}: no Dask scheduler answers there") from error
        with client:
            threads = client.nthreads().values()
            if not threads:
                raise KwsError(f"{self.address}: the cluster has no workers")
            count = sum(threads)
            with parallel_config(backend="dask", n_jobs=count):
                parallel = Parallel(return_as="generator", batch_size=1, pre_dispatch=AHEAD * count)
                try:
                    yield from parallel(delayed(work)(piece) for piece in pieces)
                except (KilledWorker, CancelledError, ImportError, OSError) as error:
                    text = str(error) or "the cluster stopped"
                    raise KwsError(
                        f"{self.address}: {text}; workers need this version of kws"
                    ) from error
