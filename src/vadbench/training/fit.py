"""Trains a stage with Lightning so that a kill at any moment costs minutes and changes nothing.

Randomness and the choice of data are functions of seed and step, and checkpoints are written
whole: a run that was killed and started again ends with the same weights, bit for bit.

On several devices each process trains on its part of every batch; see `distributed`.
"""

import fcntl
import hashlib
import json
import logging
import math
import os
import shutil
import signal
import socket
import sys
import threading
import time
import warnings
import zipfile
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, ClassVar

import lightning as L
import torch
import torch.distributed as dist
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from lightning.pytorch.utilities.exceptions import SIGTERMException
from safetensors.torch import save as serialise

from vadbench.artefacts import file_digest, library_versions, write_atomically
from vadbench.artefacts.seal import EMPTY, seal_bytes
from vadbench.errors import VadbenchError
from vadbench.training import distributed, progress
from vadbench.training.data import Batches
from vadbench.training.machine import number_format
from vadbench.training.stage import Stage

__all__ = ["BestEpoch", "ChosenEpoch", "LeastLoss", "alone", "fit", "save_weights"]

log = logging.getLogger(__name__)
CHECKPOINT_SECONDS = 300.0


class _Training(L.LightningModule):
    """A stage as Lightning wants it."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self.stage = stage

    def training_step(self, batch: dict[str, torch.Tensor], batch_idx: int) -> torch.Tensor:
        share = batch.pop("share", None)
        loss = self.stage.training_step(batch)
        if share is None:
            self.log_dict(self.stage.logged)
            return loss
        logged = {name: value * share for name, value in self.stage.logged.items()}
        self.log_dict(logged, sync_dist=True)
        return loss * share

    def configure_optimizers(self) -> Any:
        optimizer, schedule = self.stage.optimiser()
        return {"optimizer": optimizer, "lr_scheduler": schedule}


class _Reseed(Callback):
    """Makes the randomness of every step a function of seed and step."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_batch_start(
        self, trainer: L.Trainer, module: L.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Seeds the generators before a step."""
        # Noise of different samples must not be the same, in whichever process they are.
        rank = f" {trainer.global_rank}" if trainer.global_rank else ""
        text = f"{self.seed} {trainer.global_step}{rank}".encode()
        torch.manual_seed(int.from_bytes(hashlib.sha256(text).digest()[:7]))


class _Keep(Callback):
    """Keeps the last checkpoint: at least every few minutes, and when told to stop.

    SIGTERM and SIGUSR1 tell it to, which schedulers send some time before they kill.
    """

    def __init__(self, path: Path, key: str, judge: str | None) -> None:
        self.path, self.key, self.judge = path, key, judge
        self._last = time.monotonic()
        self._told = False

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._told = True

    def on_fit_start(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        """Listens to signals in Lightning's place, which puts its own listeners back at the end.

        Lightning's talk to other processes whatever these are at.
        """
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGUSR1):
                signal.signal(number, self._note)

    def on_save_checkpoint(
        self, trainer: L.Trainer, module: L.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Notes what is being trained."""
        checkpoint["vadbench"] = self.key
        checkpoint["vadbench_judge"] = self.judge

    def step(self) -> int:
        """Steps done at the checkpoint; 0 if there is none, whole and of this very training."""
        if not self.path.is_file():
            return 0
        try:
            # torch reads past damage that an archive's own checksums show.
            with zipfile.ZipFile(self.path) as archive:
                damaged = archive.testzip()
            if damaged:
                raise zipfile.BadZipFile(f"its part {damaged} is damaged")
            kept = torch.load(self.path, weights_only=True, mmap=True)
        except Exception as error:  # What a broken file raises is not documented.
            log.warning("%s cannot be read (%s); starting anew", self.path, error)
            return 0
        if kept.get("vadbench") != self.key:
            log.info("%s is of other settings, code or data; starting anew", self.path)
            return 0
        if self.judge is not None and kept.get("vadbench_judge") != self.judge:
            # The epochs before it were judged otherwise, or not at all, and their weights are gone.
            log.info("%s holds no epoch that was chosen in this way; starting anew", self.path)
            return 0
        return int(kept["global_step"])

    def _save(self, trainer: L.Trainer) -> None:
        temporary = self.path.with_suffix(".part")
        try:
            trainer.save_checkpoint(temporary)
            if trainer.is_global_zero:
                with open(temporary, "rb") as stream:
                    os.fsync(stream.fileno())
                os.replace(temporary, self.path)
        except (OSError, RuntimeError) as error:  # RuntimeError: how torch says it.
            temporary.unlink(missing_ok=True)
            if isinstance(error, RuntimeError) and _is_of_another(error):
                raise
            raise VadbenchError(
                f"{self.path}: the checkpoint cannot be written ({error}); started again, the "
                "training goes on from the last one that could"
            ) from error
        self._last = time.monotonic()

    def _agreed(self, trainer: L.Trainer) -> int:
        """2 if some process is told to stop, 1 if for some it is time to save, else 0."""
        wish = 2 if self._told else int(time.monotonic() - self._last > CHECKPOINT_SECONDS)
        if trainer.world_size == 1:
            return wish
        own = torch.tensor(wish, device=trainer.strategy.root_device)
        return int(trainer.strategy.reduce(own, reduce_op="max"))

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        module: L.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Saves if the last checkpoint is some minutes old, and stops if told to."""
        if trainer.is_last_batch:
            return  # The end of the epoch follows.
        agreed = self._agreed(trainer)
        if agreed:
            self._save(trainer)
        if agreed == 2:
            raise SIGTERMException

    def on_train_epoch_end(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        """Saves at the end of an epoch, and stops if told to and it is not the last."""
        self._save(trainer)
        more = trainer.current_epoch + 1 < (trainer.max_epochs or 0)
        if self._agreed(trainer) == 2 and more:
            raise SIGTERMException


class ChosenEpoch(Callback):
    """Scores every epoch and keeps the weights of the best.

    Checkpoints hold what it keeps, so a training that goes on knows what an undisturbed one knows.

    Args:
        networks: What is trained.
        about: All that a score depends on beside them (JSON types); a checkpoint of epochs that
            were judged otherwise is not used.

    Attributes:
        name: Of the selection.
        key: Digest of `about`.
        score: The best score so far, the higher the better.
        epoch: Its epoch, from 0; negative before the first.
        weights: The networks' weights then, on the processor.
    """

    name: ClassVar[str]

    def __init__(self, networks: torch.nn.Module, about: Mapping[str, Any]) -> None:
        self._networks = networks
        self.key = _digest(about)
        self.score, self.epoch = -math.inf, -1
        self.weights: dict[str, torch.Tensor] = {}

    @abstractmethod
    def facts(self) -> dict[str, Any]:
        """What is stored with the weights: how they were chosen, the epoch, and its score."""

    def _offer(self, score: float, epoch: int) -> None:
        if score > self.score or self.epoch < 0:
            self.score, self.epoch = score, epoch
            state = self._networks.state_dict()
            self.weights = {name: value.detach().cpu().clone() for name, value in state.items()}

    def state_dict(self) -> dict[str, Any]:
        """The best so far."""
        return {"score": self.score, "epoch": self.epoch, "weights": self.weights}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restores the best so far."""
        self.score, self.epoch = state_dict["score"], state_dict["epoch"]
        self.weights = state_dict["weights"]


