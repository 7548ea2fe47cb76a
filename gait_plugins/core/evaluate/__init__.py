"""Evaluation: embedding test sequences, test conditions, protocols, reports."""
