"""Which device, which precision, how many threads, how much memory, how many processes."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import pathlib
import subprocess
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from .events import Trouble

if TYPE_CHECKING:
    import torch

SECRETS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "OAUTH_CLIENT_SECRET")  # of this process; others read what they need


def choose(wish: str = "") -> torch.device:
    """The best device at hand: CUDA, then Apple's MPS, then the CPU. Under torchrun each process gets its own GPU.

    Raises Trouble where the one wished for ("cpu", "cuda", "mps") is not there.
    """
    import torch

    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if wish and not there[wish]:
        raise Trouble("There is no {device} here that torch can use.", device=wish)
    if wish in ("cpu", "mps"):
        return torch.device(wish)
    if there["cuda"]:
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)) % torch.cuda.device_count())
    return torch.device("mps" if there["mps"] else "cpu")


def precision(device: torch.device, wish: str = "auto") -> torch.dtype:
    """The type for autocast: bfloat16 on GPUs that have it, float16 on those that do not, float32 on a CPU."""
    import torch

    if wish != "auto":
        return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[wish]
    if device.type != "cuda":
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16


def cores() -> int:
    """How many processor cores this process may really use (containers often see more than they get)."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with contextlib.suppress(OSError, ValueError):
        with open("/sys/fs/cgroup/cpu.max", encoding="ascii") as file:
            quota, period = file.read().split()
        usable = min(usable, max(1, int(quota) // int(period)))
    return usable


def threads(wish: int = 0) -> int:
    """How many threads training uses: half of the cores, at most four, so that the app and the page keep theirs.

    These networks are small, and threads that wait for each other on a busy machine cost far more than they bring:
    with both of two cores busy, two threads made a tenth of the pictures that one made.
    """
    return wish or max(1, min(cores() // 2, 4))


def child_environment() -> dict[str, str]:
    """The environment for a process of our own: it finds this package, knows no secret, and its idle threads sleep.

    Threads that spin while they wait starve everyone on a busy machine: a GAN made 63 pictures a second instead of
    276, and fitting a VAE's mixture took 13 processor seconds instead of 0.3.
    """
    here = str(pathlib.Path(__file__).resolve().parents[1])
    paths = os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH")]))
    kept = {name: value for name, value in os.environ.items() if name not in SECRETS}
    return {**kept, "PYTHONPATH": paths, "OMP_WAIT_POLICY": "passive", "OPENBLAS_NUM_THREADS": "1"}


def spawn(
    module: str, folder: pathlib.Path, stdin: int = subprocess.DEVNULL, log: str = "log.txt", **more: str
) -> subprocess.Popen:
    """`python -m MODULE FOLDER` as a process of its own that outlives us and inherits no secret.

    What it prints is in the folder, in the file `log`; `more` are variables of its environment.
    """
    flags = ("CREATE_NEW_PROCESS_GROUP", "BELOW_NORMAL_PRIORITY_CLASS")  # of Windows
    with open(folder / log, "wb") as printed:
        return subprocess.Popen(
            [sys.executable, "-m", module, str(folder.resolve())],
            env={**child_environment(), **more},
            stdin=stdin,
            stdout=printed,
            stderr=printed,
            start_new_session=True,
            creationflags=sum(getattr(subprocess, flag, 0) for flag in flags),
        )


def be_nice() -> None:
    """Leave the processor to whoever uses this machine; called by a process of ours when it begins."""
    if hasattr(os, "nice"):
        os.nice(max(0, 10 - os.nice(0)))


def memory() -> int:
    """Bytes of memory that are free for this process, as far as the system tells; 0 where it does not."""
    with contextlib.suppress(OSError, ValueError, StopIteration), open("/proc/meminfo", encoding="ascii") as file:
        return 1024 * int(next(line for line in file if line.startswith("MemAvailable")).split()[1])
    return 0


@contextlib.contextmanager
def limited(most: int) -> Iterator[None]:
    """While strange files are read, only so many bytes of memory more, where the platform has such a limit."""
    if sys.platform != "linux":
        yield
        return
    import resource

    with open("/proc/self/statm", encoding="ascii") as file:
        held = int(file.read().split()[5]) * resource.getpagesize()  # by what is loaded already
    before = resource.getrlimit(resource.RLIMIT_DATA)
    most = held + most if before[0] < 0 else min(held + most, before[0])
    resource.setrlimit(resource.RLIMIT_DATA, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)


def peak_memory() -> int:
    """Bytes that this process has used at most, on the GPU where there is one."""
    import torch

    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    try:
        import resource
    except ImportError:  # Windows
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if os.uname().sysname == "Darwin" else 1024)


def forget_peak() -> None:
    """From now on `peak_memory` tells of what follows; on a processor only where the system allows it (Linux)."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)  # what was freed but not given back would hide what comes
        with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
            file.write("5")


def processes() -> tuple[int, int]:
    """This process's rank and how many there are, joining the group that torchrun set up."""
    import torch
    from torch import distributed

    count = int(os.environ.get("WORLD_SIZE", 1))
    if count > 1 and not distributed.is_initialized():
        distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    return (distributed.get_rank(), distributed.get_world_size()) if count > 1 else (0, 1)
