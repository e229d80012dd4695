"""Segment a volume on a SLURM cluster: one command starts the workers, and ends them.

    python experiments/cluster/segment.py --jobs 8 volume=/shared/stack output=/shared/labels

Needs `pip install 'fibsem-sweep[distributed]'`. Everything behind the options goes to
`fibsem.segment`. Volume, model and output must lie on disks that all nodes reach. Where jobs come
and go, slabs of a job that ended are done again elsewhere; where the command itself is stopped,
started again it goes on. `--local` starts the same jobs on this machine, to try it.
"""

from __future__ import annotations

import argparse
import subprocess
import sys

from dask_jobqueue import SLURMCluster
from dask_jobqueue.local import LocalCluster

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--jobs", type=int, default=8, help="workers, each a job of its own")
parser.add_argument("--cores", type=int, default=8, help="of a job")
parser.add_argument("--memory", default="16GB", help="of a job")
parser.add_argument("--walltime", default="04:00:00")
parser.add_argument("--queue", help="SLURM's partition")
parser.add_argument("--local", action="store_true")
args, overrides = parser.parse_known_args()

# one process a job: the network uses all of its cores
how = {"cores": args.cores, "processes": 1, "memory": args.memory}
if args.local:
    cluster = LocalCluster(**how)
else:
    cluster = SLURMCluster(**how, walltime=args.walltime, queue=args.queue)
with cluster:
    cluster.scale(jobs=args.jobs)
    line = ["-m", "fibsem.segment", f"scheduler={cluster.scheduler_address}", *overrides]
    sys.exit(subprocess.run([sys.executable, *line]).returncode)
