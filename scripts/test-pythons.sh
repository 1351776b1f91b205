#!/bin/sh
# usage: test-pythons.sh PYTEST-ARGUMENTS...
# Runs the fast tests on every supported Python that this machine has, each in an environment of its own from the lock
# (.venvs/3.12 and so on). Says at the end which ran; ends with 1 when one of them failed or none was found.
absent='' passed='' failed=''
for version in 3.11 3.12 3.13; do
    if ! python=$(PYTHON='' sh scripts/find-python.sh "$version" 2>/dev/null); then
        absent="$absent $version"
        continue
    fi
    echo "pythons: $version ($python)"
    if "$python" scripts/setup.py ".venvs/$version" && ".venvs/$version/bin/python" -m pytest -q "$@"; then
        passed="$passed $version"
    else
        failed="$failed $version"
    fi
done
echo "pythons: passed:${passed:- none}; failed:${failed:- none}; not on this machine:${absent:- none}"
[ -z "$failed" ] && [ -n "$passed" ]
