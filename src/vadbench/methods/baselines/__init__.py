"""Untrained scores that any method has to beat."""
