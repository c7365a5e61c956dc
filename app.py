#!/usr/bin/env python3
"""Entry point of ``cdk synth`` and ``cdk deploy``. Without the CLI, it synthesises into ``cdk.out``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import aws_cdk as cdk

# The functions' package declares their settings. It is not installed where the CLI runs this file.
sys.path.insert(0, str(Path(__file__).resolve().with_name("lambda_src")))

from infra.stack import PneumoniaStack
from pneumonia_cli.stack.context import ContextError, default_context, settings_of


def main() -> None:
    """Synthesise the stack; a bad setting ends the program with a message and no traceback."""
    # Read the defaults here, so that the app works without the CLI. The CLI passes them too, and a value given with -c
    # takes precedence.
    defaults = default_context()
    # The CLI sets CDK_OUTDIR. The library's default would be a temporary folder.
    app = cdk.App(context=defaults, outdir=os.environ.get("CDK_OUTDIR", "cdk.out"), analytics_reporting=False)
    try:
        # Merge the defaults again, because the CDK drops a default that is null.
        settings = settings_of(defaults | app.node.get_all_context())
    except ContextError as error:
        sys.exit(str(error))
    PneumoniaStack(app, settings)
    app.synth()


if __name__ == "__main__":
    main()
