#!/bin/sh
# Every #include of src/ and include/duet against the layers: a folder includes itself and lower lines only, never a neighbour on
# its own line. A public header belongs to the folder that does what it declares, so <duet/...> counts like a quoted path of
# that folder. cli and serve include public headers and, of their own, "cli/..." or "serve/...".
source=$2

# check TREE: the number of wrong includes is in its last line; fails where there is one.
check() {
    (
        cd "$1" || exit 1
        list=$(find src include/duet -name '*.[ch]' | LC_ALL=C sort)
        [ -n "$list" ] || { echo "layers: no sources under '$1'"; exit 1; }
        awk '
BEGIN {
    lines = "base 0 io 1 engine 2 run 2 figure 2 model 3 optim 3 report 3 noise 4 data 4 diffusion 5 feature 5 metric 6 plane 6 head 7"
    split(lines " train 8 study 9 bench 9 cli 10 serve 10", t, " ")
    for (i = 1; i in t; i += 2) level[t[i]] = t[i + 1]
    # Public headers that are not named like their folder.
    split("tensor base registry base setting model preprocess io picture io store io tune engine sample diffusion edit diffusion likelihood diffusion look study auto study compare study transfer study guide study", t, " ")
    for (i = 1; i in t; i += 2) folder[t[i]] = t[i + 1]
}
function bad(why) { printf "%s:%d: %s: %s\n", FILENAME, FNR, why, $0; failed++ }
# The folder of a public header "duet/name.h"; "" where it has none.
function owner(path,    name) {
    name = path
    sub(/^duet\//, "", name)
    sub(/[.]h$/, "", name)
    return name in folder ? folder[name] : name in level ? name : ""
}
FNR == 1 {
    split(FILENAME, own, "/")
    from = own[1] == "include" ? owner(own[2] "/" own[3]) : own[2]
}
/^[ \t]*#[ \t]*include[ \t]*["<]/ {
    match($0, /["<][^">]*[">]/)
    path = substr($0, RSTART + 1, RLENGTH - 2)
    quoted = substr($0, RSTART, 1) == "\""
    if (!quoted && path !~ /^duet[\/.]/) next
    checked++
    split(path, part, "/")
    to = quoted ? part[1] : owner(path)
    if (from == "" || !(from in level)) bad(own[1] == "include" ? "the header has no folder" : "folder \"" from "\" has no layer")
    else if (level[from] == 10) { if (quoted && to != from) bad(from " may include only <duet/...> and its own files") }
    else if (!quoted && path == "duet.h") bad("<duet.h> is for programs")
    else if (quoted && (own[1] == "include" || !(to in level) || path !~ /\//)) bad("quoted includes are relative to src/")
    else if (to == "") bad("the header has no folder")
    else if (from == to) next
    else if (level[to] + 0 > level[from] + 0) bad(from " stands below " to)
    else if (level[to] == level[from]) bad(from " and " to " are neighbours on one line")
}
END { printf "layers: %d includes checked, %d wrong\n", checked, failed; exit failed > 0 }
' $list
    )
}

check "$source" || exit 1

# What is planted is found, and nothing else.
top=$(mktemp -d) || exit 1
trap 'rm -rf "$top"' EXIT
failed=0
# plant WANT FILE INCLUDE: WANT (0 or 1) wrong includes where FILE has one more.
plant() {
    rm -rf "$top/src" "$top/include"
    mkdir -p "$top/$(dirname "$2")" "$top/src/base"
    echo '#include <duet/base.h>' >"$top/src/base/none.c"
    echo "#include $3" >"$top/$2"
    check "$top" >"$top/out" 2>&1
    [ "$(tail -1 "$top/out")" = "layers: 2 includes checked, $1 wrong" ] && return
    cat "$top/out"
    echo "layers: '#include $3' in $2 is not $1 wrong"
    failed=$((failed + 1))
}
plant 1 src/base/x.c '<duet/study.h>'
plant 1 src/engine/graph/x.c '<duet/sample.h>'
plant 1 src/report/x.h '<duet/model.h>'
plant 1 src/train/x.c '<duet.h>'
plant 1 src/head/x.c '<duet/unknown.h>'
plant 1 include/duet/tune.h '<duet/bench.h>'
plant 1 include/duet/model.h '<duet/data.h>'
plant 1 src/engine/op/x.c '"model/model.h"'
plant 1 src/cli/x.c '"base/str.h"'
plant 1 src/base/x.c '"str.h"'
plant 0 src/study/x.c '<duet/tensor.h>'
plant 0 src/cli/cmd/x.c '<duet/study.h>'
plant 0 src/io/store/x.c '"base/str.h"'
plant 0 include/duet/data.h '<duet/preprocess.h>'
echo "layers: planted includes are judged, $failed wrong"
[ "$failed" -eq 0 ]
