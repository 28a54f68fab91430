"""How networks are trained: batches of cached artefacts, and the loop around Lightning."""
