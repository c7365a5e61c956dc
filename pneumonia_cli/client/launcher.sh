#!/bin/sh
# The `pneumonia` command. make copies this into .venv/bin: the project runs from its tree and is not an
# installed package, so an entry point of pip would have nothing to point to.
bin=$(CDPATH='' cd -- "$(dirname -- "$(readlink -f -- "$0")")" && pwd)  # also through a link from ~/bin
root=$(dirname -- "$(dirname -- "$bin")")
export PYTHONPATH="$root/lambda_src:$root"
export ORT_DISABLE_TELEMETRY=1
# -P: what lies in the user's folder, such as a json.py, is never imported.
exec "$bin/python" -P -m pneumonia_cli "$@"
