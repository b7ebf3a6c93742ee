here=$(pwd -P)
# rm returns before a process that goes on writing gives up: three times is enough for what is no race.
for try in 1 2 3; do
  for process in $(find /proc/[0-9]*/cwd /proc/[0-9]*/fd -maxdepth 1 -lname "$here/*" 2>/dev/null | cut -d / -f 3 | sort -u); do
    [ "$process" = $$ ] || kill -s KILL "$process"
  done
  find . -type d -user "$(id -u)" ! -perm -u=rwx -execdir chmod u+rwx -- {} \;
  find . -mindepth 1 -maxdepth 1 -exec rm -rf -- {} +
  # Directories of others in its own are for Aegir to empty.
  find . -mindepth 1 -type d -user "$(id -u)" ! -perm -ug=rwx -execdir chmod ug+rwx -- {} \;
  [ -n "$(find . -mindepth 1 -user "$(id -u)" -print -quit)" ] || break
done 2>/dev/null
exit 0
