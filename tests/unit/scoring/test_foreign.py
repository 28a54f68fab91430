"""Somebody else's scores: what is read, assumed, refused, and what numbers come out."""

import json
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from scipy.io import savemat
from scipy.signal import medfilt
from sklearn.metrics import roc_auc_score

from vadbench.datasets.labels import read_label_file
from vadbench.errors import VadbenchError
from vadbench.scoring.evaluate import measure
from vadbench.scoring.foreign import Truth, align, evaluate_scores, labels_from_file
from vadbench.scoring.protocol import PROTOCOLS, Protocol, Smoothing
from vadbench.vectors import Vectors, read_vectors

CLIPS = {"clip9": 30, "clip10": 24}
RNG = np.random.default_rng(0)
PARTS = [RNG.normal(size=n) for n in CLIPS.values()]
FLAT = np.concatenate(PARTS)


def truth() -> Truth:
    labels = {clip: np.zeros(n, np.uint8) for clip, n in CLIPS.items()}
    labels["clip9"][10:20] = labels["clip10"][:12] = 1
    return Truth(labels, "labels.m", "ab" * 32, "ped2")


def vectors(*values: np.ndarray, names: list[str] | None = None) -> Vectors:
    return Vectors(Path("scores.npy"), [np.asarray(v, float) for v in values], names)


def objects(values: list[np.ndarray]) -> np.ndarray:
    made = np.empty(len(values), object)
    made[:] = values
    return made


def write(path: Path, *, flat: bool) -> Path:
    """Writes the scores in the format that the ending names."""
    if path.suffix == ".npy":
        np.save(path, FLAT if flat else objects(PARTS), allow_pickle=True)
    elif path.suffix == ".npz":
        parts = {"scores": FLAT} if flat else dict(zip(CLIPS, PARTS, strict=True))
        np.savez(path, **parts)
    elif path.suffix == ".mat":
        savemat(path, {"scores": FLAT if flat else objects(PARTS)})
    elif path.suffix == ".json":
        content = (
            FLAT.tolist() if flat else {k: v.tolist() for k, v in zip(CLIPS, PARTS, strict=True)}
        )
        path.write_text(json.dumps(content))
    elif flat:
        path.write_text("score\n" + "\n".join(map(repr, FLAT.tolist())))
    else:
        rows = [
            f"{clip},{t},{value!r}"
            for clip, part in zip(CLIPS, PARTS, strict=True)
            for t, value in enumerate(part.tolist())
        ]
        # The order of lines is nobody's business.
        path.write_text("clip,frame,score\n" + "\n".join(sorted(rows)))
    return path


@pytest.mark.parametrize("flat", [True, False])
@pytest.mark.parametrize("ending", ["csv", "npy", "npz", "mat", "json"])
def test_every_format_gives_the_same_numbers(tmp_path: Path, ending: str, flat: bool) -> None:
    found = read_vectors(write(tmp_path / f"scores.{ending}", flat=flat))
    records, refused = evaluate_scores(found, truth(), {"raw": PROTOCOLS["raw"]})
    assert not refused
    values = {item["metric"]: item["value"] for item in records}
    expected = roc_auc_score(np.concatenate(list(truth().clips.values())), FLAT)
    assert values["auc_micro"] == pytest.approx(expected)
    assert all(item["labels_sha256"] == "ab" * 32 for item in records)


def test_hf2vad_equals_its_plain_definition_with_training_scores() -> None:
    train = RNG.normal(3, 2, size=100)
    protocols = {"hf2vad": PROTOCOLS["hf2vad"]}
    records, _ = evaluate_scores(vectors(FLAT), truth(), protocols, vectors(train))
    smooth = [medfilt((part[4:] - train.mean()) / train.std(), 17) for part in PARTS]
    labels = np.concatenate([vector[4:] for vector in truth().clips.values()])
    micro = next(item for item in records if item["metric"] == "auc_micro")
    assert micro["value"] == pytest.approx(roc_auc_score(labels, np.concatenate(smooth)))
    assert micro["low"] <= micro["value"] <= micro["high"]
    assert "--train-scores" not in micro["note"]


