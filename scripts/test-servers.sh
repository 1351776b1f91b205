#!/bin/sh
# The servers that tests talk to: OpenSSH, PostgreSQL and a browser. Installed where that is ours to do (root on Debian), else left alone:
# a test that misses its server then fails under CI=true, and is listed by name otherwise.
[ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || exit 0
missing=
command -v sshd >/dev/null || [ -x /usr/sbin/sshd ] || missing="openssh-server"
command -v chromium >/dev/null || command -v google-chrome >/dev/null || missing="$missing chromium"
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$missing postgresql"
[ -n "$missing" ] || exit 0
case $missing in *postgresql*) # its programs alone: tests start a server of their own, and no cluster of the system is made
    mkdir -p /etc/postgresql-common/createcluster.d && echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.d/salur.conf ;;
esac
install() { DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends $missing >/tmp/salur-apt.$$ 2>&1; }
echo "test: installing$(printf ' %s' $missing) for the tests that talk to real servers" >&2
install || { apt-get update >/dev/null 2>&1; install; } || {
    tail -5 /tmp/salur-apt.$$ >&2
    echo "test: going on without$(printf ' %s' $missing)" >&2
}
rm -f /tmp/salur-apt.$$
