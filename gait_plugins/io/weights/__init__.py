"""Files of weights: safetensors, and the names of parts of files."""
