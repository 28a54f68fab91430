"""Labels of handwritten digits: a digit is normal or it is not."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vadbench.datasets import Labels
from vadbench.datasets.digits import TEST_CLIP, has_mnist, load, mnist_files

if TYPE_CHECKING:
    from vadbench.datasets.sections import DigitsSection as Section

__all__ = ["label_paths", "read_labels"]


def label_paths(section: "Section", root: Path) -> list[Path]:
    """Returns MNIST's files, if they are used."""
    return mnist_files(section, root)


def read_labels(section: "Section", root: Path) -> Labels:
    """Returns 1 for every test digit that is not the normal one."""
    _, digits = load(section, root, "test")
    source = "MNIST" if has_mnist(section, root) else "scikit-learn's digits"
    return Labels(
        f"{source}, normal: {section.normal}",
        hashlib.sha256(digits.astype(np.uint8).tobytes()).hexdigest(),
        {TEST_CLIP: (digits != section.normal).astype(np.uint8)},
        anomalies={
            str(digit): {TEST_CLIP: (digits == digit).astype(np.uint8)}
            for digit in range(10)
            if digit != section.normal
        },
    )
