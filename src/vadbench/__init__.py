"""vadbench: five video-anomaly-detection papers as one reproducible benchmark."""

__all__ = ["__version__"]

__version__ = "0.1.0"
