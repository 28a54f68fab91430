"""Training on several devices of one machine: what a process has to know of the others.

Every process runs the whole job and trains on its part of each batch; gradients are averaged
(Lightning's DDP). The first process alone writes.
"""

import ctypes
import os
import signal
import sys
from typing import Any

import torch
import torch.distributed as dist
from lightning.pytorch.plugins.environments import LightningEnvironment
from lightning.pytorch.plugins.layer_sync import LayerSync, TorchSyncBatchNorm
from lightning.pytorch.strategies import DDPStrategy
from torch import Tensor, nn

from vadbench.errors import VadbenchError

__all__ = ["environment", "join", "own_rank", "strategy", "synchronised"]


def environment() -> LightningEnvironment:
    """How processes find each other: they are started here, also below a scheduler's own.

    Inside an allocation Lightning would leave that to the scheduler, and put the job into its
    queue again when it is told to stop; both are Snakemake's business.
    """
    return LightningEnvironment()


def strategy(devices: int) -> DDPStrategy | str:
    """How the processes train together."""
    return DDPStrategy() if devices > 1 else "auto"


def own_rank(devices: int) -> int:
    """Number of this process among those of its job; 0 for the one that writes."""
    return int(os.environ.get("LOCAL_RANK", "0")) if devices > 1 else 0


def join(devices: int, threads: int) -> int:
    """Prepares this process for training with others; returns its rank.

    Args:
        devices: GPUs, or processes where there is no GPU.
        threads: Threads of this process.

    Raises:
        VadbenchError: There are fewer GPUs than that.
    """
    found = torch.cuda.device_count()
    if 0 < found < devices:
        raise VadbenchError(
            f"the job is to train on {devices} GPUs, but this machine shows it {found}; lower the "
            f"rule's resource (--set-resources train:gpu={found}) or ask for a machine with more"
        )
    if devices > 1:
        # Else Lightning takes an equal part of all processors, whatever the job was given.
        os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    rank = own_rank(devices)
    if rank:
        _end_with_parent()
    return rank


def _end_with_parent() -> None:
    """Has the kernel end this process when the one that started it is gone, killed or not."""
    if sys.platform == "linux":
        parent, set_signal = os.getppid(), 1  # PR_SET_PDEATHSIG of linux/prctl.h
        ctypes.CDLL(None).prctl(set_signal, signal.SIGKILL)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)


def synchronised() -> LayerSync:
    """Has batch norm use the statistics of all processes' samples, as one process would."""
    return TorchSyncBatchNorm() if torch.cuda.is_available() else _ProcessorSync()


class _ProcessorSync(LayerSync):
    """Does what torch's synchronised batch norm does on GPUs only."""

    def apply(self, model: nn.Module) -> nn.Module:
        return _converted(model, nn.BatchNorm2d, _SyncBatchNorm2d)

    def revert(self, model: nn.Module) -> nn.Module:
        return _converted(model, _SyncBatchNorm2d, nn.BatchNorm2d)


def _converted(model: nn.Module, old: type[nn.Module], new: type[nn.Module]) -> nn.Module:
    # Nothing but the forward pass differs, so the layer, its weights and their names may stay.
    for module in model.modules():
        if type(module) is old:
            module.__class__ = new
    return model


class _Sum(torch.autograd.Function):
    """Sum over processes; each one's value counts in the loss of all of them."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        total = values.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        total = gradient.clone()
        dist.all_reduce(total)
        return total


class _SyncBatchNorm2d(nn.BatchNorm2d):
    """Batch norm over the samples of all processes; same results as over them in one process."""

    def forward(self, values: Tensor) -> Tensor:
        """Normalises (B, C, H, W)."""
        if not self.training:
            return super().forward(values)
        axes, wide = (0, 2, 3), values.float()
        count = wide.new_tensor(float(wide.numel() // wide.shape[1]))
        dist.all_reduce(count)
        mean = _Sum.apply(wide.sum(axes)) / count
        centred = wide - mean[:, None, None]
        variance = _Sum.apply(centred.square().sum(axes)) / count
        if self.track_running_stats:
            assert self.running_mean is not None
            assert self.running_var is not None
            assert self.num_batches_tracked is not None
            assert self.momentum is not None
            with torch.no_grad():
                self.num_batches_tracked += 1
                self.running_mean.lerp_(mean, self.momentum)
                self.running_var.lerp_(variance * count / (count - 1), self.momentum)
        scale = torch.rsqrt(variance + self.eps)
        if self.affine:
            scale = scale * self.weight
        shift = self.bias[:, None, None] if self.affine else 0.0
        return (centred * scale[:, None, None] + shift).to(values.dtype)
