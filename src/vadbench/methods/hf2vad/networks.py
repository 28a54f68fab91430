"""Networks of HF2-VAD (Liu et al., ICCV 2021): ML-MemAE-SC and the CVAE.

Structure follows Sec. 3, Figures 8 and 9 and, where these are silent, facts of the released code;
the parameter counts of the released networks are tests. Not built: loading the authors' weights,
whose depth-to-space order differs from the one here.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vadbench.networks.blocks import double_conv
from vadbench.networks.memory import Memory
from vadbench.networks.pointwise import dropout, elu

__all__ = ["CVAE", "FlowAutoencoder", "NormConv2d"]

FLOW_WIDTHS = (32, 64, 128, 256)
CVAE_WIDTHS = (64, 128, 128, 128)
DROPOUT = 0.1


class FlowAutoencoder(nn.Module):
    """ML-MemAE-SC: a flow autoencoder with memories, and skips below the outermost level.

    Args:
        memories: Number of memories: 1 at the bottleneck, one more for each level above it.
        skips: Skip connections, counted from the bottleneck up; the outermost level has none,
            or the memories would be by-passed (Sec. 3.1).
        slots: Memory slots.
        size: Side of the input, pixels.
        channels: Channels of the input: 2 for flow.

    HF2-VAD's networks: (3, 2) for Ped2 and Avenue, (2, 1) for ShanghaiTech, (1, 0) is MemAE. Its
    toy has all combinations up to a memory behind the last level, too (4), and a skip there (3).
    """

    def __init__(
        self,
        memories: int = 3,
        skips: int = 2,
        slots: int = 2000,
        size: int = 32,
        channels: int = 2,
    ) -> None:
        super().__init__()
        self.first = double_conv(channels, FLOW_WIDTHS[0])
        self.downs = nn.ModuleList(
            nn.Sequential(nn.Conv2d(a, b, 3, stride=2, padding=1), double_conv(b, b))
            for a, b in pairwise(FLOW_WIDTHS)
        )
        self.ups, self.merges = nn.ModuleList(), nn.ModuleList()
        for level, (a, b) in enumerate(zip(FLOW_WIDTHS[:0:-1], FLOW_WIDTHS[-2::-1], strict=True)):
            self.ups.append(nn.ConvTranspose2d(a, b, 3, stride=2, padding=1, output_padding=1))
            self.merges.append(double_conv(2 * b if level < skips else b, b))
        self.skips = skips
        self.memories = nn.ModuleList(
            Memory(slots, width * (size >> (3 - level)) ** 2)
            for level, width in enumerate(FLOW_WIDTHS[: -memories - 1 : -1])
        )
        self.last = nn.Conv2d(FLOW_WIDTHS[0], channels, 1)
        self.apply(_initialise)

    def forward(self, flow: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Reconstructs flow.

        Args:
            flow: (B, 2, H, W).

        Returns:
            The reconstruction, (B, 2, H, W), and the addressing weights of each memory.
        """
        levels = [self.first(flow)]
        for down in self.downs:
            levels.append(down(levels[-1]))
        features = levels.pop()
        addressed: list[Tensor] = []
        for level, (up, merge) in enumerate(zip(self.ups, self.merges, strict=True)):
            if level < len(self.memories):
                features, weights = self.memories[level](features)
                addressed.append(weights)
            features = up(features)
            skipped = levels.pop()
            if level < self.skips:
                features = torch.cat([features, skipped], dim=1)
            features = merge(features)
        if len(self.memories) > len(self.ups):
            features, weights = self.memories[-1](features)
            addressed.append(weights)
        return self.last(features), addressed


def _initialise(module: nn.Module) -> None:
    """The released code's initialisation; transposed convolutions keep PyTorch's."""
    if type(module) is nn.Conv2d:
        nn.init.kaiming_normal_(module.weight, a=0, mode="fan_in")
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)


