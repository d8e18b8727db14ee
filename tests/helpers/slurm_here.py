"""A real Slurm of one node, without systemd and without accounts, for the time of the tests."""

import contextlib
import os
import shutil
import socket
import subprocess
import time

import pytest

DAEMONS = ["munged", "slurmctld", "slurmd"]
ABSENT = [name for name in [*DAEMONS, "mungekey", "sbatch", "squeue"] if shutil.which(name) is None]
ROOT = os.getuid() == 0
NEEDS_SLURM = pytest.mark.skipif(
    bool(ABSENT) or not ROOT,
    reason="no Slurm here: apt-get install slurmctld slurmd slurm-client munge" if ABSENT else "Slurm needs root here",
)
# The node says that it has eight cores, so that a task of each test runs at once; two seconds from SIGTERM to SIGKILL.
CONFIGURATION = """
ClusterName=bench
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
KillWait=2
GresTypes=gpu
SchedulerParameters=sched_interval=1,sched_min_interval=0,batch_sched_delay=0
SlurmdParameters=config_overrides
NodeName=bench NodeHostname=localhost NodeAddr=127.0.0.1 CPUs=8 Gres=gpu:2 State=UNKNOWN
PartitionName=test Nodes=bench Default=YES MaxTime=60 State=UP
"""


def ask(*command):
    """What a command of Slurm prints; nothing if it fails."""
    return subprocess.run(command, capture_output=True, text=True).stdout.strip()


def wait_until(condition, what, limit_s=60):
    """Wait for something that Slurm does, and fail after a while."""
    end = time.monotonic() + limit_s
    while not (found := condition()):
        assert time.monotonic() < end, f"{what} did not come in {limit_s} s"
        time.sleep(0.1)
    return found


@contextlib.contextmanager
def slurm(folder):
    """Start the daemons with all their files in the folder, and end them."""
    for name in ("state", "spool"):
        (folder / name).mkdir()
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        ports = [one.getsockname()[1], other.getsockname()[1]]
    (folder / "slurm.conf").write_text(CONFIGURATION.format(folder=folder, ports=ports))
    (folder / "gres.conf").write_text("Name=gpu File=/dev/null\nName=gpu File=/dev/zero\n")
    subprocess.run(["mungekey", "--create", f"--keyfile={folder / 'munge.key'}"], check=True)
    files = {"key-file": "munge.key", "socket": "munge.socket", "pid-file": "munged.pid", "seed-file": "munged.seed"}
    files["log-file"] = "munged.log"
    options = [f"--{name}={folder / file}" for name, file in files.items()]
    commands = [
        ["munged", "--foreground", "--force", *options],
        ["slurmctld", "-D", "-c"],
        ["slurmd", "-D", "-N", "bench"],
    ]
    with contextlib.ExitStack() as stack:
        os.environ["SLURM_CONF"] = str(folder / "slurm.conf")
        stack.callback(os.environ.pop, "SLURM_CONF")
        for command in commands:
            log = stack.enter_context((folder / f"{command[0]}.out").open("w"))
            daemon = stack.enter_context(subprocess.Popen(command, stdout=log, stderr=log))
            stack.callback(daemon.terminate)
            if command[0] == "munged":
                wait_until((folder / "munge.socket").exists, "munged")
        wait_until(lambda: ask("sinfo", "-h", "-o", "%T") == "idle", "an idle node", 30)
        stack.callback(wait_until, lambda: not ask("squeue", "-h"), "an empty queue")
        stack.callback(ask, "scancel", "--user=root")
        yield
