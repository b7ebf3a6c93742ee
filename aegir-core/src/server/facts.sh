# Says what this machine is, as key<TAB>value lines; changes nothing. $1: Aegir's root.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
say() { printf '%s\t%s\n' "$1" "$2"; }
[ -r /etc/os-release ] && say os "$(. /etc/os-release && printf '%s' "$PRETTY_NAME")"
say hostname "$(hostname -f 2>/dev/null || hostname)"
say cpus "$(getconf _NPROCESSORS_ONLN)"
say clock "$(date +%s)"
say user "$(id -un)"
say groups "$(id -Gn)"
for g in www-data apache nginx www http; do
    if getent group "$g" >/dev/null; then say web_group "$g"; break; fi
done
ip -o addr show scope global 2>/dev/null | while read -r _ _ _ a _; do say address "$a"; done
for p in /usr/bin/php[0-9]*.[0-9]*; do
    [ -x "$p" ] && v=${p#/usr/bin/php} && case $v in *[!0-9.]*) ;; *) say php "$v $p" ;; esac
done
for p in /etc/php/*/fpm/pool.d/www.conf; do
    [ -r "$p" ] || continue
    v=${p#/etc/php/}; v=${v%%/*}
    s=$(sed -n 's/^[[:space:]]*listen[[:space:]]*=[[:space:]]*\(\/[^[:space:];]*\).*/\1/p' "$p" | tail -n 1)
    [ -n "$s" ] && say fpm "$v $s"
done
command -v apache2 >/dev/null && say apache "$(apache2 -v 2>/dev/null | sed -n 's/^Server version: //p')"
command -v nginx >/dev/null && say nginx "$(nginx -v 2>&1 | sed 's/^nginx version: //')"
command -v mysql >/dev/null && say db_client "$(mysql --version 2>/dev/null)"
d=$1; while [ ! -d "$d" ]; do d=$(dirname "$d"); done
set -- $(df -Pk "$d" | tail -n 1); t=$2 f=$4
set -- $(df -Pi "$d" | tail -n 1)
say disk "$t $f $4"
say end ''