def test_without_training_scores_normalisation_is_left_out_and_that_is_said() -> None:
    one, _ = evaluate_scores(vectors(FLAT), truth(), {"p": PROTOCOLS["hf2vad"]})
    other, _ = evaluate_scores(vectors(FLAT), truth(), {"p": PROTOCOLS["median17"]})
    assert [item["value"] for item in one] == [item["value"] for item in other]
    assert all("not normalised by training scores" in item["note"] for item in one)


def test_every_protocol_takes_scores_of_all_frames() -> None:
    records, refused = evaluate_scores(vectors(*PARTS), truth(), PROTOCOLS)
    assert not refused
    assert {item["protocol"] for item in records} == set(PROTOCOLS)


def test_scores_that_lack_what_is_dropped_are_aligned() -> None:
    short = [part[4:] for part in PARTS]
    protocols = {"drop4": PROTOCOLS["drop4"]}
    whole, _ = evaluate_scores(vectors(FLAT), truth(), protocols)
    for given in (vectors(*short), vectors(np.concatenate(short))):
        records, refused = evaluate_scores(given, truth(), protocols)
        assert not refused
        assert [item["value"] for item in records] == [item["value"] for item in whole]
        assert "aligned already: the first 4 and last 0" in records[0]["note"]
    _, refused = evaluate_scores(vectors(*short), truth(), {"raw": PROTOCOLS["raw"]})
    assert "clip clip9: 26 scores for 30 frames" in refused[0].reason
    early = Protocol(drop_first=4, smoothing=Smoothing(kind="median", before_drop=True))
    _, refused = evaluate_scores(vectors(*short), truth(), {"early": early})
    assert "smooths over before" in refused[0].reason


def test_the_first_frame_may_be_missing_where_it_copies_the_second() -> None:
    protocol = {"flow_duality": PROTOCOLS["flow_duality"]}
    whole, _ = evaluate_scores(vectors(*PARTS), truth(), protocol)
    short, _ = evaluate_scores(vectors(*(part[1:] for part in PARTS)), truth(), protocol)
    assert [item["value"] for item in short] == [item["value"] for item in whole]


def test_lengths_that_do_not_fit_are_told_apart() -> None:
    protocols = {"hf2vad": PROTOCOLS["hf2vad"]}
    for given, message in (
        (vectors(FLAT[:-1]), "53 scores, but the 2 test clips have 54 frames, or 46 without"),
        (vectors(PARTS[0], PARTS[1][:-1]), "clip clip10: 23 scores for 24 frames, or 20"),
        (vectors(PARTS[0][4:], PARTS[1]), "clip clip9: 26 scores for 30 frames, or 26"),
        (vectors(*PARTS, PARTS[0]), "vectors of 3 clips, but there are 2"),
    ):
        records, refused = evaluate_scores(given, truth(), protocols)
        assert records == []
        assert message in refused[0].reason


def test_a_score_that_is_not_finite_is_named_where_it_counts() -> None:
    values = FLAT.copy()
    values[30 + 2] = np.nan
    protocols = {name: PROTOCOLS[name] for name in ("raw", "drop4")}
    records, refused = evaluate_scores(vectors(values), truth(), protocols)
    assert [item.protocol for item in refused] == ["raw"]
    assert "clip clip10: the score of frame 2 is nan" in refused[0].reason
    assert {item["protocol"] for item in records} == {"drop4"}
    assert "1 scores that are not finite are of frames that do not count" in records[0]["note"]
    plain, _ = evaluate_scores(vectors(FLAT), truth(), {"drop4": PROTOCOLS["drop4"]})
    assert [item["value"] for item in records] == [item["value"] for item in plain]


