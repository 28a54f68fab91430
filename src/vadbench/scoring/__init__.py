"""From raw component scores to numbers: protocols are data, evaluation is pure."""
