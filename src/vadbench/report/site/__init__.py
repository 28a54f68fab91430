"""The report: a static site that opens from disk, without network."""

import hashlib
from functools import cache
from pathlib import Path

__all__ = ["site_files_digest"]


@cache
def site_files_digest() -> str:
    """Returns a digest of templates, style and script, which are no code to a fingerprint."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*/*.*")):
        if path.suffix in {".html", ".css", ".js"}:
            digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()