def test_constant_scores_and_clips_of_one_class_are_said() -> None:
    labels = truth().clips | {"clip10": np.ones(24, np.uint8)}
    records, _ = evaluate_scores(
        vectors(np.ones(54)), Truth(labels, "l", "a"), {"raw": PROTOCOLS["raw"]}
    )
    assert records[0]["value"] == 0.5
    assert "all frames have the same score" in records[0]["note"]
    assert "macro over 1 clips, without those of one class: clip10" in records[0]["note"]


def test_the_auc_of_a_padded_clip_says_that_it_is_padded() -> None:
    labels = truth().clips | {"clip10": np.ones(24, np.uint8)}
    scores = vectors(*(np.abs(part) for part in PARTS))
    for name, padded in (("ssmtl", True), ("raw", False)):
        records, _ = evaluate_scores(scores, Truth(labels, "l", "a"), {name: PROTOCOLS[name]})
        clips = {item["clip"]: item for item in records if item["metric"] == "auc_clip"}
        assert ("clip10" in clips) == padded
        assert all(("padded with" in item["note"]) == padded for item in clips.values())


def test_labels_of_one_class_are_refused() -> None:
    labels = {clip: np.zeros(n, np.uint8) for clip, n in CLIPS.items()}
    with pytest.raises(VadbenchError, match="all 54 labels are 0"):
        evaluate_scores(vectors(FLAT), Truth(labels, "l", "a"), PROTOCOLS)


def test_errors_and_psnr_are_two_ways_to_say_the_same() -> None:
    errors = np.exp(FLAT)
    psnr = 10 * np.log10(255**2 / errors)
    protocols = {"future_frame": PROTOCOLS["future_frame"]}
    one, _ = evaluate_scores(vectors(errors), truth(), protocols, kind="error")
    other, _ = evaluate_scores(vectors(psnr), truth(), protocols, kind="psnr")
    plain, _ = evaluate_scores(vectors(errors), truth(), protocols)
    assert [i["value"] for i in one] == pytest.approx([i["value"] for i in other])
    assert one[0]["value"] != plain[0]["value"]
    assert "--kind error" in plain[0]["note"]


def test_clips_of_other_names_are_matched_by_order() -> None:
    named = vectors(PARTS[1], PARTS[0], names=["10", "9"])
    found, notes = align(named, CLIPS, Protocol())
    np.testing.assert_array_equal(found["clip9"], PARTS[0])
    assert "matched by order ('9' is 'clip9', ...)" in notes[0]


def test_clips_of_which_some_have_other_names_are_refused() -> None:
    named = vectors(PARTS[0], PARTS[1], names=["clip10", "clip11"])
    with pytest.raises(VadbenchError, match=r"without scores: clip9; with scores only: clip11"):
        align(named, CLIPS, Protocol())


def test_a_matrix_that_is_turned_is_refused(tmp_path: Path) -> None:
    path, clips = tmp_path / "scores.npy", {"a": 3, "b": 3, "c": 3, "d": 3}
    rows = np.arange(12).reshape(4, 3) % 2
    for content in (rows, rows.astype(object)):
        np.save(path, content, allow_pickle=True)
        with pytest.raises(VadbenchError, match="4 rows and 3 columns, which looks transposed"):
            read_vectors(path)
    np.save(path, rows.T)
    with pytest.raises(VadbenchError, match="3 clips, but there are 4; the matrix looks transp"):
        align(read_vectors(path), clips, Protocol())
    with pytest.raises(VadbenchError, match="3 clips, but there are 4; the matrix looks transp"):
        read_label_file(path, clips)


def test_a_list_of_more_clips_than_frames_is_taken_as_it_says(tmp_path: Path) -> None:
    clips = dict.fromkeys("abcd", 3)
    path = tmp_path / "scores.json"
    path.write_text(json.dumps([[n, n + 1, n + 2] for n in range(4)]))
    found, _ = align(read_vectors(path), clips, Protocol())
    np.testing.assert_array_equal(found["d"], [3, 4, 5])


