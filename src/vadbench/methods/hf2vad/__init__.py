"""HF2-VAD: flow reconstruction by a memory autoencoder, frame prediction by a CVAE."""