class NormConv2d(nn.Module):
    """Convolution with normalised weights, then a learned scale and shift per channel.

    Weight normalisation (direction and length), scale and shift are one affine map of the
    convolution's result, so they are folded into one weight and one bias before it.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        plain = nn.Conv2d(inputs, outputs, kernel)
        assert plain.bias is not None
        self.direction = nn.Parameter(plain.weight.detach().clone())
        self.length = nn.Parameter(_row_norms(self.direction.detach()))
        self.bias = nn.Parameter(plain.bias.detach().clone())
        self.scale = nn.Parameter(torch.ones(outputs, 1, 1, 1))
        self.shift = nn.Parameter(torch.zeros(outputs))
        self.stride, self.padding = stride, kernel // 2

    def forward(self, features: Tensor) -> Tensor:
        """Convolves (B, C, H, W)."""
        scale = self.scale * self.length / _row_norms(self.direction)
        bias = self.scale.flatten() * self.bias + self.shift
        return F.conv2d(features, scale * self.direction, bias, self.stride, self.padding)


def _row_norms(weight: Tensor) -> Tensor:
    return weight.flatten(1).norm(dim=1).view(-1, 1, 1, 1)


class ResidualBlock(nn.Module):
    """x + conv(dropout(ELU([x, a]))), where a skip enters as a = conv1x1(ELU(skip))."""

    def __init__(self, width: int, *, skip: bool) -> None:
        super().__init__()
        self.skip = NormConv2d(width, width, 1) if skip else None
        self.conv = NormConv2d(2 * width if skip else width, width, 3)

    def forward(self, features: Tensor, skip: Tensor | None = None) -> Tensor:
        """Returns (B, C, H, W)."""
        inner = features
        if self.skip is not None:
            assert skip is not None
            inner = torch.cat([features, self.skip(elu(skip))], dim=1)
        inner = elu(inner)
        if self.training:
            inner = dropout(inner, DROPOUT)
        return features + self.conv(inner)


class SubpixelUp(nn.Module):
    """Doubles height and width: a convolution to four times the channels, rearranged."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = NormConv2d(inputs, 4 * outputs, 3)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, H, W) to (B, outputs, 2H, 2W)."""
        return F.pixel_shuffle(self.conv(features), 2)


class Encoder(nn.Module):
    """Four stages of two residual blocks each; both blocks' results are kept."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.first = NormConv2d(inputs, CVAE_WIDTHS[0], 1)
        self.ones = nn.ModuleList(ResidualBlock(width, skip=False) for width in CVAE_WIDTHS)
        self.twos = nn.ModuleList(ResidualBlock(width, skip=False) for width in CVAE_WIDTHS)
        self.downs = nn.ModuleList(NormConv2d(a, b, 3, stride=2) for a, b in pairwise(CVAE_WIDTHS))

    def forward(self, inputs: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Returns the results of both blocks of each stage, at full to one eighth size."""
        features = self.first(inputs)
        stages = []
        for stage, (one, two) in enumerate(zip(self.ones, self.twos, strict=True)):
            if stage:
                features = self.downs[stage - 1](features)
            before = one(features)
            features = two(before)
            stages.append((before, features))
        return stages


