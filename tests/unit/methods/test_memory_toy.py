import pytest
import torch

from vadbench.methods import get_method
from vadbench.methods.memory_toy.settings import MemoryToySettings
from vadbench.methods.memory_toy.train import ReconstructStage

VARIANTS = get_method("memory_toy").variants


@pytest.mark.parametrize("variant", VARIANTS)
def test_each_variant_has_its_memories_and_skips(variant: str) -> None:
    torch.manual_seed(0)
    settings = MemoryToySettings(memory_slots=8, **VARIANTS[variant].overrides)
    stage = ReconstructStage(settings)
    batch = {"frames": torch.randint(0, 256, (4, 1, 32, 32, 1)).byte()}
    made, addressed = stage.networks(batch["frames"][:, 0].permute(0, 3, 1, 2).float() / 255)
    assert made.shape == (4, 1, 32, 32)
    assert len(addressed) == settings.memories
    stage.training_step(batch).backward()
    for name, item in stage.named_parameters():
        assert item.grad is not None, name


def test_the_six_variants_are_those_of_the_figure() -> None:
    networks = {
        (variant.overrides["memories"], variant.overrides["skips"]) for variant in VARIANTS.values()
    }
    assert networks == {(1, 0), (4, 0), (1, 3), (4, 3), (2, 1), (3, 2)}
