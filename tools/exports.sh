#!/bin/sh
# tools/exports.sh VERSION HEADER…: the linker's version script of libduet.so. Exported is what the public headers declare,
# functions and objects; everything else stays inside. VERSION is the ABI's, "0.2".
version=$1
shift
echo "DUET_$version {"
echo '    global:'
cat "$@" | sed 's|/\*|\n/*|g; s|\*/|*/\n|g' | awk '
/^\/\*/ { comment = 1 }
!comment && !/^ *#/ {
    line = $0
    while (match(line, /duet_[a-z0-9_]+\(/)) {
        print substr(line, RSTART, RLENGTH - 1)
        line = substr(line, RSTART + RLENGTH)
    }
    if (/^extern .*duet_[a-z0-9_]+;/ && match($0, /duet_[a-z0-9_]+;/)) print substr($0, RSTART, RLENGTH - 1)
}
/\*\/$/ { comment = 0 }' | LC_ALL=C sort -u | sed 's/.*/        &;/'
echo '    local: *;'
echo '};'
