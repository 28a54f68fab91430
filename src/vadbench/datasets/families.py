"""Families of data sets.

Which modules read one is part of what its jobs are computed with, so an entry more, or another
one's, concerns none of them.
"""

__all__ = ["FAMILIES", "LABELS"]

FAMILIES: dict[str, str] = {
    "avenue": "vadbench.datasets.avenue",
    "digits": "vadbench.datasets.digits",
    "folder": "vadbench.datasets.folder",
    "shanghaitech": "vadbench.datasets.shanghaitech",
    "ucf_crime": "vadbench.datasets.ucf_crime",
    "ucsd": "vadbench.datasets.ucsd",
    "walkway": "vadbench.datasets.scenes",
}
"""Modules that read clips, by family."""
LABELS: dict[str, str] = {
    family: module.replace(".datasets.", ".datasets.labels.") for family, module in FAMILIES.items()
}
"""Modules that read labels, by family."""
