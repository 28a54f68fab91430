import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vadbench.networks.losses import addressing_entropy, gradient_loss, mean_divergence
from vadbench.networks.memory import Memory, hard_shrink


def softmax(logits: np.ndarray) -> np.ndarray:
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


def test_memory_is_the_formula_of_the_paper() -> None:
    torch.manual_seed(0)
    memory = Memory(slots=20, width=2 * 3 * 3, threshold=0.03).double()
    features = torch.randn(5, 2, 3, 3, dtype=torch.float64)
    read, weights = memory(features)

    slots, query = memory.slots.detach().numpy(), features.flatten(1).numpy()
    address = softmax(query @ slots.T)
    # Eq. 1 with the shrinkage of MemAE, Eq. 6 and 7 there: below the threshold a weight is 0.
    kept = np.maximum(address - 0.03, 0) * address / (np.abs(address - 0.03) + 1e-12)
    kept /= kept.sum(axis=1, keepdims=True)
    # The softmax is taken in 32 bits, whatever the precision around it.
    np.testing.assert_allclose(weights.detach().numpy(), kept, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(read.flatten(1).detach().numpy(), kept @ slots, rtol=1e-5, atol=1e-7)
    assert (address < 0.03).any()


def test_leaving_unaddressed_slots_out_changes_neither_values_nor_gradients() -> None:
    torch.manual_seed(1)
    memory = Memory(slots=300, width=4 * 2 * 2).double()
    # Distinct slots and strong queries, so that most slots stay unaddressed.
    torch.nn.init.normal_(memory.slots, std=2.0)
    features = torch.randn(6, 4, 2, 2, dtype=torch.float64, requires_grad=True)
    read, weights = memory(features)
    query = features.flatten(1)
    plain_weights = hard_shrink(torch.softmax((query @ memory.slots.T).float(), 1), 1 / 300)
    plain = plain_weights.double() @ memory.slots
    assert (weights > 0).any(dim=0).sum() < 150
    torch.testing.assert_close(read.flatten(1), plain)
    inputs, target = (features, memory.slots), torch.randn(6, 16, dtype=torch.float64)
    losses = [
        (what.flatten(1) - target).square().sum() + addressing_entropy(by)
        for what, by in ((read, weights), (plain, plain_weights))
    ]
    for ours, theirs in zip(*(torch.autograd.grad(loss, inputs) for loss in losses), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_the_order_of_the_slots_does_not_matter() -> None:
    torch.manual_seed(2)
    memory, shuffled = Memory(50, 12), Memory(50, 12)
    order = torch.randperm(50)
    shuffled.slots.data = memory.slots.data[order]
    features = torch.randn(3, 3, 2, 2)
    read, weights = memory(features)
    again, permuted = shuffled(features)
    torch.testing.assert_close(again, read)
    torch.testing.assert_close(permuted, weights[:, order])


@given(st.integers(0, 2**31), st.floats(0.0, 0.2, allow_subnormal=False))
def test_weights_are_a_convex_combination(seed: int, threshold: float) -> None:
    weights = torch.softmax(torch.randn(4, 10, generator=torch.Generator().manual_seed(seed)), 1)
    kept = hard_shrink(weights, threshold)
    assert (kept >= 0).all()
    assert (kept[weights < threshold] == 0).all()
    total = kept.sum(dim=1)
    # A row in which no weight passes the threshold stays empty.
    empty = (weights <= threshold).all(dim=1)
    assert (total[empty] == 0).all()
    assert torch.allclose(total[~empty], torch.ones(()), atol=1e-4)


def test_gradients_reach_every_slot_that_is_addressed() -> None:
    torch.manual_seed(3)
    memory = Memory(8, 12)
    read, _ = memory(torch.randn(4, 3, 2, 2))
    read.square().sum().backward()
    assert memory.slots.grad is not None
    assert (memory.slots.grad.abs().sum(dim=1) > 0).all()


def test_entropy_and_divergence() -> None:
    weights = torch.tensor([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]])
    assert addressing_entropy(weights).item() == pytest.approx(np.log(2) / 2, rel=1e-5)
    posterior, prior = torch.randn(3, 2, 4, 4), torch.randn(3, 2, 4, 4)
    unit = torch.distributions.Normal
    expected = torch.distributions.kl_divergence(unit(posterior, 1.0), unit(prior, 1.0))
    torch.testing.assert_close(
        mean_divergence(posterior, prior), expected.sum(dim=(1, 2, 3)).mean()
    )


def test_gradient_loss_by_hand() -> None:
    predicted = torch.tensor([[[[1.0, 3.0], [0.0, 0.0]], [[0.0, 1.0], [0.0, 0.0]]]])
    target = torch.zeros_like(predicted)
    # Outside there is 0. Horizontal: 1 2 0 0 | 0 1 0 0; vertical: 1 3 -1 -3 | 0 1 0 -1.
    assert gradient_loss(predicted, target).item() == pytest.approx((4 + 10) / 8)
    # Channels summed first: 1 4 / 0 0, horizontal 1 3 0 0, vertical 1 4 -1 -4.
    summed = gradient_loss(predicted, target, channel_sum=True, signed=True)
    assert summed.item() == pytest.approx((4 + 10) / 4)


def test_signed_gradients_see_a_flipped_edge() -> None:
    edge = torch.zeros(1, 1, 2, 4)
    edge[..., 1] = 1.0
    other = torch.zeros(1, 1, 2, 4)
    other[..., 1] = -1.0
    assert gradient_loss(edge, other).item() == 0.0
    assert gradient_loss(edge, other, signed=True).item() > 0.0
