"""Run folders: what a run writes, and how two runs differ."""
