# Packs, as the account Aegir works as: ACCOUNT ARCHIVE COUNT DIRECTORY... FILE... Prints the archive's SHA-256.
# What lies in directories that others write to is packed as ACCOUNT, who made it and may read it; names there mean nothing here.
set -uo pipefail
account=$1 archive=$2 count=$3
shift 3
directories=("${@:1:count}") files=("${@:count+1}")

# Holes stay holes (--sparse): a file may be of any size on the cheap, and reading it through takes hours.
# The end of an archive is two empty blocks: without them one can go on where another ended. 1: something changed meanwhile.
part() { { "$@" || [ $? = 1 ]; } | head -c -1024; }

# What its owner took the right to read from is read all the same; names may be too long for a path, so each is entered.
as_account='find "$@" -user "$(id -u)" \( -type f ! -perm -u=r -o -type d ! -perm -u=rx \) -execdir chmod u+rX -- {} \;
exec tar --create --sparse --blocking-factor=1 --file=- -- "$@"'

{
  for file in "${files[@]}"; do
    part tar --create --sparse --blocking-factor=1 --file=- --directory="${file%/*}" -- "./${file##*/}" || exit 1
  done
  for directory in "${directories[@]}"; do
    cd -- "$directory" || exit 1
    theirs=() without=()
    if [ -n "$account" ]; then
      while IFS= read -r -d '' place; do
        theirs+=("$place") without+=("--exclude=$place")
      done < <(find . -mindepth 1 -type d \( -perm /go=w -o ! -user "$(id -u)" \) -prune -print0)
    fi
    part tar --create --sparse --blocking-factor=1 --file=- --anchored --no-wildcards "${without[@]}" . || exit 1
    [ "${#theirs[@]}" = 0 ] ||
      part setsid --wait sudo -n -u "$account" -- env -i PATH="$PATH" LC_ALL=C.UTF-8 sh -c "$as_account" tar "${theirs[@]}" || exit 1
  done
  head -c 1024 /dev/zero
} | zstd --quiet --stdout | tee -- "$archive" | sha256sum || exit 1

# Read back once: an archive that cannot be read is none.
tar --list --zstd --file="$archive" >/dev/null
