"""Models of several pictures of one frame: skeleton maps, parsing and flow beside silhouettes."""
