"""A Slurm of two nodes on this host: munged, slurmctld and two slurmd on the loopback interface.

It is a real one, and small: no accounting, two GPUs a node that are none, and more processors than
there are. Its slurm.conf lies where every Slurm command looks for it, in /etc/slurm, and what lay
there comes back when it stops. Each slurmd is the first process of a PID namespace of its own, so
that killing it takes along all that runs on its node, as a power cut does.
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ETC = Path("/etc/slurm")
NODES = ("vad1", "vad2")
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scontrol", "unshare")
KEPT = ".before-vadbench-test"
# /dev/null is a file that is there everywhere; nothing here opens a GPU.
GRES = "Name=gpu File=/dev/null\n"
CONF = """\
ClusterName=vadbench
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort=26817
AuthType=auth/munge
AuthInfo=socket={work}/munge.socket
SlurmUser=root
SlurmdUser=root
StateSaveLocation={work}/state
SlurmdSpoolDir={work}/%n
SlurmctldPidFile={work}/slurmctld.pid
SlurmdPidFile={work}/%n.pid
SlurmctldLogFile={work}/slurmctld.log
SlurmdLogFile={work}/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
MailProg=/bin/true
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
GresTypes=gpu
SlurmdParameters=config_overrides
SlurmctldTimeout=30
SlurmdTimeout=20
MinJobAge=3600
KillWait=5
JobRequeue=0
ReturnToService=2
NodeName={nodes[0]} NodeHostname={host} NodeAddr=127.0.0.1 Port=26818 CPUs=8 RealMemory=40000 \
Gres=gpu:1
NodeName={nodes[1]} NodeHostname={host} NodeAddr=127.0.0.1 Port=26819 CPUs=8 RealMemory=40000 \
Gres=gpu:1
PartitionName=short Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


class SlurmError(RuntimeError):
    """This host cannot run the cluster."""


class Slurm:
    """The running cluster.

    Args:
        work: A folder for its state and logs, of a path without blanks.
    """

    def __init__(self, work: Path) -> None:
        self.work = work
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        """Starts all daemons and waits until both nodes take jobs."""
        (self.work / "state").mkdir(parents=True)
        key = self.work / "munge.key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o600)
        self._start(
            "munged",
            ["munged", "--foreground", "--force"]
            + [f"--{item}-file={self.work}/munged.{item}" for item in ("pid", "seed")]
            + [f"--key-file={key}", f"--socket={self.work}/munge.socket"],
        )
        _wait(lambda: (self.work / "munge.socket").exists(), 30, "munged made no socket")
        self._start("slurmctld", ["slurmctld", "-D", "-c"])
        for node in NODES:
            self.start_node(node)
        _wait(
            lambda: set(self.nodes().values()) == {"idle"},
            90,
            f"the nodes did not come up; their logs are in {self.work}",
        )

    def start_node(self, node: str) -> None:
        """Starts a node's slurmd, in a PID namespace of its own."""
        namespace = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
        self._start(node, [*namespace, "slurmd", "-D", "-N", node])

    def kill_node(self, node: str) -> None:
        """Kills a node's slurmd, and with its namespace everything that runs there."""
        process = self._processes.pop(node)
        process.kill()
        process.wait()

    def nodes(self) -> dict[str, str]:
        """State of each node as sinfo says it."""
        command = ["sinfo", "--noheader", "--Node", "--format=%N %t"]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        return dict(line.split() for line in result.stdout.splitlines())

    def jobs(self, *formats: str) -> list[list[str]]:
        """All jobs, finished ones too, with the given fields of squeue's --Format."""
        form = ",".join(f"{item}:200" for item in formats)
        command = ["squeue", "--noheader", "--states=all", f"--Format={form}"]
        lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        cut = [slice(200 * i, 200 * (i + 1)) for i in range(len(formats))]
        return [[line[part].strip() for part in cut] for line in lines.splitlines()]

    def stop(self) -> None:
        """Ends every process that it started."""
        for process in reversed(self._processes.values()):
            process.terminate()
        for name, process in reversed(self._processes.items()):
            try:
                # unshare does not pass the signal on: killing it kills its child.
                process.wait(timeout=1 if name in NODES else 10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._processes.clear()

    def _start(self, name: str, command: list[str]) -> None:
        with open(self.work / f"{name}.out", "ab") as log:
            # They die with this process, whatever happens to it.
            self._processes[name] = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )


@contextmanager
def running(work: Path) -> Iterator[Slurm]:
    """Runs the cluster; stops it, and puts back what lay in /etc/slurm, however this ends.

    Raises:
        SlurmError: A program is missing, this is not root, or a Slurm runs here already.
    """
    _check()
    slurm = Slurm(work)
    before = signal.signal(signal.SIGTERM, _interrupt)
    _restore()  # What a test that was killed by SIGKILL left.
    text = CONF.format(host=socket.gethostname().partition(".")[0], work=work, nodes=NODES)
    try:
        for name, content in (("slurm.conf", text), ("gres.conf", GRES)):
            _replace(ETC / name, content)
        slurm.start()
        yield slurm
    finally:
        slurm.stop()
        _restore()
        signal.signal(signal.SIGTERM, before)


def _check() -> None:
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        raise SlurmError(
            f"{', '.join(missing)} not found: install Debian's slurm-wlm and munge "
            "(make test-slurm does, as root)"
        )
    if os.geteuid() != 0:
        raise SlurmError("a cluster on this host takes root: it writes /etc/slurm/slurm.conf")
    for name in ("slurmctld", "slurmd"):
        if subprocess.run(["pidof", name], capture_output=True, check=False).returncode == 0:
            raise SlurmError(f"{name} runs on this host already; a Slurm in use is left alone")


def _replace(path: Path, text: str) -> None:
    """Writes a file; one that is there already is kept beside it."""
    ETC.mkdir(exist_ok=True)
    if path.exists():
        path.rename(path.with_name(path.name + KEPT))
    else:
        path.with_name(path.name + KEPT + "-absent").touch()
    path.write_text(text)


def _restore() -> None:
    for kept in ETC.glob(f"*{KEPT}"):
        kept.rename(kept.with_name(kept.name.removesuffix(KEPT)))
    for mark in ETC.glob(f"*{KEPT}-absent"):
        mark.with_name(mark.name.removesuffix(f"{KEPT}-absent")).unlink(missing_ok=True)
        mark.unlink()


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt(f"signal {number}")


def _wait(done: Callable[[], bool], seconds: float, message: str) -> None:
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            raise SlurmError(message)
        time.sleep(0.3)
