import pytest
import torch
from torch.nn import functional as F

from vadbench.networks.pointwise import dropout, elu


def features(dtype: torch.dtype, layout: torch.memory_format) -> torch.Tensor:
    values = torch.randn(4, 6, 9, 7, generator=torch.Generator().manual_seed(0))
    return (3 * values).to(dtype).contiguous(memory_format=layout)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_elu_is_pytorchs(dtype: torch.dtype, layout: torch.memory_format) -> None:
    ours = features(dtype, layout).requires_grad_()
    theirs = features(dtype, layout).requires_grad_()
    result, expected = elu(ours), F.elu(theirs)
    assert result.dtype == dtype
    assert result.is_contiguous(memory_format=layout)
    # One unit in the last place of bfloat16.
    torch.testing.assert_close(
        result, expected, rtol=2**-7 if dtype == torch.bfloat16 else 0, atol=0
    )
    weight = torch.randn_like(expected)
    (result * weight).sum().backward()
    (expected * weight).sum().backward()
    tolerance = 2**-6 if dtype == torch.bfloat16 else 0
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_dropout_keeps_the_rest_and_the_mean(
    dtype: torch.dtype, layout: torch.memory_format
) -> None:
    torch.manual_seed(0)
    ones = torch.ones(16, 32, 24, 24).to(dtype).contiguous(memory_format=layout).requires_grad_()
    result = dropout(ones, 0.1)
    dropped = (result == 0).float().mean().item()
    # Four deviations of a share of 295,000 values.
    assert dropped == pytest.approx(0.1, abs=4 * (0.09 / ones.numel()) ** 0.5)
    kept = result[result != 0]
    assert (kept == kept[0]).all()
    assert kept[0].item() == pytest.approx(1 / 0.9, rel=2**-8)
    result.sum().backward()
    # The gradient passes where the value did, in any layout.
    assert torch.equal(ones.grad, result.detach())
    for axis in range(4):
        share = (result == 0).float().mean(dim=[i for i in range(4) if i != axis])
        assert share.max() < 0.12


def test_dropout_is_a_function_of_the_generators_state() -> None:
    values = torch.ones(100, 101)
    torch.manual_seed(3)
    first, second = dropout(values, 0.5), dropout(values, 0.5)
    torch.manual_seed(3)
    assert torch.equal(dropout(values, 0.5), first)
    assert not torch.equal(first, second)
