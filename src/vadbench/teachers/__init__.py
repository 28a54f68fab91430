"""Teachers: pretrained or classical estimators whose output methods learn from."""
