"""object_class_aware: what classes and what speeds of motion a frame normally shows."""
