# What an archive of DIRECTORY would not hold, or nobody could remove: DIRECTORY ACCOUNT; a word and a path a line.
# mounted: a file system at it or below it. away: one that /etc/fstab wants there, or above it. link: leads out of it.
# foreign: of neither account, and Aegir's may not read it, or not empty it.
awk -v d="$1" '
  function in_it(p) { return p == d || index(p, d "/") == 1 }
  FNR == NR { there[$5] = 1; if (in_it($5)) print "mounted\t" $5; next }
  $1 !~ /^#/ && $2 ~ /^\// && !($2 in there) && (in_it($2) || index(d, $2 "/") == 1) { print "away\t" $2 }
' /proc/self/mountinfo /etc/fstab 2>/dev/null
[ -d "$1" ] || { printf 'gone\t%s\n' "$1"; exit 0; }
find "$1" ! -user "$(id -u)" ! -user "$2" \( -type f ! -readable -o -type d \( ! -writable -o ! -readable \) \) -printf 'foreign\t%p\n' 2>/dev/null |
  head -n 50
# As deep as operators put uploads elsewhere. What the site links to itself is nobody's uploads.
find "$1" -maxdepth 2 -type l ! -user "$2" -xtype d 2>/dev/null | head -n 50 | while IFS= read -r link; do
  case $(readlink -f -- "$link") in "$1" | "$1"/*) ;; *) printf 'link\t%s\n' "$link" ;; esac
done
exit 0
