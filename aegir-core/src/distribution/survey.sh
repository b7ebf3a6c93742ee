root=$1; shift
if command -v zstd >/dev/null 2>&1; then z=1; else z=0; fi
if [ -L "$root" ]; then printf 'other %s\0' "$z"
elif [ -d "$root" ]; then cd -P -- "$root" || exit 1; printf 'tree %s\0' "$z"; exec find . "$@"
elif [ -e "$root" ]; then printf 'other %s\0' "$z"
else printf 'nothing %s\0' "$z"
fi
