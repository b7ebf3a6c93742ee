# Turns a fresh Debian root ($1) into the base every host of the lab is an overlay of; $2 makes its database server ready.
# Runs in a mount and PID namespace of its own, so what it mounts goes away with it.
set -eu
mount -t proc proc "$1/proc"
cat >"$1/usr/sbin/policy-rc.d" <<'POLICY'
#!/bin/sh
exit 101
POLICY
chmod 755 "$1/usr/sbin/policy-rc.d"

# Each host makes its own identity: equal keys on all hosts would hide host key mistakes.
rm -f "$1"/etc/ssh/ssh_host_* "$1/etc/machine-id" "$1/var/lib/dbus/machine-id"
: >"$1/etc/resolv.conf"
printf '127.0.0.1 localhost\n::1 localhost\n' >"$1/etc/hosts"

chroot "$1" /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 sh -euc "$2"

chroot "$1" /bin/sh -eu <<'INSIDE'
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive
# WordPress' dependencies may bring PHP inside Apache; sites run in PHP-FPM, each with its own user.
a2dismod -q -f 'php*' mpm_prefork >/dev/null 2>&1 || true
a2enmod -q mpm_event proxy_fcgi setenvif rewrite >/dev/null

# Debian's WordPress is symbolic links into other packages; a platform is one plain tree.
flat=/usr/local/share/aegir-lab/wordpress
mkdir -p "${flat%/*}"
dangling=$(find -L /usr/share/wordpress -type l | wc -l)
cp -rL --preserve=mode /usr/share/wordpress "$flat" 2>/tmp/copy.log || true
test "$(grep -c . /tmp/copy.log || true)" = "$dangling"
rm -f "$flat/wp-config.php" /tmp/copy.log
test -z "$(find "$flat" -type l)"
for needed in wp-load.php wp-settings.php wp-includes/version.php wp-admin/install.php wp-content/themes/twentytwentythree/style.css; do
  test -s "$flat/$needed"
done
chown -R root:root "$flat"
INSIDE
umount "$1/proc"
