"""Instance segmentation of frames, by backends that share one artefact."""
