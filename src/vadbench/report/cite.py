"""References of vadbench and of the papers whose methods a configuration runs, as BibTeX."""

from collections.abc import Iterable

from vadbench import __version__
from vadbench.methods import Card, get_method

__all__ = ["bibtex"]

_SPECIAL = str.maketrans({sign: f"\\{sign}" for sign in "&%$#_{}"})


def bibtex(methods: Iterable[str]) -> str:
    """Returns an entry for vadbench and one for each method that comes from a paper.

    Args:
        methods: Names of methods.

    Raises:
        VadbenchError: There is no such method.
    """
    entries = [
        _entry(
            "misc",
            "vadbench",
            {
                "title": "vadbench: five video-anomaly-detection papers as one reproducible "
                "benchmark",
                "author": "{The vadbench authors}",
                "note": f"Version {__version__}",
            },
        )
    ]
    for name in methods:
        card = get_method(name).card
        if card.results:
            entries.append(_of_paper(name, card))
    return "\n\n".join(entries)


def _of_paper(name: str, card: Card) -> str:
    about = {
        # Double braces keep capitals, of HF2-VAD's names among them, in every style.
        "title": f"{{{card.title.translate(_SPECIAL)}}}",
        "author": " and ".join(card.authors).translate(_SPECIAL),
        "year": str(card.year),
    }
    if card.venue == "arXiv":
        kind = "misc"
        about |= {"eprint": card.link.rpartition("/")[2], "archiveprefix": "arXiv"}
    else:
        kind = "inproceedings"
        about["booktitle"] = card.venue.translate(_SPECIAL)
    return _entry(kind, name, about | {"url": card.link})


def _entry(kind: str, key: str, fields: dict[str, str]) -> str:
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items()]
    return "\n".join([f"@{kind}{{{key},", *lines, "}"])