@pytest.mark.parametrize("text", ["1\n\n3\n", 'score\n1\n""\n3\n', "clip,score\na,1\na,\na,3"])
def test_an_empty_cell_is_a_missing_score(tmp_path: Path, text: str) -> None:
    path = tmp_path / "scores.csv"
    path.write_text(text + "\n\n")
    with pytest.raises(VadbenchError, match="clip a: the score of frame 1 is nan"):
        align(read_vectors(path), {"a": 3}, Protocol())


def test_a_missing_score_on_top_is_no_header(tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    path.write_text('""\n1\n2\n')
    assert np.isnan(read_vectors(path).values[0][0])


def test_frames_may_be_numbered_as_pandas_writes_them(tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    path.write_text("clip,frame,score\nb,4.0,7\nb,5.0,8\na,0.0,5\na,1.0,6\n")
    found = read_vectors(path)
    assert found.first == [4, 0]
    # The order in which a file names clips is not theirs.
    with pytest.raises(VadbenchError, match="clip b: scores start at frame 4, expected 0"):
        align(found, {"a": 2, "b": 2}, Protocol())


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("short.csv", "clip,frame,score\na\n"),
        ("wide.csv", "score\n" + "1" * 140_000),
        ("long.json", f"[{'9' * 400}]"),
        ("deep.json", "[" * 100_000),
    ],
)
def test_what_no_reader_can_take_is_a_message(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(VadbenchError, match=f"{name}: cannot be read as one number a frame"):
        read_vectors(tmp_path / name)


def test_a_file_that_unpacks_to_too_much_is_refused(tmp_path: Path) -> None:
    savemat(tmp_path / "big.mat", {"score": np.zeros(200_000)}, do_compression=True)
    np.savez_compressed(tmp_path / "big.npz", score=np.zeros(200_000))
    for name in ("big.mat", "big.npz"):
        assert len(read_vectors(tmp_path / name).values[0]) == 200_000
        with pytest.raises(VadbenchError, match="unpacks to"):
            read_vectors(tmp_path / name, most=1_000_000)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2\n3,4\n", "2 columns without names"),
        ("clip,frame,score\na,0,1\na,2,1\n", "frame 0 is there and then 2"),
        ("clip,frame,score\na,0,1\na,0,1\n", "frame 0 is there twice"),
        ("score\n1\nhigh\n", "line 3: 'high' is no number"),
        ("clip,value\na,1\n", "columns clip, value; expected clip,frame,score"),
        ("score\n0,615\n", "line 2 has 2 cells for 1 columns; write decimals with a point"),
        ("0.5\n0,615\n", "line 2 has 2 cells for 1 columns"),
        ("clip,frame,score\na,0,0,615\n", "line 2 has 4 cells for 3 columns"),
        ("camera,score\na,0.5\n", "line 2: column 'camera' holds 'a'; .* called clip"),
        ("", "holds no numbers"),
    ],
)
def test_what_a_table_lacks_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "scores.csv"
    path.write_text(text)
    with pytest.raises(VadbenchError, match=message):
        read_vectors(path)


BOTH = {"labels": [0.0, 1, 1], "scores": [0.5, 0.25, np.nan]}


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("b.npz", lambda path: np.savez(path, **BOTH)),
        ("t.npz", lambda path: np.savez(path, y_true=BOTH["labels"], y_score=BOTH["scores"])),
        ("d.npy", lambda path: np.save(path, np.array(BOTH, object), allow_pickle=True)),
        ("m.mat", lambda path: savemat(path, BOTH)),
        ("j.json", lambda path: path.write_text(json.dumps(BOTH).replace("NaN", "null"))),
        ("t.csv", lambda path: path.write_text("label,score\n0,.5\n1,.25\n1,\n")),
    ],
)
def test_of_a_file_of_scores_and_labels_what_is_asked_for_is_read(
    tmp_path: Path, name: str, write: Callable[[Path], object]
) -> None:
    write(tmp_path / name)
    for role, expected in BOTH.items():
        found = read_vectors(tmp_path / name, role=role)
        assert found.is_flat
        np.testing.assert_array_equal(found.values[0], expected)


