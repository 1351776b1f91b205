#!/bin/sh
# Prints the newest interpreter that can run this project, or says what is missing.
# A name on PATH proves nothing (a version manager may put a stand-in there), so each candidate is run once.
for candidate in ${PYTHON:-python3.13 python3.12 python3.11 python3}; do
    if path=$("$candidate" -c '
import sys
if not (3, 11) <= sys.version_info[:2] < (3, 14):
    sys.exit(1)
print(sys.executable)' 2>/dev/null); then
        printf '%s\n' "$path"
        exit 0
    fi
done
found=$(python3 -V 2>/dev/null || echo 'no python3 at all')
cat >&2 <<MESSAGE
What: no Python from 3.11 to 3.13 was found (looked for: ${PYTHON:-python3.13 python3.12 python3.11 python3}; found: $found).
Why:  the pipeline and Apache Airflow need one of them.
Do:   install it (Debian 12 and later: apt-get install python3 python3-venv), or name one: make setup PYTHON=/path/to/python3.12
MESSAGE
exit 1