class BestEpoch(ChosenEpoch):
    """Keeps the epoch that scores best on the test set.

    Args:
        networks: What is trained.
        judge: Returns the AUC of the networks as they are.
        about: See `ChosenEpoch`.
    """

    name = "best_test"

    def __init__(
        self, networks: torch.nn.Module, judge: Callable[[], float], about: Mapping[str, Any]
    ) -> None:
        super().__init__(networks, about)
        self._judge = judge

    def facts(self) -> dict[str, Any]:
        """The epoch and its AUC."""
        return {"chosen": "best test AUC", "epoch": self.epoch, "test_auc": self.score}

    def on_train_epoch_end(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        """Scores the epoch."""
        module.eval()
        score = self._judge()
        module.train()
        module.log("test_auc", score, rank_zero_only=True)
        self._offer(score, trainer.current_epoch)


class LeastLoss(ChosenEpoch):
    """Keeps the epoch with the lowest training loss, the mean of its steps'.

    Args:
        networks: What is trained.
    """

    name = "train_loss"

    def __init__(self, networks: torch.nn.Module) -> None:
        super().__init__(networks, {"chosen": self.name})
        self._total: torch.Tensor | float = 0.0
        self._steps = 0

    def facts(self) -> dict[str, Any]:
        """The epoch and its loss."""
        return {"chosen": "lowest training loss", "epoch": self.epoch, "train_loss": -self.score}

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        module: L.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Adds a step's loss, where it is computed: fetching it would make a GPU wait."""
        self._total = self._total + outputs["loss"].detach().double()
        self._steps += 1

    def on_train_epoch_end(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        """Compares the epoch's loss, of all processes."""
        loss = torch.as_tensor(self._total, device=module.device) / self._steps
        if trainer.world_size > 1:
            loss = trainer.strategy.reduce(loss, reduce_op="mean")
        self._total, self._steps = 0.0, 0
        module.log("epoch_loss", float(loss), rank_zero_only=True)
        self._offer(-float(loss), trainer.current_epoch)

    def state_dict(self) -> dict[str, Any]:
        """The best so far, and what is known of the epoch that is under way."""
        return super().state_dict() | {"total": float(self._total), "steps": self._steps}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restores both."""
        super().load_state_dict(state_dict)
        self._total, self._steps = state_dict["total"], state_dict["steps"]


def fit(
    stage: Stage,
    batches: Batches,
    *,
    epochs: int,
    seed: int,
    work: Path,
    precision: str,
    about: Mapping[str, Any],
    best: ChosenEpoch | None = None,
    devices: int = 1,
    threads: int = 1,
) -> bool:
    """Trains a stage to its last epoch, going on from its checkpoint if there is one.

    Args:
        stage: What to train; its parameters must be initialised already.
        batches: The training data.
        epochs: Epochs in all.
        seed: Seed of dropout and sampling.
        work: Folder for the checkpoint and the logs (CSV and TensorBoard).
        precision: "auto", "32" or "bf16".
        about: All that the weights depend on (JSON types); a checkpoint of anything else is not
            used.
        best: Keeps the epoch that is chosen beside the last, where one is asked for.
        devices: GPUs to train on, or processes where there is no GPU. Each trains on its part of
            a batch, and has a copy of the samples in memory.
        threads: Threads of each process.

    Returns:
        Whether this process is the one that writes the weights.

    Raises:
        VadbenchError: There are fewer GPUs than devices, or a checkpoint cannot be written.
        SystemExit: The job was told to stop and has saved where it is.
    """
    rank = distributed.join(devices, threads)
    batches.share(rank, devices)
    work.mkdir(parents=True, exist_ok=True)
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    number = number_format(precision)
    facts = {**about, "steps": seed, "precision": number, "torch": torch.__version__}
    keep = _Keep(work / "last.ckpt", _digest(facts), None if best is None else best.key)
    step = keep.step()
    batches.go_to(step)
    if not step and not rank:
        shutil.rmtree(work / "logs", ignore_errors=True)
    attempt = len(list((work / "logs").glob("version_*")))
    callbacks: list[Callback] = [_Reseed(seed), *progress.callbacks()]
    if best is not None:
        callbacks.append(best)
    callbacks.append(keep)
    trainer = L.Trainer(
        accelerator="auto",
        devices=devices,
        strategy=distributed.strategy(devices),
        plugins=[
            distributed.environment(),
            *([distributed.synchronised()] if devices > 1 else []),
        ],
        precision=number,
        max_epochs=epochs,
        logger=[
            # A run that goes on after a kill logs into the next version_<n>.
            CSVLogger(work, "logs", version=attempt),
            TensorBoardLogger(work, "logs", version=attempt),
        ],
        callbacks=callbacks,
        enable_checkpointing=False,
        enable_progress_bar=progress.on_terminal(),
        enable_model_summary=False,
        log_every_n_steps=min(20, len(batches)),
        use_distributed_sampler=False,
    )
    log.info(
        "%s: %d epochs of %d samples in batches of %d, %s%s",
        type(stage).__name__,
        epochs,
        batches.per_epoch,
        batches.batch_size,
        number,
        f", going on after step {step}" if step else "",
    )
    try:
        with warnings.catch_warnings():
            # `batches` has been told where to go on.
            warnings.filterwarnings("ignore", message=".*your dataloader is not resumable")
            warnings.filterwarnings("ignore", message=".*LeafSpec.*is deprecated")
            # A checkpoint may hold a best epoch that is not asked for any more.
            warnings.filterwarnings("ignore", message=".*callbacks used to create the checkpoint")
            # Below a scheduler a job is one task, whatever it starts itself.
            warnings.filterwarnings("ignore", message=".*`srun` command is available")
            trainer.fit(
                _Training(stage),
                train_dataloaders=batches,
                ckpt_path=str(keep.path) if step else None,
                weights_only=True,
            )
    except SIGTERMException:
        log.info("told to stop; started again, it goes on from %s", keep.path)
        # A process of the group that fails has all others killed.
        sys.exit(0 if rank else 128 + signal.SIGTERM)
    except RuntimeError as error:
        if devices == 1 or not _is_of_another(error):
            raise
        raise VadbenchError(
            f"one of the {devices} processes that train together is gone, killed or out of memory "
            f"({str(error).splitlines()[0]}); started again, the training goes on from {keep.path}"
        ) from error
    if trainer.interrupted:
        raise KeyboardInterrupt
    return rank == 0


def _digest(facts: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _is_of_another(error: RuntimeError) -> bool:
    """Whether a collective operation failed because another process is gone."""
    texts = ("Connection closed by peer", "Connection reset by peer", "Broken pipe")
    return isinstance(error, dist.DistError) or any(text in str(error) for text in texts)


@contextmanager
def alone(work: Path, devices: int = 1) -> Iterator[None]:
    """Sees to it that no other job trains into the same folder meanwhile.

    That happens where a run is started anew while jobs of one that was killed are still there.

    Raises:
        VadbenchError: Another one does.
    """
    if distributed.own_rank(devices):
        yield
        return
    work.mkdir(parents=True, exist_ok=True)
    with open(work / "process.lock", "a+") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            stream.seek(0)
            owner = stream.read(100).strip() or "unknown"
            raise VadbenchError(
                f"{work}: another process trains into this folder ({owner}), perhaps of a run that "
                "was killed; wait for it or end it, and run again"
            ) from None
        except OSError as error:
            log.debug("%s: the file system knows no locks (%s)", work, error)
        stream.truncate(0)
        stream.write(f"process {os.getpid()} on {socket.gethostname()}\n")
        stream.flush()
        yield


def save_weights(
    state: Mapping[str, torch.Tensor], path: Path, about: Mapping[str, Any], inputs: list[Path]
) -> None:
    """Writes weights as safetensors, whole or not at all, with what they were made from.

    Args:
        state: Tensors by name.
        path: The file.
        about: Facts (JSON types) about the training: method, stage, variant, seed, settings, code.
        inputs: Files they were made from; their digests are stored.
    """
    digests = {item.as_posix(): file_digest(item) for item in inputs}
    facts = {**about, "inputs": digests, "libraries": library_versions(), "seal": EMPTY}
    # One entry: the library writes several in no fixed order, and the file would differ each time.
    metadata = {"vadbench": json.dumps(facts, sort_keys=True)}
    tensors = {name: value.detach().cpu().contiguous() for name, value in state.items()}
    with write_atomically(path) as stream:
        stream.write(seal_bytes(serialise(tensors, metadata)))
