"""What the training stages of all methods share.

Nothing here imports Lightning: scoring reads the same modules, and its start-up would double.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from vadbench.training.settings import StageSettings

__all__ = ["Stage"]


class Stage(nn.Module, ABC):
    """A stage trained with Adam; a method's own stage adds its loss as `training_step`.

    Args:
        networks: What is trained; its state is what the stage's weights file holds.
        training: Epochs, batches, learning rate and its decay.

    Attributes:
        logged: Parts of the last step's loss, by name.
    """

    def __init__(self, networks: nn.Module, training: StageSettings) -> None:
        super().__init__()
        self.networks, self.training_settings = networks, training
        self.logged: dict[str, Tensor] = {}

    @abstractmethod
    def training_step(self, batch: dict[str, Tensor]) -> Tensor:
        """Returns the loss of a batch."""

    def log(self, parts: Mapping[str, Tensor]) -> None:
        """Notes parts of the loss for the training curves."""
        self.logged |= {name: value.detach() for name, value in parts.items()}

    def optimiser(self) -> tuple[Optimizer, LRScheduler]:
        """Adam over all parameters that are not frozen, decayed every few epochs."""
        settings = self.training_settings
        optimizer = torch.optim.Adam(
            [item for item in self.parameters() if item.requires_grad],
            lr=settings.learning_rate,
            eps=settings.epsilon,
            fused=True,
        )
        schedule = torch.optim.lr_scheduler.StepLR(optimizer, settings.decay_every, settings.decay)
        return optimizer, schedule
