"""The report of runs: one page, its pictures as files, and TensorBoard."""
