"""Label slabs on the workers of a Dask cluster."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import CancelledError, Executor
from contextlib import contextmanager

from fibsem.errors import UserError, first_line
from fibsem.system.advice import SCHEDULER
from fibsem.system.again import same_command

#: Seconds to wait for the first worker of a cluster, which may be in a queue.
WORKER_WAIT_S = 600
#: Workers that may die while labelling a slab before it is given up.
MOST_DEATHS = 3


@contextmanager
def cluster(address: str) -> Iterator[Executor]:
    """Yield an executor on a Dask cluster, which reassigns a slab if its worker dies.

    Raises
    ------
    UserError
        If Dask is not installed, or the scheduler or its workers do not answer.
    """
    try:
        from distributed import Client, KilledWorker
        from distributed.comm.core import CommClosedError
    except ImportError as error:
        raise UserError(
            f"`{SCHEDULER}` needs Dask: pip install 'fibsem-sweep[distributed]'."
        ) from error
    try:
        client = Client(address, timeout=20, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError, TypeError) as error:  # TypeError: tls:// without certificate
        raise _no_cluster(address, error) from error
    try:
        client.wait_for_workers(1, timeout=WORKER_WAIT_S)
        yield client.get_executor(retries=MOST_DEATHS, pure=False)  # type: ignore[no-untyped-call]
    except (TimeoutError, CancelledError, CommClosedError, KilledWorker) as error:
        raise _no_cluster(address, error) from error
    finally:
        client.close()  # type: ignore[no-untyped-call]


def _no_cluster(address: str, error: BaseException) -> UserError:
    return UserError(
        f"`{SCHEDULER}` must be a Dask scheduler with workers that live, but {address} is not "
        f"({first_line(error)}); {same_command()} goes on."
    )
