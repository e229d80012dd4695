"""Segment a volume on a SLURM cluster: one command starts the workers, and ends them.

    python experiments/cluster/segment.py --jobs 8 volume=/shared/stack output=/shared/labels

Needs `pip install 'fibsem-sweep[distributed]'`. All arguments after the options go to
`fibsem.segment`. Volume, model and output must lie on disks that all nodes reach. Slabs of a job
that ended are done again by another job; if the command itself is stopped, the same command resumes
it. `--local` starts the same jobs on this machine, as a trial.

Anybody who reaches a Dask scheduler can run any code as its user. So the scheduler requires the
certificate of this run, which lies in a folder that only the user can read; see README.md.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from dask_jobqueue import SLURMCluster
from dask_jobqueue.local import LocalCluster
from distributed.security import Security

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--jobs", type=int, default=8, help="workers, each a job of its own")
parser.add_argument("--cores", type=int, default=8, help="of a job")
parser.add_argument("--memory", default="16GB", help="of a job")
parser.add_argument("--walltime", default="04:00:00")
parser.add_argument("--queue", help="SLURM's partition")
parser.add_argument("--shared", type=Path, default=Path.cwd(), help="a folder that all nodes reach")
parser.add_argument("--local", action="store_true")

#: Address of Dask's dashboard, which has no certificate: only this machine can reach it.
OWN = "127.0.0.1:0"


def credentials(folder: Path) -> Security:
    """Write a key and a certificate for this run, in files that only the user can read."""
    made = Security.temporary()
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    for file, text in ((key, made.tls_client_key), (certificate, made.tls_client_cert)):
        file.touch(mode=0o600)
        file.write_text(text)
    files = {
        f"tls_{role}_{part}": str(file)
        for role in ("client", "scheduler", "worker")
        for part, file in (("key", key), ("cert", certificate))
    }
    return Security(require_encryption=True, tls_ca_file=str(certificate), **files)


def variables(security: Security) -> dict[str, str]:
    """Return environment variables by which Dask in another process finds the certificate."""
    prefix = "DASK_DISTRIBUTED__COMM__"
    return {
        f"{prefix}REQUIRE_ENCRYPTION": "True",
        f"{prefix}TLS__CA_FILE": security.tls_ca_file,
        f"{prefix}TLS__CLIENT__KEY": security.tls_client_key,
        f"{prefix}TLS__CLIENT__CERT": security.tls_client_cert,
    }


def main() -> int:
    args, overrides = parser.parse_known_args()
    with TemporaryDirectory(prefix=".dask-", dir=args.shared) as folder:  # mode 0700
        security = credentials(Path(folder))
        # one process per job: the network uses all of its cores
        how = {
            "cores": args.cores, "processes": 1, "memory": args.memory, "security": security,
            "worker_extra_args": ["--dashboard-address", OWN],
        }  # fmt: skip
        scheduler = {"dashboard_address": OWN}
        if args.local:
            how["worker_extra_args"] += ["--host", "127.0.0.1"]
            cluster = LocalCluster(**how, scheduler_options={**scheduler, "host": "127.0.0.1"})
        else:
            cluster = SLURMCluster(
                **how, walltime=args.walltime, queue=args.queue, scheduler_options=scheduler
            )
        with cluster:
            cluster.scale(jobs=args.jobs)
            line = ["-m", "fibsem.segment", f"scheduler={cluster.scheduler_address}", *overrides]
            environment = os.environ | variables(security)
            return subprocess.run([sys.executable, *line], env=environment).returncode


if __name__ == "__main__":
    sys.exit(main())
