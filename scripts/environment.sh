#!/bin/sh
# Makes .venv hold macaw with these extras, at the versions of constraints.txt:
#     sh scripts/environment.sh EXTRAS [EXTRAS THAT WILL DO AS WELL]
# A stamp inside .venv says that an install of these extras, of this pyproject.toml and constraints.txt, at this
# place, was completed: with it there is nothing to do. A mark says that one was begun: whoever finds the mark
# finds a half-made environment and starts from nothing. Every failure is one line that says what to do.
set -u
extras=$1
venv=.venv
log=.venv-install.log
mark=$venv/.macaw-unfinished

fail() { printf '\nmacaw: %s\n' "$1" >&2; exit 1; }

# A moved checkout is installed anew: the scripts in .venv/bin name the place they were made for.
state=$({ cat pyproject.toml constraints.txt; pwd -P; } 2>/dev/null | cksum | cut -d ' ' -f 1)

# False as well when the Python that .venv was made with has been removed.
works() { "$venv/bin/python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

complete() {
    for one; do [ ! -e "$venv/.macaw-$one-$state" ] || { [ ! -e "$mark" ] && works; return; }; done
    false
}

# 3.11 comes first: constraints.txt was tested on it.
find_python() {
    found=none bare=
    for python in ${PYTHON:-python3.11 python3.12 python3.13 python3.14 python3}; do
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
        found="$python, which is $version"
        "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || continue
        "$python" -c 'import venv, ensurepip' 2>/dev/null && return
        bare=$version
    done
    [ -z "$bare" ] || fail "Python $bare is here, its venv module is not: install it (Debian and Ubuntu: apt install python$bare-venv), then run this again"
    fail "macaw needs Python 3.11 or newer, found $found: install one, or name yours: make tour PYTHON=/path/to/python3"
}

# Runs a long command: every line of it goes to the log, the latest one is shown while it is the latest.
quietly() {
    status=$({ { "$@" 2>&1; echo $? >&3; } | while IFS= read -r line; do
        printf '%s\n' "$line" >>"$log"
        [ ! -t 2 ] || printf '\r\033[K  %.76s' "$line" >&2
    done; } 3>&1)
    [ ! -t 2 ] || printf '\r\033[K' >&2
    return "$status"
}

explain() {
    if grep -q 'No space left on device\|Disk quota exceeded' "$log"; then
        fail "the disk is full: free some space and run this again (details: $log)"
    elif grep -qi 'connection broken by\|name resolution\|network is unreachable\|read timed out' "$log"; then
        fail "the package index cannot be reached: check the network and run this again (details: $log)"
    fi
    reason=$(grep '^ *ERROR: ' "$log" | head -n 1 | sed 's/^ *ERROR: //')
    fail "the install failed: ${reason:-$(tail -n 1 "$log")} (details: $log)"
}

complete "$@" && exit 0
: 2>/dev/null >"$log" || fail "cannot write in $(pwd): make the folder writable, or clone elsewhere"
if [ -e "$mark" ] || ! works; then
    find_python
    rm -rf "$venv" && mkdir "$venv" && : >"$mark" || fail "cannot replace $venv: remove it and run this again"
    echo "Making $venv with $python ..."
    quietly "$python" -m venv "$venv" || explain
fi
: >"$mark"
find "$venv" -maxdepth 1 -name '.macaw-*-*' -exec rm -f {} +
echo "Installing macaw[$extras] into $venv: a few minutes the first time ..."
quietly "$venv/bin/python" -m pip install --disable-pip-version-check -c constraints.txt -e ".[$extras]" || explain
: >"$venv/.macaw-$extras-$state"
rm -f "$mark"
