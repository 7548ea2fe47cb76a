"""The second host: the same plugins inside an untouched, pinned OpenGait checkout."""
