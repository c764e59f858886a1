#!/bin/sh
# Every public function, type, object and macro has a comment (tools/api.awk), and the API reference has all of them: made anew
# it holds an entry for each symbol of the shared library.
source=$2
top=$(mktemp -d) || exit 1
trap 'rm -rf "$top"' EXIT
cd "$source" || exit 1
awk -v check=1 -f tools/api.awk include/duet/*.h || exit 1
awk -v version=0 -f tools/api.awk include/duet/*.h >"$top/api.html" || exit 1
failed=0
for name in $(sh tools/exports.sh 0 include/duet/*.h | sed -n 's/^ *\(duet_[a-z0-9_]*\);/\1/p') duet_status duet_card DUET_INT; do
    [ "$(grep -c "<a id=\"$name\">" "$top/api.html")" -eq 1 ] || { echo "api: the reference lacks '$name'"; failed=1; }
done
# A declaration without a comment is found.
printf '/* x.h: a test. */\n\n/* Told. */\nint duet_told(void);\nint duet_too(void);\n\nint duet_untold(void);\n' >"$top/x.h"
awk -v check=1 -f tools/api.awk "$top/x.h" >"$top/out" 2>&1 && { echo "api: a missing comment is not found"; failed=1; }
grep -q "'duet_untold' has no comment" "$top/out" && [ "$(grep -c 'no comment' "$top/out")" -eq 1 ] || { cat "$top/out"; failed=1; }
exit $failed
