"""The detectron2 backend beside detectron2's own predictor, on weights made here."""

import pickle
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.clips import textured
from vadbench.artefacts import Identity, open_artefact
from vadbench.errors import VadbenchError
from vadbench.teachers.segmentation.maskrcnn import segment_maskrcnn
from vadbench.teachers.segmentation.masks import unpack_mask
from vadbench.teachers.segmentation.settings import MaskRCNNSettings, SegmentationSettings

OWN = MaskRCNNSettings(library="detectron2", min_size=96, max_size=160, score_threshold=0.3)
SETTINGS = SegmentationSettings(backend="maskrcnn", maskrcnn=OWN)
OWNER = Identity("made", "train", "01")


def test_without_it_the_message_says_where_to_get_it(tmp_path: Path) -> None:
    try:
        import detectron2  # noqa: F401
    except ImportError:
        with pytest.raises(VadbenchError, match=r"envs/detectron2\.yaml"):
            segment_maskrcnn(
                textured(1, 48, 72, 1), SETTINGS, tmp_path / "w.pkl", OWNER, tmp_path / "s.h5"
            )
    else:
        pytest.skip("detectron2 is installed")


def save_weights(own: MaskRCNNSettings, path: Path) -> Path:
    """Saves a network that takes everything for category 1 or, less surely, 90 (COCO's last)."""
    pytest.importorskip(
        "detectron2", reason="detectron2 is not installed, see envs/detectron2.yaml"
    )
    from vadbench.teachers.segmentation.detectron2_maskrcnn import build

    torch.manual_seed(0)
    network, colours = build(own, torch.device("cpu"))
    assert colours == "BGR"
    with torch.no_grad():
        classifier = network.roi_heads.box_predictor.cls_score
        classifier.weight.mul_(0.001)
        classifier.bias[0], classifier.bias[79] = 9.0, 8.9
    state = {
        key: value.numpy() for key, value in network.state_dict().items() if "pixel" not in key
    }
    with path.open("wb") as stream:  # As the model zoo's files are.
        pickle.dump({"model": state, "__author__": "test"}, stream)
    return path


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_weights(OWN, tmp_path_factory.mktemp("weights") / "net.pkl")


@pytest.mark.parametrize(
    ("model", "channels"),
    [
        ("COCO-InstanceSegmentation/mask_rcnn_R_50_FPN_3x", 1),
        ("COCO-InstanceSegmentation/mask_rcnn_R_50_FPN_3x", 3),
        ("COCO-PanopticSegmentation/panoptic_fpn_R_50_3x", 3),
    ],
)
def test_the_artefact_is_what_its_own_predictor_finds(
    tmp_path: Path, model: str, channels: int
) -> None:
    own = OWN.model_copy(update={"model": model})
    weights = save_weights(own, tmp_path / "net.pkl")
    from detectron2 import model_zoo
    from detectron2.engine import DefaultPredictor

    clip = textured(3, 48, 72, channels)
    settings = SETTINGS.model_copy(update={"maskrcnn": own})
    segment_maskrcnn(clip, settings, weights, OWNER, tmp_path / "s.h5", batch_size=2)
    config = model_zoo.get_config(f"{model}.yaml")
    config.MODEL.DEVICE, config.MODEL.WEIGHTS = "cpu", str(weights)
    config.INPUT.MIN_SIZE_TEST, config.INPUT.MAX_SIZE_TEST = OWN.min_size, OWN.max_size
    config.MODEL.ROI_HEADS.SCORE_THRESH_TEST = OWN.score_threshold
    predictor = DefaultPredictor(config)
    with open_artefact(tmp_path / "s.h5", "segmentation") as made:
        offsets, ends = made["frame_offsets"][:], made["mask_offsets"][:]
        assert set(made["classes"][:]) == {1, 90}
        for (start, end), frame in zip(pairwise(offsets.tolist()), clip, strict=True):
            found = predictor(np.repeat(frame, 4 - channels, axis=2)[..., :3])["instances"]
            assert end - start == len(found) > 0
            scores = found.scores.flip(0).numpy()
            np.testing.assert_allclose(made["scores"][start:end], scores, atol=1e-4)
            boxes = found.pred_boxes.tensor.flip(0).numpy()
            np.testing.assert_allclose(made["boxes"][start:end], boxes, atol=0.05)
            for item, mask in zip(range(start, end), found.pred_masks.flip(0).numpy(), strict=True):
                bits = made["mask_bits"][ends[item] : ends[item + 1]]
                stored = unpack_mask(bits, made["boxes"][item], 48, 72)
                assert (stored != mask).mean() < 0.02


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("mask_rcnn_R_5O_FPN_3x", "model zoo has no configuration"),
        ("COCO-Detection/faster_rcnn_R_50_FPN_3x", "does not find masks"),
        ("LVISv0.5-InstanceSegmentation/mask_rcnn_R_50_FPN_1x", "does not find masks of COCO"),
    ],
)
def test_a_network_without_coco_masks_is_refused(
    weights: Path, tmp_path: Path, model: str, message: str
) -> None:
    settings = SETTINGS.model_copy(update={"maskrcnn": OWN.model_copy(update={"model": model})})
    with pytest.raises(VadbenchError, match=message):
        segment_maskrcnn(
            textured(1, 48, 72, 1), settings, weights, OWNER, tmp_path / "s.h5", batch_size=2
        )


def test_a_lazy_configuration_of_the_zoo_is_built(weights: Path) -> None:
    from vadbench.teachers.segmentation.detectron2_maskrcnn import build

    lazy = OWN.model_copy(update={"model": "new_baselines/mask_rcnn_R_50_FPN_100ep_LSJ"})
    network, colours = build(lazy, torch.device("cpu"))
    assert colours in {"RGB", "BGR"}
    assert network.roi_heads.box_predictor.test_score_thresh == OWN.score_threshold


def test_a_hostile_pickle_is_refused(weights: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.pkl").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(VadbenchError, match=r"bad\.pkl: cannot be loaded as weights"):
        segment_maskrcnn(
            textured(1, 48, 72, 1), SETTINGS, tmp_path / "bad.pkl", OWNER, tmp_path / "s.h5"
        )
