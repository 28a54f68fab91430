"""Settings of every data set, apart from what reads it: jobs get theirs ready checked.

A section says what its data set depends on: `source_settings` what opening a clip does.
"""

from typing import Annotated, Any, Literal

from pydantic import Field

from vadbench.datasets.walkway.settings import WalkwaySettings
from vadbench.settings import Settings

__all__ = [
    "SECTIONS",
    "AvenueSection",
    "DigitsSection",
    "FolderSection",
    "ShanghaiTechSection",
    "UCFCrimeSection",
    "UCSDSection",
    "WalkwaySection",
]

Colour = Annotated[
    Literal["auto", "grey", "colour"],
    Field(
        description="channels of all frames: colour has three, grey one, the luma; auto: one where "
        "a clip holds only grey; a data set with clips of both kinds has to say"
    ),
]

_AVENUE_COUNTS = {
    "train": [
        *(1364, 1511, 1487, 1511, 815, 1511, 1099, 1017),
        *(1391, 1223, 781, 145, 366, 510, 353, 244),
    ],
    "test": [
        *(1439, 1211, 923, 947, 1007, 1283, 605, 36, 1175, 841, 472),
        *(1271, 549, 507, 1001, 740, 426, 294, 248, 273, 76),
    ],
}
"""Frames of each clip as published."""
_UCSD_COUNTS = {
    "ped1": {"train": [200] * 34, "test": [200] * 36},
    "ped2": {
        "train": [120, 150, 150, 180, 180, 150, 150, 120, 180, 180, 180, 180, 180, 150, 150, 150],
        "test": [180, 180, 150, 180, 150, 180, 180, 180, 120, 150, 180, 180],
    },
}
"""Frames of each clip in the official archive."""


class AvenueSection(Settings):
    """CUHK Avenue."""

    family: Literal["avenue"] = Field("avenue", description="data set family")
    path: str | None = Field(
        None,
        description="folder below the data root, or a whole path; null: looked for under its usual "
        "names",
    )
    labels: str = Field(
        "auto",
        description="auto: every source that is there, which must agree; masks: the official pixel "
        "masks only; or a label file (.mat, .npy, .npz, .json) below the data set's folder",
    )
    training: Literal["official", "avenue19"] = Field(
        "official",
        description="official: the 16 training clips; avenue19: HF2-VAD's 19, which leave out what "
        "is abnormal in clips 02, 04 and 07",
    )
    colour: Colour = "auto"
    fps: float = Field(25.0, gt=0, description="frames per second")

    @property
    def paper_name(self) -> str:
        """Name under which papers and cards know the data set."""
        return "avenue"

    def source_settings(self) -> dict[str, Any]:
        """Returns what opening a clip depends on; labels are not part of it."""
        return {
            "family": self.family,
            "colour": self.colour,
            "path": self.path,
            "training": self.training,
        }

    def official_counts(self) -> dict[str, list[int]] | None:
        """Frames per clip as published; there is no official count of the 19."""
        counts = dict(_AVENUE_COUNTS)
        if self.training == "avenue19":
            del counts["train"]
        return counts


class DigitsSection(Settings):
    """Handwritten digits."""

    family: Literal["digits"] = Field("digits", description="data set family")
    normal: int = Field(2, ge=0, le=9, description="the digit that is normal (HF2-VAD: 2)")
    source: Literal["auto", "mnist", "sklearn"] = Field(
        "auto",
        description="mnist: torchvision's MNIST/raw below the data root; sklearn: the digits that "
        "scikit-learn ships, 8 x 8; auto: the first of them that is there",
    )
    fps: float = Field(1.0, gt=0, description="digits per second; of no meaning")

    @property
    def paper_name(self) -> str:
        """Name under which papers and cards know the data set."""
        return "digits"

    def source_settings(self) -> dict[str, Any]:
        """Returns what opening a clip depends on."""
        return {"family": self.family, "normal": self.normal, "source": self.source}

    def official_counts(self) -> None:
        """A choice of digits has no official number of frames."""
        return


class FolderSection(Settings):
    """Videos of your own."""

    family: Literal["folder"] = Field("folder", description="data set family")
    path: str = Field(
        description="folder below the data root, or a whole path, that holds train/, with normal "
        "clips only, and test/; a clip is a video file or a folder of numbered images"
    )
    labels: str | None = Field(
        None,
        description="file below the data set's folder: .csv with the columns clip, first, last (of "
        "abnormal frames, from 0), or .mat, .npy, .npz, .json; or a folder there with masks of "
        "every test clip, <clip>/0000.png or <clip>.npy; null: there are none, and a run ends in "
        "ranked events instead of an AUC",
    )
    size: tuple[int, int] | None = Field(
        None,
        description="width and height that frames of videos are resized to as they are decoded; "
        "null: their own",
    )
    colour: Colour = "auto"
    fps: float | None = Field(
        None, gt=0, description="frames per second; null: as videos say, 25 for folders of images"
    )

    @property
    def paper_name(self) -> str:
        """No paper knows it."""
        return "folder"

    def source_settings(self) -> dict[str, Any]:
        """Returns what opening a clip depends on; labels are not part of it."""
        size = list(self.size) if self.size else None
        return {"family": self.family, "colour": self.colour, "path": self.path, "size": size}

    def official_counts(self) -> None:
        """There is no official number of frames."""
        return


