"""Trains a stage with Lightning so that a kill at any moment costs minutes and changes nothing.

Randomness and the choice of data are functions of seed and step, and checkpoints are written
whole: a run that was killed and started again ends with the same weights, bit for bit.
"""

import hashlib
import json
import logging
import os
import shutil
import signal
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback, RichProgressBar
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from lightning.pytorch.utilities.exceptions import SIGTERMException
from safetensors.torch import save as serialise

from vadbench.artefacts import file_digest, library_versions, write_atomically
from vadbench.artefacts.seal import EMPTY, seal_bytes
from vadbench.training.data import Batches
from vadbench.training.machine import use_bfloat16
from vadbench.training.stage import Stage

__all__ = ["fit", "save_weights"]

log = logging.getLogger(__name__)
CHECKPOINT_SECONDS = 300.0


class _Training(L.LightningModule):
    """A stage as Lightning wants it."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self.stage = stage

    def training_step(self, batch: dict[str, torch.Tensor], batch_idx: int) -> torch.Tensor:
        loss = self.stage.training_step(batch)
        self.log_dict(self.stage.logged)
        return loss

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
        text = f"{self.seed} {trainer.global_step}".encode()
        torch.manual_seed(int.from_bytes(hashlib.sha256(text).digest()[:7]))


class _Tell(Callback):
    """Logs once a minute how far the training is, for where there is no terminal."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        module: L.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Logs epoch, step and loss."""
        if time.monotonic() - self._last < 60:
            return
        self._last = time.monotonic()
        log.info(
            "epoch %d of %s, step %d of %s, loss %.4g",
            trainer.current_epoch + 1,
            trainer.max_epochs,
            trainer.global_step,
            trainer.estimated_stepping_batches,
            float(outputs["loss"]),
        )


class _Keep(Callback):
    """Keeps the last checkpoint: at least every few minutes, and when told to stop."""

    def __init__(self, path: Path, key: str) -> None:
        self.path, self.key = path, key
        self._last = time.monotonic()

    def on_save_checkpoint(
        self, trainer: L.Trainer, module: L.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Notes what is being trained."""
        checkpoint["vadbench"] = self.key

    def step(self) -> int:
        """Steps done at the checkpoint; 0 if there is none, whole and of this very training."""
        if not self.path.is_file():
            return 0
        try:
            kept = torch.load(self.path, weights_only=True, mmap=True)
        except Exception as error:  # What a broken file raises is not documented.
            log.warning("%s cannot be read (%s); starting anew", self.path, error)
            return 0
        if kept.get("vadbench") != self.key:
            log.info("%s is of other settings, code or data; starting anew", self.path)
            return 0
        return int(kept["global_step"])

    def _save(self, trainer: L.Trainer) -> None:
        temporary = self.path.with_suffix(".part")
        trainer.save_checkpoint(temporary)
        os.replace(temporary, self.path)
        self._last = time.monotonic()

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        module: L.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Saves if the last checkpoint is some minutes old, or the job is to stop."""
        if trainer.is_last_batch:
            return  # The end of the epoch follows.
        if trainer.received_sigterm or time.monotonic() - self._last > CHECKPOINT_SECONDS:
            self._save(trainer)

    def on_train_epoch_end(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        """Saves at the end of an epoch."""
        self._save(trainer)


class _AfterEpoch(Callback):
    """Scores every epoch on the test set and keeps the weights of the best, where asked for."""

    def __init__(self, score: Callable[[], float], keep: Callable[[float, int], None]) -> None:
        self.score, self.keep = score, keep
        self.best = -1.0

    def on_train_epoch_end(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        """Scores the epoch."""
        module.eval()
        value = self.score()
        module.train()
        module.log("test_auc", value)
        if value > self.best:
            self.best = value
            self.keep(value, trainer.current_epoch)

    def state_dict(self) -> dict[str, Any]:
        """The best so far, kept in checkpoints."""
        return {"best": self.best}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restores the best so far."""
        self.best = state_dict["best"]


def fit(
    stage: Stage,
    batches: Batches,
    *,
    epochs: int,
    seed: int,
    work: Path,
    precision: str,
    about: Mapping[str, Any],
    after_epoch: tuple[Callable[[], float], Callable[[float, int], None]] | None = None,
) -> None:
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
        after_epoch: Scores the test set, and keeps the weights of a new best.
    """
    work.mkdir(parents=True, exist_ok=True)
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    number: Literal["bf16-mixed", "32-true"] = (
        "bf16-mixed" if use_bfloat16(precision) else "32-true"
    )
    facts = {**about, "steps": seed, "precision": number, "torch": torch.__version__}
    key = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    keep = _Keep(work / "last.ckpt", key)
    step = keep.step()
    batches.go_to(step)
    if not step:
        shutil.rmtree(work / "logs", ignore_errors=True)
    attempt = len(list((work / "logs").glob("version_*")))
    callbacks: list[Callback] = [_Reseed(seed), _Tell()]
    if after_epoch is not None:
        callbacks.append(_AfterEpoch(*after_epoch))
    callbacks.append(keep)
    interactive = sys.stderr.isatty()
    if interactive:
        callbacks.append(RichProgressBar())
    trainer = L.Trainer(
        accelerator="auto",
        devices=1,
        precision=number,
        max_epochs=epochs,
        logger=[
            # A run that goes on after a kill logs into the next version_<n>.
            CSVLogger(work, "logs", version=attempt),
            TensorBoardLogger(work, "logs", version=attempt),
        ],
        callbacks=callbacks,
        enable_checkpointing=False,
        enable_progress_bar=interactive,
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
            trainer.fit(
                _Training(stage),
                train_dataloaders=batches,
                ckpt_path=str(keep.path) if step else None,
                weights_only=True,
            )
    except SIGTERMException:
        log.info("told to stop; started again, it goes on from %s", keep.path)
        sys.exit(128 + signal.SIGTERM)
    if trainer.interrupted:
        raise KeyboardInterrupt


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