def test_a_file_of_matlab_7_3_says_how_to_save_it(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "new.mat", "w") as file:
        file["score"] = np.zeros(3)
    with pytest.raises(VadbenchError, match=r"MATLAB 7\.3; save it with -v7"):
        read_vectors(tmp_path / "new.mat")


@pytest.mark.parametrize("name", ["clip", "video", "Name"])
def test_a_column_names_clips_in_any_order(tmp_path: Path, name: str) -> None:
    path = tmp_path / "scores.csv"
    path.write_text(f"{name},score\nb,1\na,2\nb,3\n")
    vectors = read_vectors(path)
    assert vectors.names == ["b", "a"]
    assert [own.tolist() for own in vectors.values] == [[1, 3], [2]]


def test_scores_that_start_at_another_frame_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    path.write_text("clip,frame,score\n" + "".join(f"clip,{t},{t}\n" for t in range(2, 12)))
    with pytest.raises(VadbenchError, match="start at frame 2, expected 0"):
        align(read_vectors(path), {"clip": 10}, Protocol())


@pytest.mark.parametrize("ending", ["npy", "npz"])
def test_a_pickle_is_refused(tmp_path: Path, ending: str) -> None:
    hostile = objects([print, open])
    path = tmp_path / f"scores.{ending}"
    if ending == "npy":
        np.save(path, hostile, allow_pickle=True)
    else:
        np.savez(path, hostile)
    with pytest.raises(VadbenchError, match=str(path)):
        read_vectors(path)


def test_a_file_that_is_cut_off_is_named(tmp_path: Path) -> None:
    for ending in ("npy", "npz", "mat", "json"):
        path = write(tmp_path / f"scores.{ending}", flat=True)
        path.write_bytes(path.read_bytes()[:-30])
        with pytest.raises(VadbenchError, match=f"scores.{ending}"):
            read_vectors(path)


def label_file(path: Path, *, flat: bool) -> Path:
    clips = truth().clips
    every = np.concatenate(list(clips.values()))
    if path.suffix == ".npy":
        np.save(path, every if flat else objects(list(clips.values())), allow_pickle=True)
    elif path.suffix == ".npz":
        np.savez(path, **({"labels": every} if flat else clips))
    elif path.suffix == ".json":
        content = every.tolist() if flat else {k: v.tolist() for k, v in clips.items()}
        path.write_text(json.dumps(content))
    elif path.suffix == ".csv":
        lines = [f"{c},{t},{v}" for c, vector in clips.items() for t, v in enumerate(vector)]
        text = (
            "label\n" + "\n".join(map(str, every))
            if flat
            else "clip,frame,label\n" + "\n".join(lines)
        )
        path.write_text(text)
    elif path.suffix == ".mat":
        savemat(path, {"gt": objects([np.array([[11], [20]]), np.array([[1], [12]])])})
    else:
        path.write_text("gt_frame = [11:20];\ngt_frame = [1:12];\n")
    return path


@pytest.mark.parametrize("flat", [True, False])
@pytest.mark.parametrize("ending", ["csv", "npy", "npz", "json", "mat", "m"])
def test_labels_are_read_from_every_format(tmp_path: Path, ending: str, flat: bool) -> None:
    path = label_file(tmp_path / f"labels.{ending}", flat=flat)
    found = labels_from_file(path, vectors(FLAT), list(CLIPS.values()))
    for read, expected in zip(found.clips.values(), truth().clips.values(), strict=True):
        np.testing.assert_array_equal(read, expected)
    assert len(found.sha256) == 64
    # Without lengths the file of labels, or else that of scores, has to tell them.
    again = labels_from_file(path, vectors(*PARTS))
    assert [len(vector) for vector in again.clips.values()] == list(CLIPS.values())


