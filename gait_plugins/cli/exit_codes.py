"""Exit codes of the command line."""

EXIT_ERROR = 2
"""What was asked for could not be done; the message says why."""
EXIT_INTERRUPTED = 130
"""Ended by Ctrl-C."""
