"""memory_toy: the memory autoencoders of HF2-VAD, Figure 4, on handwritten digits."""
