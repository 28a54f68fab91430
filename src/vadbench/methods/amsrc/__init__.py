"""AMSRC: frame prediction from appearance and motion features that agree on normal objects."""
