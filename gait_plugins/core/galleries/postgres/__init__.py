"""Galleries on a PostgreSQL server, for several machines that enroll and identify at once."""