FLAT_LABELS = np.concatenate(list(truth().clips.values()))
FORMS = {
    "labels.CSV": lambda path: path.write_text("\n".join(map(str, FLAT_LABELS))),
    "numbers.npy": lambda path: np.save(path, FLAT_LABELS),
    "objects.npy": lambda path: np.save(path, FLAT_LABELS.astype(object), allow_pickle=True),
    "named.npz": lambda path: np.savez(path, labels=FLAT_LABELS),
    "unnamed.npz": lambda path: np.savez(path, FLAT_LABELS),
    "more.npz": lambda path: np.savez(path, fps=25.0, labels=FLAT_LABELS),
    "named.mat": lambda path: savemat(path, {"labels": FLAT_LABELS}),
    "more.mat": lambda path: savemat(path, {"fps": 25.0, "labels": FLAT_LABELS}),
    "list.json": lambda path: path.write_text(json.dumps(FLAT_LABELS.tolist())),
    "named.json": lambda path: path.write_text(json.dumps({"labels": FLAT_LABELS.tolist()})),
}


@pytest.mark.parametrize("name", list(FORMS))
def test_one_vector_of_labels_goes_with_one_of_scores(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with path.open("wb") as stream:  # NumPy and SciPy would add an ending of their own.
        FORMS[name](path if path.suffix.lower() in {".csv", ".json"} else stream)
    alone = labels_from_file(path, vectors(FLAT))
    np.testing.assert_array_equal(alone.clips["all"], FLAT_LABELS)
    cut = labels_from_file(path, vectors(FLAT), list(CLIPS.values()))
    assert [int(vector.sum()) for vector in cut.clips.values()] == [10, 12]
    np.testing.assert_array_equal(read_label_file(path, {"one": 54})["one"], FLAT_LABELS)


def test_variables_of_matlab_may_be_named_after_clips(tmp_path: Path) -> None:
    savemat(tmp_path / "labels.mat", truth().clips)
    found = labels_from_file(tmp_path / "labels.mat", vectors(FLAT))
    assert {clip: vector.tolist() for clip, vector in found.clips.items()} == {
        clip: vector.tolist() for clip, vector in truth().clips.items()
    }


@pytest.mark.parametrize("content", [b"", b"MATLAB 5.0 MAT-file" + bytes(200)])
def test_why_labels_of_matlab_cannot_be_read_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "labels.mat"
    path.write_bytes(content)
    with pytest.raises(VadbenchError, match=r"labels\.mat: (cannot be read as|holds no)"):
        labels_from_file(path, vectors(FLAT))


def test_scores_of_fewer_frames_than_one_vector_of_labels_need_lengths(tmp_path: Path) -> None:
    path = label_file(tmp_path / "labels.npy", flat=True)
    short = vectors(*(part[4:] for part in PARTS))
    with pytest.raises(VadbenchError, match=r"54 labels .* have 46 frames; give --lengths"):
        labels_from_file(path, short)
    found = labels_from_file(path, short, list(CLIPS.values()))
    records, _ = evaluate_scores(short, found, {"drop4": PROTOCOLS["drop4"]})
    assert records


def test_intervals_of_a_clip_that_is_not_there_list_those_that_are(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("clip,first,last\nclip9,10,19\n")
    with pytest.raises(VadbenchError, match="line 2: there is no test clip 'clip9', but 1, 2"):
        labels_from_file(path, vectors(FLAT), list(CLIPS.values()))


def test_nothing_tells_where_clips_end(tmp_path: Path) -> None:
    flat = labels_from_file(label_file(tmp_path / "labels.npy", flat=True), vectors(FLAT))
    assert list(map(len, flat.clips.values())) == [54]
    assert "taken as a single clip" in flat.notes[0]
    with pytest.raises(VadbenchError, match="give --lengths"):
        labels_from_file(label_file(tmp_path / "labels.m", flat=True), vectors(FLAT))


def test_a_label_that_is_none_is_named(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    for text, label in (("2", "2"), ("", "nan")):
        path.write_text(f"clip,label\na,0\na,{text}\n")
        with pytest.raises(VadbenchError, match=f"clip a, frame 1: label {label}, expected 0 or 1"):
            labels_from_file(path, vectors([0.0, 1.0]))


@pytest.mark.parametrize("shift", [0.0, 5.0, -3.0, -5.0])
def test_a_shift_of_scores_never_moves_a_macro_auc(shift: float) -> None:
    """Padded clips have a normal frame of score 0: a macro AUC in which it is not the lowest."""
    scores, train = RNG.uniform(1, 4, 54), RNG.uniform(0, 5, 100)
    protocols = {name: PROTOCOLS[name] for name in ("ai_vad", "ssmtl", "aed")}

    def macro(values: np.ndarray, normal: np.ndarray | None) -> tuple[list[float], str]:
        given = None if normal is None else vectors(normal)
        records, refused = evaluate_scores(vectors(values), truth(), protocols, given)
        assert not refused
        found = [item["value"] for item in records if item["metric"] == "auc_macro"]
        return found, records[0]["note"]

    assert macro(scores + shift, train + shift)[0] == pytest.approx(macro(scores, train)[0])
    found, note = macro(scores + shift, None)
    if shift < 0:
        assert found == []
        assert "frames score below the 0 of the padded normal frame" in note
    else:
        assert found == pytest.approx(macro(scores, None)[0])
        assert len(found) == 3


def test_scores_below_those_of_training_and_the_padded_frame_are_counted() -> None:
    scores = np.linspace(-1, 3, 54)
    protocols = {"ssmtl": PROTOCOLS["ssmtl"]}
    records, _ = evaluate_scores(vectors(scores), truth(), protocols, vectors([0.0, 4.0]))
    assert "14 of 54 frames score below the 0" in records[0]["note"]
    assert "auc_macro" in {item["metric"] for item in records}


def test_constant_clips_and_constant_training_scores_are_said() -> None:
    parts = [np.full(30, 0.1), PARTS[1]]
    protocols = {name: PROTOCOLS[name] for name in ("raw", "flow_duality", "ai_vad", "hf2vad")}
    records, _ = evaluate_scores(vectors(*parts), truth(), protocols, vectors(np.full(9, 0.1)))
    notes = {item["protocol"]: item["note"] for item in records}
    assert all("all frames have the same score: clip9" in note for note in notes.values())
    for name in protocols:
        said = "training scores of score are all the same" in notes[name]
        assert said == (name in {"ai_vad", "hf2vad"})
    # Their deviation is a rounding error, and no scale.
    values = {(item["protocol"], item["metric"]): item["value"] for item in records}
    assert abs(values["hf2vad", "f1_threshold"]) < 10


def test_scores_too_large_for_a_protocol_are_refused() -> None:
    values = np.where(np.arange(54) % 2, 1.7e308, -1.7e308)
    names = ("raw", "vec", "ai_vad", "hf2vad", "flow_duality")
    records, refused = evaluate_scores(
        vectors(values), truth(), {n: PROTOCOLS[n] for n in names}, vectors(values)
    )
    assert {item.protocol for item in refused} == {"vec", "ai_vad", "hf2vad", "flow_duality"}
    assert all("too large" in item.reason for item in refused)
    assert all(np.isfinite(item["value"]) for item in records)


def test_a_psnr_that_is_not_finite_is_named_as_it_was_given() -> None:
    values = np.append(np.inf, FLAT[1:])
    _, refused = evaluate_scores(vectors(values), truth(), {"raw": PROTOCOLS["raw"]}, kind="psnr")
    assert "the score of frame 0 is inf" in refused[0].reason


def test_protocols_that_are_the_same_for_one_score_are_measured_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from vadbench.scoring import foreign

    measured = []
    monkeypatch.setattr(foreign, "measure", lambda found: measured.append(found) or measure(found))
    same = {"hf2vad", "amsrc", "median17"}
    records, _ = evaluate_scores(vectors(FLAT), truth(), {name: PROTOCOLS[name] for name in same})
    assert len(measured) == 1
    assert {item["protocol"] for item in records} == same
    notes = {item["protocol"]: item["note"] for item in records}
    assert "macro by 5" in notes["hf2vad"]
    assert "--train-scores" not in notes["median17"]


@pytest.mark.parametrize("flat", ["scores", "labels"])
def test_one_vector_holds_clips_in_the_order_in_which_they_are_counted(
    tmp_path: Path, flat: str
) -> None:
    """Whatever order the other file happens to list them in, such as that of the alphabet."""
    lengths = {str(n): 10 + n for n in range(1, 13)}
    labels = {clip: RNG.integers(0, 2, n) for clip, n in lengths.items()}
    parts = {clip: vector + RNG.normal(size=len(vector)) for clip, vector in labels.items()}
    whole = np.concatenate(list(parts.values()))
    path = tmp_path / "labels.json"
    if flat == "scores":
        path.write_text(json.dumps({clip: labels[clip].tolist() for clip in sorted(lengths)}))
        scores = vectors(whole)
    else:
        path.write_text(json.dumps(np.concatenate(list(labels.values())).tolist()))
        names = sorted(lengths)
        scores = vectors(*(parts[clip] for clip in names), names=names)
    found = labels_from_file(path, scores)
    assert list(found.clips) == list(lengths)
    assert "one vector holds the clips in the order 1, 2, ... 12" in found.notes
    records, _ = evaluate_scores(scores, found, {"raw": PROTOCOLS["raw"]})
    (micro,) = (item["value"] for item in records if item["metric"] == "auc_micro")
    assert micro == pytest.approx(roc_auc_score(np.concatenate(list(labels.values())), whole))


def test_clips_without_an_interval_are_empty_matrices(tmp_path: Path) -> None:
    spans = objects([np.array([[1], [3]]), np.empty((0, 0)), np.array([[2, 8], [4, 9]])])
    savemat(tmp_path / "labels.mat", {"gt": spans})
    found = read_label_file(tmp_path / "labels.mat", {"a": 5, "b": 4, "c": 10})
    assert [vector.tolist() for vector in found.values()] == [
        [1, 1, 1, 0, 0],
        [0, 0, 0, 0],
        [0, 1, 1, 1, 0, 0, 0, 1, 1, 0],
    ]


@pytest.mark.parametrize("row", ["a,1", "a,x,3", "a,1,3.5", "a,,3"])
def test_an_interval_that_is_none_is_named_with_its_line(tmp_path: Path, row: str) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(f"clip,first,last\na,0,1\n{row}\n")
    with pytest.raises(VadbenchError, match=r"labels\.csv, line 3: .*'.*' does not say the first"):
        read_label_file(path, {"a": 5})


def test_a_folder_is_not_taken_for_a_missing_file(tmp_path: Path) -> None:
    scores = Vectors(Path("scores.npy"), [np.zeros(3)])
    (tmp_path / "a.npy").mkdir()
    for read in (read_vectors, lambda path: labels_from_file(path, scores, None)):
        with pytest.raises(VadbenchError, match=r"a\.npy: a folder, where one file is needed"):
            read(tmp_path / "a.npy")
        with pytest.raises(VadbenchError, match=r"b\.npy: no such file"):
            read(tmp_path / "b.npy")
