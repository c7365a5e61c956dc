#!/usr/bin/env python3
"""CDK entry point of ``cdk synth`` and ``cdk deploy``; run alone, it synthesises into ``cdk.out``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import aws_cdk as cdk

# What the functions read is declared in their package, which is not installed where the CLI runs this file.
sys.path.insert(0, str(Path(__file__).resolve().with_name("lambda_src")))

from infra.stack import PneumoniaStack
from pneumonia_cli.stack.context import ContextError, default_context, settings_of


def main() -> None:
    """Synthesise the stack; a bad setting ends the program with a message and no traceback."""
    # The CLI passes these as well and wins with what was given by -c; reading them here makes the app
    # complete without it.
    defaults = default_context()
    # CDK_OUTDIR is how the CLI says where; the default of the library would be a temporary folder.
    app = cdk.App(context=defaults, outdir=os.environ.get("CDK_OUTDIR", "cdk.out"), analytics_reporting=False)
    try:
        # Merged, since a null default is no context value at all once it has been through the CDK.
        settings = settings_of(defaults | app.node.get_all_context())
    except ContextError as error:
        sys.exit(str(error))
    PneumoniaStack(app, settings)
    app.synth()


if __name__ == "__main__":
    main()
