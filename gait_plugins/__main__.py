"""``python -m gait_plugins`` is ``gait-plugins``."""

from gait_plugins.cli import main

if __name__ == "__main__":
    main()
