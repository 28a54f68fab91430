"""What a score would be without any learning, and what it follows: numbers of docs/measurements.md.

python benchmarks/look.py energy results/ped2/cubes/stc   AUC of the energy of flow in cubes
python benchmarks/look.py area results/walkway small      frame scores beside objects' area
"""

import sys
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from vadbench.artefacts import open_artefact
from vadbench.datasets.index import index_anomalies, index_labels, load_json
from vadbench.scoring.evaluate import evaluate
from vadbench.scoring.metrics import auc
from vadbench.scoring.protocol import PROTOCOLS
from vadbench.scoring.scores import Scores

METHODS = ("flow_duality", "object_class_aware", "multitask_attention")


def energy(cubes: Path) -> None:
    """AUC of squared differences of flow to zero and to the training cubes' mean."""
    labels = index_labels(load_json(cubes.parents[1] / "index.json"))
    total, count = np.zeros(1), 0
    for path in sorted((cubes / "train").glob("*.h5")):
        with open_artefact(path, "cubes") as artefact:
            flow = artefact["flow"][:].astype(np.float32)
            total, count = total + flow.sum(axis=0, dtype=np.float64), count + len(flow)
    paths = [cubes / "test" / f"{clip}.h5" for clip in labels]
    for name, expected in (("zero", np.float32(0)), ("mean", (total / count).astype(np.float32))):
        errors = []
        for path in paths:
            with open_artefact(path, "cubes") as artefact:
                flow = artefact["flow"][:].astype(np.float32)
                errors.append(np.square(flow - expected).sum(axis=(2, 3, 4)))
        every = np.concatenate(errors).astype(np.float64)
        for words, values in (("last flow", every[:, -1]), ("four flows", every.sum(axis=1))):
            scores = Scores.of_cubes(list(labels), paths, {"energy": values})
            result = evaluate(scores, scores, labels, PROTOCOLS["median17"], {"energy": 1.0})
            print(f"{name}, {words}: {100 * result.metrics['auc_micro']:.1f}")


def area(results: Path, views: str) -> None:
    """Rank correlation of frame scores with the area of objects, and the area's own AUC."""
    index = load_json(results / "index.json")
    labels, anomalies = index_labels(index), index_anomalies(index)
    shares = []
    for clip in labels:
        with open_artefact(results / "views" / views / "test" / f"{clip}.h5", "views") as artefact:
            shares.append((artefact["class_map"][:] > 0).mean(axis=(1, 2)))
    covered = np.concatenate(shares)
    normal = np.concatenate(list(labels.values())) == 0
    for kind, vectors in anomalies.items():
        seen = np.concatenate([vectors[clip] for clip in labels])
        counted = normal | (seen == 1)
        print(f"area, {kind}: {100 * (auc(seen[counted], covered[counted]) or np.nan):.1f}")
    for method in METHODS:
        scores = Scores.load(results / method / "full/seed0/scores/test.h5")
        for name, values in scores.frames.items():
            found = spearmanr(values[normal], covered[normal]).statistic
            print(f"{method} {name}: rank correlation with area {found:.2f}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["energy"] and len(sys.argv) == 3:
        energy(Path(sys.argv[2]))
    elif sys.argv[1:2] == ["area"] and len(sys.argv) == 4:
        area(Path(sys.argv[2]), sys.argv[3])
    else:
        sys.exit(__doc__)
