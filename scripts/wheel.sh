#!/bin/sh
# Builds dist/macaw-*.whl, installs it without extras (hence without torch) into an environment of its own, and
# takes the quick tour from a folder outside the checkout: what a user gets is what was tested.
set -eu
root=$(pwd -P)
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT INT TERM

rm -rf dist build
.venv/bin/python -m pip wheel -qq --disable-pip-version-check --no-deps --wheel-dir dist .
.venv/bin/python -m venv "$room/venv"
"$room/venv/bin/python" -m pip install -qq --disable-pip-version-check -c constraints.txt dist/macaw-*.whl

mkdir "$room/home" "$room/elsewhere"
cd "$room/elsewhere"
export HOME="$room/home"
if "$room/venv/bin/python" -c 'import torch' 2>/dev/null; then
    echo 'wheel: torch came along with the core: something in [project.dependencies] pulls it' >&2
    exit 1
fi
"$room/venv/bin/macaw" tour --quick
[ -s tour/index.html ] || { echo 'wheel: `macaw tour --quick` wrote no tour/index.html' >&2; exit 1; }
echo "wheel: $(cd "$root" && ls dist/macaw-*.whl) runs the tour without torch"