class Posterior(nn.Module):
    """q(z | frames, flows): means at one eighth and one quarter size, from F_phi."""

    def __init__(self) -> None:
        super().__init__()
        width = CVAE_WIDTHS[-1]
        self.first = NormConv2d(width, width, 1)
        self.blocks = nn.ModuleList(ResidualBlock(width, skip=True) for _ in range(3))
        self.merge = NormConv2d(2 * width, width, 1)
        self.up = SubpixelUp(width, width)

    def forward(
        self, stages: Sequence[tuple[Tensor, Tensor]], sample: bool
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Returns means and latents z, coarse first; z is the mean unless sampled."""
        means, latents = [], []
        features = self.first(stages[3][1])
        for step, stage in enumerate((3, 2)):
            features = self.blocks[2 * step](features, stages[stage][1])
            means.append(features)
            latents.append(features + torch.randn_like(features) if sample else features)
            if step == 0:
                merged = self.merge(torch.cat([stages[stage][0], latents[0]], dim=1))
                features = self.up(self.blocks[1](features, merged))
        return means, latents


class Bottleneck(nn.Module):
    """p(z | flows), and the features that the decoder starts from, from E_theta and z.

    A prior mean is predicted in four groups of every second pixel, each from the groups of z
    before it.
    """

    def __init__(self) -> None:
        super().__init__()
        width = CVAE_WIDTHS[-1]
        self.first = NormConv2d(width, width, 1)
        self.blocks = nn.ModuleList(ResidualBlock(width, skip=True) for _ in range(4))
        self.merges = nn.ModuleList(NormConv2d(2 * width, width, 1) for _ in range(2))
        self.up = SubpixelUp(width, width)
        self.group = NormConv2d(4 * width, width, 1)
        self.groups = nn.ModuleList(ResidualBlock(width, skip=i > 0) for i in range(4))

    def _prior(self, features: Tensor, latent: Tensor) -> Tensor:
        batch, width, height, _ = latent.shape
        known = F.pixel_unshuffle(latent, 2).view(batch, width, 4, height // 2, height // 2)
        inner = self.group(F.pixel_unshuffle(features, 2))
        means = []
        for number, block in enumerate(self.groups):
            inner = block(inner, known[:, :, number - 1] if number else None)
            means.append(inner)
        return F.pixel_shuffle(torch.stack(means, dim=2).flatten(1, 2), 2)

    def forward(
        self, stages: Sequence[tuple[Tensor, Tensor]], latents: Sequence[Tensor], *, prior: bool
    ) -> tuple[Tensor, list[Tensor]]:
        """Returns features at one quarter size, and prior means, coarse first, if wanted."""
        means = []
        features = self.first(stages[3][1])
        for step, stage in enumerate((3, 2)):
            features = self.blocks[2 * step](features, stages[stage][1])
            if prior:
                means.append(self._prior(features, latents[step]))
            merged = self.merges[step](torch.cat([stages[stage][0], latents[step]], dim=1))
            features = self.blocks[2 * step + 1](features, merged)
            if step == 0:
                features = self.up(features)
        return features, means


class Decoder(nn.Module):
    """From features at one quarter size to the frame, with skips from F_phi."""

    def __init__(self) -> None:
        super().__init__()
        wide, narrow = CVAE_WIDTHS[1], CVAE_WIDTHS[0]
        self.ups = nn.ModuleList([SubpixelUp(CVAE_WIDTHS[2], wide), SubpixelUp(wide, narrow)])
        self.ones = nn.ModuleList(ResidualBlock(width, skip=True) for width in (wide, narrow))
        self.twos = nn.ModuleList(ResidualBlock(width, skip=True) for width in (wide, narrow))
        self.last = NormConv2d(narrow, 3, 1)

    def forward(self, features: Tensor, stages: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
        """Returns the frame, (B, 3, H, W), 0 to 1."""
        for up, one, two, (first, second) in zip(
            self.ups, self.ones, self.twos, (stages[1], stages[0]), strict=True
        ):
            features = two(one(up(features), second), first)
        return torch.sigmoid(self.last(features))


class CVAE(nn.Module):
    """Predicts the next frame from past frames, conditioned on flow.

    Args:
        conditioned: Whether flows condition it. Without (the VAE of Table 2) there is no flow
            encoder, the prior is a standard normal, and F_phi sees frames only.
        past_frames: Frames before the target; as many flows.
    """

    def __init__(self, *, conditioned: bool = True, past_frames: int = 4) -> None:
        super().__init__()
        frames, flows = 3 * past_frames, 2 * past_frames
        self.f_phi = Encoder(frames + flows if conditioned else frames)
        self.e_theta = Encoder(flows) if conditioned else None
        self.posterior = Posterior()
        self.bottleneck = Bottleneck()
        if not conditioned:
            # A standard normal has no parameters.
            del self.bottleneck.group, self.bottleneck.groups
        self.decoder = Decoder()

    def forward(
        self, frames: Tensor, flows: Tensor, *, sample: bool
    ) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        """Predicts the target frame.

        Args:
            frames: (B, 12, H, W), past frames, BGR, 0 to 1.
            flows: (B, 8, H, W).
            sample: Draw z from the posterior (training) instead of taking its mean (test).

        Returns:
            The frame (B, 3, H, W), posterior means, and prior means (in training only).
        """
        if self.e_theta is not None:
            stages = self.f_phi(torch.cat([frames, flows], dim=1))
            condition = self.e_theta(flows)
        else:
            stages = self.f_phi(frames)
            condition = [(torch.zeros_like(a), torch.zeros_like(b)) for a, b in stages]
        posterior, latents = self.posterior(stages, sample)
        wanted = self.e_theta is not None and torch.is_grad_enabled()
        features, prior = self.bottleneck(condition, latents, prior=wanted)
        if self.e_theta is None:
            prior = [torch.zeros_like(mean) for mean in posterior]
        return self.decoder(features, stages), posterior, prior
