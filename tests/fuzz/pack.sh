#!/bin/sh
# tests/fuzz/pack.sh TARGET FOLDER…: the smallest corpus with the coverage of the folders, as corpus/TARGET.tar.gz; needs preset fuzz.
set -e
target=$1
shift
here=$(dirname "$0")
kept=$(mktemp -d)
"$here/../../build/fuzz/tests/fuzz/fuzz_$target" -merge=1 -max_len=65536 "$kept" "$@" 2>/dev/null
tar --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 --format=ustar -cf "$here/corpus/$target.tar" -C "$kept" .
rm -r "$kept"
gzip -9nf "$here/corpus/$target.tar"
ls -l "$here/corpus/$target.tar.gz"
