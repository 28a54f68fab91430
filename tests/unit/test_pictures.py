"""The picture of the rules in the README. To draw it anew, with graphviz:

snakemake all audit --rulegraph --configfile config.yaml every.yaml | tred |
    dot -Grankdir=LR -Granksep=0.35 -Gnodesep=0.12 -Nheight=0.3 -Tsvg -o docs/images/rules.svg

where every.yaml is `{selection: best_test, panels: {maps: true}}`.
"""

import re
from pathlib import Path

PROJECT = Path(__file__).parents[2]


def test_the_picture_of_the_rules_has_every_rule_and_no_other() -> None:
    files = [PROJECT / "Snakefile", *(PROJECT / "workflow/rules").glob("*.smk")]
    text = "\n".join(path.read_text() for path in files)
    rules = re.findall(r"^rule (\w+):|^use rule \w+ as (\w+) with:", text, re.MULTILINE)
    drawn = re.findall(r">(\w+)</text>", (PROJECT / "docs/images/rules.svg").read_text())
    assert sorted(drawn) == sorted(one or other for one, other in rules)
