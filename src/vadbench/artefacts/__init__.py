"""The HDF5 store: what an artefact holds, how it is written whole, and where it came from."""

from vadbench.artefacts.kinds import KINDS, Field, Kind
from vadbench.artefacts.store import (
    Artefact,
    ArtefactWriter,
    Identity,
    file_digest,
    library_versions,
    open_artefact,
    write_atomically,
)

__all__ = [
    "KINDS",
    "Artefact",
    "ArtefactWriter",
    "Field",
    "Identity",
    "Kind",
    "file_digest",
    "library_versions",
    "open_artefact",
    "write_atomically",
]
