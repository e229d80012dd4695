"""Label slabs in other processes, on this machine or on a Dask cluster.

Both are executors of `concurrent.futures`. Slabs are independent: each is written by the process
that labels it, into outputs that all processes can open, and a process that dies loses only its
current slab. Only the process that started the others writes the ledger.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, wait

from fibsem.errors import UserError
from fibsem.inference.volume.labelling.cluster import cluster
from fibsem.inference.volume.labelling.pools import ProcessDiedError, processes
from fibsem.inference.volume.labelling.remote import RemoteSegmentation, SlabResult, label_slab
from fibsem.inference.volume.ledger.ledger import Ledger
from fibsem.system.advice import MEMORY_GIB, WORKERS
from fibsem.system.again import same_command

#: Processes that may die between two finished slabs, for each worker, before the work is given up.
MOST_DEATHS = 3


def run_in_workers(
    job: RemoteSegmentation, ledger: Ledger, depth: int, show: Callable[[str, int, int], None]
) -> list[SlabResult]:
    """Label all missing slabs in other processes, and enter each into the ledger.

    Returns the results of these slabs.

    Raises
    ------
    UserError
        If processes keep dying, or the scheduler does not answer.
    """
    results: list[SlabResult] = []
    options, slabs = job.options, -(-depth // ledger.slab)
    most = MOST_DEATHS * (1 if options.scheduler else options.workers)
    show("slabs", len(ledger.slabs), slabs)
    started = cluster(options.scheduler) if options.scheduler else processes(options.workers)
    with started as executor:
        deaths = 0
        pending = {executor.submit(label_slab, job, slab) for slab in ledger.missing(depth)}
        while pending:
            done, pending = wait(pending, return_when=FIRST_COMPLETED)
            for future in done:
                try:
                    result = future.result()
                except ProcessDiedError as error:
                    deaths += 1
                    if deaths > most:
                        raise UserError(
                            f"`{WORKERS}` must live long enough for a slab, but {deaths} died "
                            f"without finishing one; `{MEMORY_GIB}` is for each of them; "
                            f"{same_command()} goes on."
                        ) from error
                    pending.add(executor.submit(label_slab, job, error.slab))
                    continue
                deaths = 0
                ledger.finish(result.start, result.slices, result.read)
                results.append(result)
                show("slabs", len(ledger.slabs), slabs)
    return results
