"""Batches: loading, collating, seeding, and held-out validation identities."""
