"""What the training stages of all methods share as Lightning modules."""

from typing import Any

import lightning as L
import torch
from torch import nn

from vadbench.training.settings import StageSettings

__all__ = ["Stage"]


class Stage(L.LightningModule):
    """A stage trained with Adam; a method's own stage adds its loss as `training_step`.

    Args:
        networks: What is trained; its state is what the stage's weights file holds.
        training: Epochs, batches, learning rate and its decay.
    """

    def __init__(self, networks: nn.Module, training: StageSettings) -> None:
        super().__init__()
        self.networks, self.training_settings = networks, training

    def configure_optimizers(self) -> Any:
        """Adam over all parameters that are not frozen, decayed every few epochs."""
        settings = self.training_settings
        optimizer = torch.optim.Adam(
            [item for item in self.parameters() if item.requires_grad],
            lr=settings.learning_rate,
            eps=settings.epsilon,
            fused=True,
        )
        schedule = torch.optim.lr_scheduler.StepLR(optimizer, settings.decay_every, settings.decay)
        return {"optimizer": optimizer, "lr_scheduler": schedule}
