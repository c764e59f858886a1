#!/bin/sh
# File names are unique within src/ and within include/. Functions of the C library stay in their folders: memory in
# src/base (the rest of the library goes through base/mem.h; programs have only public headers and use their own),
# printing, exit and the environment in src/cli and src/serve.
# DUET_CUDA is asked for in src/engine/backend only. Comments and strings do not count.
source=$2
cd "$source" || exit 1
list=$(find src include -name '*.[ch]' | LC_ALL=C sort)
[ -n "$list" ] || { echo "names: no sources under '$source'"; exit 1; }

for tree in src include; do
    find $tree -type f -name '*.*' | sed 's,.*/,,' | LC_ALL=C sort | uniq -d
done | awk '{ printf "names: %s stands in more than one folder\n", $0; failed++ } END { exit failed > 0 }'
twice=$?

awk '
BEGIN {
    before = "(^|[^A-Za-z0-9_.>])"
    memory = "malloc|calloc|realloc|reallocarray|free|posix_memalign|aligned_alloc|strdup|strndup|asprintf|vasprintf"
    memory = before "(" memory ")[ ]*[(]"
    output = "printf|vprintf|puts|putchar|perror|exit|_exit|_Exit|quick_exit|abort|assert"
    output = before "(" output "|getenv|secure_getenv|setenv|putenv)[ ]*[(]"
    streams = before "(stdout|stderr)([^A-Za-z0-9_]|$)"
}
function bad(why) { printf "%s:%d: %s: %s\n", FILENAME, FNR, why, $0; failed++ }
FNR == 1 { comment = 0 }
{
    code = $0
    if (comment) {
        end = index(code, "*/")
        if (end == 0) next
        code = substr(code, end + 2)
        comment = 0
    }
    gsub(/\\\\/, "", code)
    gsub(/\\["\047]/, "", code)
    gsub(/\047"\047/, "", code)
    gsub(/"[^"]*"/, "\"\"", code)
    while (match(code, /\/[*]/)) {
        rest = substr(code, RSTART + 2)
        code = substr(code, 1, RSTART - 1)
        end = index(rest, "*/")
        if (end == 0) { comment = 1; break }
        code = code " " substr(rest, end + 2)
    }
    sub(/\/\/.*/, "", code)
    lines++
    if (FILENAME !~ /^src\/(base|cli|serve)\// && code ~ memory) bad("memory comes from base/mem.h")
    if (FILENAME !~ /^src\/(cli|serve)\// && (code ~ output || code ~ streams)) {
        bad("only src/cli prints, exits or reads the environment")
    }
    if (FILENAME !~ /^src\/engine\/backend\// && code ~ /^[ ]*#.*DUET_CUDA/) bad("DUET_CUDA belongs to src/engine/backend")
}
END { printf "names: %d lines checked, %d wrong\n", lines, failed; exit failed > 0 }
' $list
calls=$?
[ $twice -eq 0 ] && [ $calls -eq 0 ]
