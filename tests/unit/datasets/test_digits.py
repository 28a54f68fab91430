from pathlib import Path

import numpy as np
import pytest

from vadbench.datasets import digits, raw_state, read_labels
from vadbench.datasets.sections import DigitsSection
from vadbench.errors import VadbenchError

SECTION = DigitsSection(source="sklearn")


def test_training_shows_one_digit_and_the_test_all(tmp_path: Path) -> None:
    assert digits.list_clips(SECTION, tmp_path) == {"train": ["normal"], "test": ["all"]}
    train = digits.open_clip(SECTION, tmp_path, "train", "normal")
    test = digits.open_clip(SECTION, tmp_path, "test", "all")
    labels = read_labels(SECTION, tmp_path)
    assert (train.height, train.width, train.channels) == (8, 8, 1)
    assert test.n_frames == len(labels.clips["all"]) == 797
    assert 0.08 < 1 - labels.clips["all"].mean() < 0.12
    together = sum(vectors["all"] for vectors in labels.anomalies.values())
    np.testing.assert_array_equal(together, labels.clips["all"])
    assert max(frame.max() for frame in train) == 255
    # No training digit is a test digit.
    seen = {frame.tobytes() for frame in train}
    assert not seen & {frame.tobytes() for frame in test}


def test_mnist_is_taken_where_it_lies(tmp_path: Path) -> None:
    raw = tmp_path / "MNIST/raw"
    raw.mkdir(parents=True)
    made = np.random.default_rng(0).integers(0, 256, (30, 28, 28), dtype=np.uint8)
    numbers = (np.arange(30) % 10).astype(np.uint8)
    for split in ("train", "t10k"):
        header = b"".join(size.to_bytes(4, "big") for size in (0x803, 30, 28, 28))
        (raw / f"{split}-images-idx3-ubyte").write_bytes(header + made.tobytes())
        header = b"".join(size.to_bytes(4, "big") for size in (0x801, 30))
        (raw / f"{split}-labels-idx1-ubyte").write_bytes(header + numbers.tobytes())
    section = DigitsSection(normal=3)
    train = digits.open_clip(section, tmp_path, "train", "normal")
    assert (train.n_frames, train.height) == (3, 28)
    np.testing.assert_array_equal(train.frame(1)[..., 0], made[13])
    assert "MNIST" in read_labels(section, tmp_path).source
    assert raw_state(section, tmp_path) != raw_state(SECTION, tmp_path)


def test_mnist_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(VadbenchError, match="MNIST is not there"):
        digits.list_clips(DigitsSection(source="mnist"), tmp_path)
