"""Blocks of convolutions that several methods are built from."""

from torch import nn

__all__ = ["conv_block", "double_conv"]


def conv_block(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """3 x 3 convolution, batch norm, ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


def double_conv(inputs: int, outputs: int) -> nn.Sequential:
    """Two times 3 x 3 convolution, batch norm, ReLU."""
    return nn.Sequential(*conv_block(inputs, outputs), *conv_block(outputs, outputs))