class WalkwaySection(WalkwaySettings):
    """The synthetic scene that vadbench renders itself."""

    family: Literal["walkway"] = Field("walkway", description="data set family")

    @property
    def paper_name(self) -> str:
        """Name under which papers and cards know the data set."""
        return "walkway"

    def scene_settings(self) -> dict[str, Any]:
        """Returns what a clip's content depends on: all but the number of clips."""
        counts = {"family", "train_clips", "test_clips"}
        return {key: value for key, value in self.plain().items() if key not in counts}

    def source_settings(self) -> dict[str, Any]:
        """Returns what opening a clip depends on: only that it is a scene."""
        return {"family": self.family}

    def official_counts(self) -> None:
        """A rendered scene has no official number of frames."""
        return


class ShanghaiTechSection(Settings):
    """ShanghaiTech Campus."""

    family: Literal["shanghaitech"] = Field("shanghaitech", description="data set family")
    path: str | None = Field(
        None,
        description="folder below the data root, or a whole path; null: looked for under its usual "
        "names",
    )
    labels: str = Field(
        "auto",
        description="auto: every source that is there, which must agree; masks: "
        "testing/test_frame_mask only; or a label file below the data set's folder",
    )
    colour: Colour = "auto"
    fps: float = Field(24.0, gt=0, description="frames per second")

    @property
    def paper_name(self) -> str:
        """Name under which papers and cards know the data set."""
        return "shanghaitech"

    def source_settings(self) -> dict[str, Any]:
        """Returns what opening a clip depends on; labels are not part of it."""
        return {"family": self.family, "colour": self.colour, "path": self.path}

    def official_counts(self) -> None:
        """Frames per clip are not published."""
        return


class UCFCrimeSection(Settings):
    """The clips of UCF-Crime that HF2-VAD was tried on."""

    family: Literal["ucf_crime"] = Field("ucf_crime", description="data set family")
    path: str | None = Field(
        None,
        description="folder below the data root, or a whole path; null: looked for under its usual "
        "names",
    )
    labels: str = Field(
        "auto",
        description="auto: the temporal annotations and every label file that is there, which must "
        "agree; or a file (the annotations' .txt, .mat, .npy, .npz, .json) below the data set's "
        "folder",
    )
    colour: Colour = "auto"
    fps: float = Field(30.0, gt=0, description="frames per second")

    @property
    def paper_name(self) -> str:
        """Name under which papers and cards know the data set."""
        return "ucf_crime"

    def source_settings(self) -> dict[str, Any]:
        """Returns what opening a clip depends on; labels are not part of it."""
        return {"family": self.family, "colour": self.colour, "path": self.path}

    def official_counts(self) -> None:
        """Frames per clip are not published."""
        return


class UCSDSection(Settings):
    """UCSD Ped1 or Ped2."""

    family: Literal["ucsd"] = Field("ucsd", description="data set family")
    subset: Literal["ped1", "ped2"] = Field("ped2", description="which of the two")
    path: str | None = Field(
        None,
        description="folder below the data root, or a whole path; null: looked for under its usual "
        "names",
    )
    labels: str = Field(
        "auto",
        description="auto: every source that is there, which must agree; masks: pixel masks only; "
        "or a label file (.m, .mat, .npy, .npz, .json) below the data set's folder",
    )
    colour: Colour = "auto"
    fps: float = Field(10.0, gt=0, description="frames per second; not stored in the files")

    @property
    def paper_name(self) -> str:
        """Name under which papers and cards know the data set."""
        return self.subset

    def source_settings(self) -> dict[str, Any]:
        """Returns what opening a clip depends on; labels are not part of it."""
        return {
            "family": self.family,
            "colour": self.colour,
            "subset": self.subset,
            "path": self.path,
        }

    def official_counts(self) -> dict[str, list[int]]:
        """Frames per clip in the official archive, by split."""
        return _UCSD_COUNTS[self.subset]


SECTIONS: dict[str, type[Settings]] = {
    "avenue": AvenueSection,
    "digits": DigitsSection,
    "folder": FolderSection,
    "shanghaitech": ShanghaiTechSection,
    "ucf_crime": UCFCrimeSection,
    "ucsd": UCSDSection,
    "walkway": WalkwaySection,
}
"""Models by family."""
