"""``python -m golden``."""

from golden.cli.main import main

if __name__ == "__main__":
    main()
