"""Groups of COCO categories, as which methods learn the classes of objects."""

__all__ = ["CLASS_GROUPS"]

CLASS_GROUPS: dict[str, list[int]] = {
    "person": [1],
    "bicycle_like": [2, 4, 35, 36, 41, 42],
    "vehicle": [3, 5, 6, 7, 8, 9],
    "animal": [16, 17, 18, 19, 20, 21, 22, 23, 24, 25],
    "bag_like": [27, 28, 31, 33],
}
"""COCO categories by group: bicycle-like includes motorcycle, skis, snowboard, skateboard and
surfboard, bag-like the umbrella. A category in none of them belongs to a group `other`."""
