#!/bin/sh
# Installs the peers of the bench: PyTorch into bench/.venv, the JavaScript libraries into bench/peers/node_modules.
set -eu
cd "$(dirname "$0")"
[ -x ../.venv/bin/python ] || python3 -m venv ../.venv
../.venv/bin/pip install --quiet torch==2.13.0 numpy==2.4.6 transformers==5.24.0
npm ci --no-fund --no-audit
