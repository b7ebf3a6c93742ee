# Says what this machine is, as key<TAB>value lines, then answers questions; changes nothing by itself.
# $1: Aegir's root. $2: the mark behind each answer. $3: more package names, `|` between them. $4, $5: host names and
# addresses to resolve, blanks between them. Then the questions: a number of words, and so many words, again and again.
# A process costs a millisecond, and this runs on every server at every look: the shell does what it can by itself.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH RES_OPTIONS='timeout:2 attempts:1'
exec </dev/null
say() { printf '%s\t%s\n' "$1" "$2"; }
say begin ''
printf 'clock\t'; date +%s
i=$(id); say id "$i"
u=${i#*\(}; u=${u%%\)*}
while IFS=: read -r n _ _ _ _ _ s; do if [ "$n" = "$u" ]; then say shell "$s"; fi; done </etc/passwd
while IFS=: read -r g _; do case $g in www-data | apache | nginx | www | http) say web_group "$g" ;; esac; done </etc/group
read -r c 2>/dev/null </sys/devices/system/cpu/online && say cpus "$c"
a=$(hostname -I 2>/dev/null); say addresses "$a"
d=$1; while [ ! -d "$d" ]; do d=${d%/*}; d=${d:-/}; done
printf 'disk\t'; stat -f -c '%S %b %a %c %d' -- "$d"
for p in /usr/bin/php[0-9]*.[0-9]*; do
    v=${p#/usr/bin/php}; case $v in *[!0-9.]*) ;; *) if [ -x "$p" ]; then say php "$v $p"; fi ;; esac
done
for p in apache2 nginx mysql; do if command -v "$p" >/dev/null; then say has "$p"; fi; done
say files ''
p='apache2|nginx|sudo|curl|rsync|zstd|openssh-server|php[0-9.]*(-[a-z0-9]+)?|(default-)?(mysql|mariadb)-[a-z0-9.-]+'
LC_ALL=C grep -s -A 14 -E "^(Package: ($p${3:+|$3})\$|PRETTY_NAME=|[[:space:]]*listen[[:space:]]*=|\[[^]]*\]|[0-9a-f]+: [0-9A-F]+ [0-9A-F]+ 00010000 .* /|[[:space:]]*[0-9]+: [0-9A-F]+:[0-9A-F]+ [0-9A-F]+:0000 0A )" \
    /etc/os-release /proc/net/unix /proc/net/tcp /proc/net/tcp6 /etc/php/*/fpm/pool.d/*.conf /var/lib/dpkg/status |
    LC_ALL=C grep -E '^/var/lib/dpkg/status[:-](Package|Status|Version): |^/(etc/os-release|etc/php/.*\.conf|proc/net/(unix|tcp6?)):'
# Installed by other means than dpkg: only then they are asked themselves.
[ -e /var/lib/dpkg/info/apache2.list ] || ! command -v apache2 >/dev/null || { printf 'apache\t'; apache2 -v 2>/dev/null; }
[ -e /var/lib/dpkg/info/nginx.list ] || ! command -v nginx >/dev/null || { printf 'nginx\t'; nginx -v 2>&1; }
read -r h </proc/sys/kernel/hostname
# Each answer begins with the full name, so one process tells them apart where all names have addresses.
if f=$(getent -- ahosts "$h" $4); then say forward "$h $4"; echo "$f"; else
    for n in "$h" $4; do say forward "$n"; getent -- ahosts "$n"; done
fi
say reverse ''; getent -- hosts ${a%% *} $5
say end ''
m=$2; shift 5
echo "$m" >&2
# Turns the list until its first words stand behind the others, drops those, and runs what is left: a script as a part of
# this one, without a new shell.
ask() {
    n=$1; shift; r=$(($# - n))
    while [ "$n" -gt 0 ]; do set -- "$@" "$1"; shift; n=$((n - 1)); done
    shift "$r"
    if [ "$1 $2" = 'sh -c' ]; then s=$3; [ $# -lt 4 ] || shift; shift 3; (eval "$s"); else "$@"; fi
}
while [ $# -gt 0 ]; do
    ask "$@"; printf '\n%s %s\n' "$m" $?; printf '\n%s\n' "$m" >&2
    n=$1; shift $((n + 1))
done
