#!/bin/sh
# Every quoted #include of src/ against the layers: a folder includes itself and lower lines only, never a neighbour on
# its own line; cli and serve include public headers (<duet/...>) and, of their own, "cli/..." or "serve/...".
source=$2
cd "$source" || exit 1
list=$(find src -name '*.[ch]' | LC_ALL=C sort)
[ -n "$list" ] || { echo "layers: no sources under '$source/src'"; exit 1; }

awk '
BEGIN {
    lines = "base 0 io 1 engine 2 report 2 model 3 optim 3 noise 4 data 4 diffusion 5 feature 5 metric 6 head 7"
    split(lines " train 8 study 9 cli 10 serve 10", t, " ")
    for (i = 1; i in t; i += 2) level[t[i]] = t[i + 1]
}
function bad(why) { printf "%s:%d: %s: %s\n", FILENAME, FNR, why, $0; failed++ }
/^[ \t]*#[ \t]*include[ \t]*"/ {
    checked++
    split(FILENAME, own, "/")
    from = own[2]
    match($0, /"[^"]*"/)
    path = substr($0, RSTART + 1, RLENGTH - 2)
    split(path, part, "/")
    to = part[1]
    if (!(from in level)) bad("folder \"" from "\" has no layer")
    else if (!(to in level) || path !~ /\//) bad("quoted includes are relative to src/")
    else if (from == to) next
    else if (level[from] == 10) bad(from " may include only <duet/...> and its own files")
    else if (level[to] + 0 > level[from] + 0) bad(from " stands below " to)
    else if (level[to] == level[from]) bad(from " and " to " are neighbours on one line")
}
END { printf "layers: %d includes checked, %d wrong\n", checked, failed; exit failed > 0 }
' $list
