#!/bin/sh
# Lengths of functions (80 lines, 120 in src/engine/backend) and files (700 lines) in src/ and include/, inline code in
# headers included. Exceptions: lines "path" or "path:function" in tests/rules/exceptions.txt, '#' starts a comment.
source=$2
cd "$source" || exit 1
command -v ctags >/dev/null 2>&1 || { echo "sizes: skipped, ctags is not installed (universal-ctags)"; exit 77; }
ctags --version | grep -q Universal || { echo "sizes: skipped, ctags is not universal-ctags"; exit 77; }
list=$(find src include -name '*.[ch]' | LC_ALL=C sort)
[ -n "$list" ] || { echo "sizes: no sources under '$source'"; exit 1; }

{
    sed 's/#.*//; s/[ \t]*$//; /^$/d; s/^/exception /' tests/rules/exceptions.txt
    wc -l $list | awk '$2 != "total" { print "file", $2, $1 }'
    ctags --quiet --options=NONE --languages=C --map-C=+.h --kinds-C=f --fields=+ne --output-format=xref \
        --_xformat='function %F %N %n %e' -f - $list
} | awk '
$1 == "exception" { except[$2] = 1; next }
$1 == "file" {
    files++
    if ($3 > 700 && !($2 in except)) { printf "%s: %d lines, a file may have 700\n", $2, $3; failed++ }
}
$1 == "function" {
    functions++
    size = $5 - $4 + 1
    stop = $2 ~ /^src\/engine\/backend\// ? 120 : 80
    if (size > longest) longest = size
    if (size > stop && !(($2 ":" $3) in except)) {
        printf "%s:%d: function %s has %d lines, it may have %d\n", $2, $4, $3, size, stop
        failed++
    }
}
END {
    if (functions == 0) { print "sizes: ctags found no functions"; exit 1 }
    printf "sizes: %d files, %d functions, the longest has %d lines, %d wrong\n", files, functions, longest, failed
    exit failed > 0
}'
