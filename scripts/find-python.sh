#!/bin/sh
# usage: find-python.sh [3.12]
# Prints the newest interpreter that can run this project, or one of exactly that version, or says what is missing.
# A name on PATH proves nothing (a version manager may put a stand-in there), so each candidate is run once. What pyenv and
# uv keep in folders of their own comes after what PATH offers.
wanted=${1:-3.13 3.12 3.11}
candidates=$PYTHON
if [ -z "$candidates" ]; then
    for version in $wanted; do candidates="$candidates python$version"; done
    candidates="$candidates python3"
    for version in $wanted; do
        candidates="$candidates ${PYENV_ROOT:-$HOME/.pyenv}/versions/$version.*/bin/python"
        candidates="$candidates ${UV_PYTHON_INSTALL_DIR:-$HOME/.local/share/uv/python}/cpython-$version.*/bin/python3"
    done
fi
for candidate in $candidates; do # unquoted: a pattern becomes the files that fit it
    if path=$("$candidate" -c '
import sys
if not (3, 11) <= sys.version_info[:2] < (3, 14) or "%d.%d" % sys.version_info[:2] not in sys.argv[1:]:
    sys.exit(1)
print(sys.executable)' $wanted 2>/dev/null); then
        printf '%s\n' "$path"
        exit 0
    fi
done
found=$(python3 -V 2>/dev/null || echo 'no python3 at all')
cat >&2 <<MESSAGE
What: no Python ${1:-from 3.11 to 3.13} was found (looked for: ${PYTHON:-python3.13 python3.12 python3.11 python3, pyenv, uv}; found: $found).
Why:  the pipeline and Apache Airflow need one of them.
Do:   install it (Debian 12 and later: apt-get install python3 python3-venv), or name one: make setup PYTHON=/path/to/python3.12
MESSAGE
exit 1
