#!/bin/sh
# The diffs of docs/adding.md still apply to this tree.
cd "$(dirname "$0")/../.." || exit 1
if ! command -v git >/dev/null 2>&1 || ! git rev-parse --git-dir >/dev/null 2>&1; then
    echo "skipped: needs git and a checkout"
    exit 77
fi
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
awk -v to="$folder" '/^```diff$/ { n++; on = 1; next } /^```$/ { on = 0 } on { print > (to "/" n ".diff") }' docs/adding.md
count=0
for diff in "$folder"/*.diff; do
    if ! git apply --check "$diff"; then
        echo "docs/adding.md: diff $(basename "$diff" .diff) no longer applies; make it anew on this tree"
        exit 1
    fi
    count=$((count + 1))
done
echo "$count diffs apply"
[ "$count" -ge 2 ]
