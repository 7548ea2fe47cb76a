"""The core trainer: knows hooks and base classes, and no plugin."""
