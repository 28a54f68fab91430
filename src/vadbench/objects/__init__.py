"""Objects of a frame: their boxes, and the cubes cut out of frames and flow."""
