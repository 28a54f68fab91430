"""flow_duality: a frame predicted from the one before and the motion that it normally has."""
