"""Stand-ins for the second host."""
