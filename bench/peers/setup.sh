#!/bin/sh
# Installs the peers of the bench: PyTorch into bench/.venv, the JavaScript libraries into bench/peers/node_modules.
set -eu
cd "$(dirname "$0")"
if [ ! -x ../.venv/bin/python ]; then
  python3 -m venv ../.venv
fi
../.venv/bin/pip install --quiet torch==2.13.0 numpy==2.4.6 ${TORCH_INDEX:+--index-url "$TORCH_INDEX"}
npm ci --no-fund --no-audit
