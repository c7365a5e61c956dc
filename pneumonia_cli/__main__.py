"""`python -m pneumonia_cli`: the `pneumonia` command where its package lies, installed or not."""

import sys

from pneumonia_cli.client.commands.main import main

if __name__ == "__main__":
    sys.exit(main())
