"""Where data sets come from: what can be fetched, and where to ask for the rest."""

from dataclasses import dataclass
from pathlib import Path

from vadbench.downloads import Progress, download, remove, unpack
from vadbench.errors import VadbenchError
from vadbench.methods import nearest

__all__ = ["SOURCES", "Source", "fetch_dataset"]


@dataclass(frozen=True)
class Source:
    """Where a data set comes from.

    Attributes:
        page: Who publishes it, and asks to be cited.
        layout: How it has to lie below the data folder.
        url, sha256: The archive, where it can be fetched without a form.
        inside: Its folder that becomes `folder` below the data folder.
    """

    page: str
    layout: str
    url: str = ""
    sha256: str = ""
    inside: str = ""
    folder: str = ""


SOURCES = {
    "ucsd": Source(
        "http://www.svcl.ucsd.edu/projects/anomaly/dataset.htm",
        "UCSD_Anomaly_Dataset.v1p2/UCSDped2/Train/Train001/001.tif, and UCSDped1 beside it",
        "http://www.svcl.ucsd.edu/projects/anomaly/UCSD_Anomaly_Dataset.tar.gz",
        "2329af326951f5097fdd114c50e853957d3e569493a49d22fc082a9fd791915b",
        "UCSD_Anomaly_Dataset.v1p2",
        "UCSD_Anomaly_Dataset.v1p2",
    ),
    "avenue": Source(
        "http://www.cse.cuhk.edu.hk/leojia/projects/detectabnormal/dataset.html",
        "Avenue_Dataset/training_videos/01.avi, Avenue_Dataset/testing_videos/01.avi and "
        "ground_truth_demo/testing_label_mask/1_label.mat",
    ),
    "shanghaitech": Source(
        "https://svip-lab.github.io/dataset/campus_dataset.html",
        "shanghaitech/training/videos/01_001.avi, shanghaitech/testing/frames/01_0014/000.jpg and "
        "shanghaitech/testing/test_frame_mask/01_0014.npy; pixel masks, if wanted, in "
        "shanghaitech/testing/test_pixel_mask/01_0014.npy",
    ),
    "ucf_crime": Source(
        "https://www.crcv.ucf.edu/projects/real-world/",
        "UCF_Crimes/Training_Normal_Videos_Anomaly/Normal_Videos165_x264.mp4, "
        "UCF_Crimes/Anomaly-Videos-Part-2/Explosion/Explosion004_x264.mp4 and "
        "UCF_Crimes/Temporal_Anomaly_Annotation_for_Testing_Videos.txt; of its videos only the "
        "sixteen of HF2-VAD's appendix D are read",
    ),
}
_PARTS = {"ped1": "ucsd", "ped2": "ucsd"}
_OTHERS = {
    "digits": "scikit-learn ships digits, so there is nothing to fetch; for MNIST put its four "
    "files (train-images-idx3-ubyte, ...) into MNIST/raw below {root}",
    "folder": "a folder is your own videos: put normal ones into <name>/train and others into "
    "<name>/test below {root}, and name it in config.yaml (path: <name>)",
    "walkway": "the walkway is rendered by the run; there is nothing to fetch",
}


def fetch_dataset(name: str, root: Path, progress: Progress | None = None) -> Path:
    """Fetches a data set and unpacks it below the data folder.

    Args:
        name: A key of `SOURCES`, or a data set of its archive.
        root: The data folder.
        progress: Told bytes that came and bytes in all.

    Returns:
        Its folder.

    Raises:
        VadbenchError: It cannot be fetched without a form (the message says where that is and how
            the data has to lie), or fetching or unpacking fails.
    """
    name = _PARTS.get(name, name)
    if name in _OTHERS:
        raise VadbenchError(_OTHERS[name].format(root=root))
    if name not in SOURCES:
        raise VadbenchError(f"there is no data set {name!r} to fetch{nearest(name, list(SOURCES))}")
    source = SOURCES[name]
    if not source.url:
        raise VadbenchError(
            f"{name} is not to be had without asking: visit {source.page} and unpack it so that "
            f"{root} holds {source.layout}"
        )
    folder = root / source.folder
    if folder.exists():
        raise VadbenchError(f"{folder} is there already")
    archive = root / source.url.rpartition("/")[2]
    download(source.url, archive, source.sha256, progress)
    unpack(archive, folder, source.inside)
    remove(archive)
    return folder
