"""Live sources of frames: cameras, addresses on the network, and files that are still being written."""
