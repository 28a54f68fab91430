"""Says how far a training is, which changes nothing in it: no fingerprint covers this module."""

import logging
import sys
import time
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Callback, RichProgressBar

__all__ = ["callbacks", "on_terminal"]

log = logging.getLogger(__name__)


def on_terminal() -> bool:
    """Whether somebody may be looking."""
    return sys.stderr.isatty()


def callbacks() -> list[Callback]:
    """Returns what logs the progress and, on a terminal, shows it as a bar."""
    return [_Tell(), *([RichProgressBar()] if on_terminal() else [])]


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
