# Sourced by test_cli_docs.sh and test_cli_docs_help.sh, after which=pages or which=help: whose commands are run.
# Every command line of README.md, CONTRIBUTING.md, docs/, include/ and `duet help COMMAND` is run on tiny data with budgets cut
# (docs_commands.awk), in a folder of its document and in its order; builds, tests and scripts are checked to exist, with their options.
# What cannot run stands in tests/docs_commands.txt with the reason.
. "$2/tests/cli/common.sh"

build=$(dirname "$duet")
data=synth:size=32,train=60,test=20,classes=5 # as many as the classifier of tests/golden/vit_timm.pt has
arch=adm_unet:image_size=32,num_channels=32,channel_mult=1/1/1,num_res_blocks=1
list=$source/tests/docs_commands.txt
ran=0
parsed=0
listed=0
left=0

# ---- what the commands find ----

mkdir made
ok train --data "$data" --arch "$arch" --steps 2 --batch 4 --threads 1 --out made/run --quiet
ok sweep made/run --data "$data" --t 5 --tap 3 --pool 2 --rows 40 --no-baselines --quiet
ok probe made/run --data "$data" --seeds 1 --no-baselines --neighbours 0 --quiet
ok convert made/run --arch adm_unet --out made/own.pt --quiet
LC_ALL=C sed "s/duet\.card/duet.none/g" made/own.pt >made/foreign.pt # without its card: as of another program
ok sample made/run --sampler ddim:steps=1 --count 1 --out made/image.png --quiet
[ "$failed" -eq 0 ] || finish
cp -r "$source/models" made/models
for name in tests examples; do ln -s "$source/$name" "made/$name"; done
mkdir bin help
ln -s "$duet" bin/duet
[ ! -x "$build/duet-bench" ] || ln -s "$build/duet-bench" bin/duet-bench
PATH=$PWD/bin:$PATH
export PATH

# ---- all of them ----

for command in $(sed -n 's/^ *DUET_MEMBER(cmd, \(.*\)) .*/\1/p' "$source/src/cli/cmd/cmd.def"); do "$duet" help "$command" >"help/$command.help"; done
"$duet" help >help/duet.help
for path in "$source"/README.md "$source"/CONTRIBUTING.md "$source"/docs/*.md "$source"/include/duet.h "$source"/include/duet/*.h help/*.help \
    "$source"/docs/data/*.csv; do
    [ ! -f "$path" ] || echo "$path"
done >"$top/files"
tr '\n' '\0' <"$top/files" | xargs -0 awk -v data="$data" -v arch="$arch" -f "$source/docs/csv.awk" \
    -f "$source/tests/cli/docs_commands.awk" >"$top/all" ||
    fail 'docs_commands.awk'
sort -t "$(printf '\t')" -u -k 2,2 "$top/all" | cut -f 2 >"$top/texts"
sed '/^#/d; /^$/d; s/ | .*//' "$list" >"$top/patterns"
grep -v '^#' "$list" | grep -qv ' | ..*' && fail "a line of $list has no reason"

# in_list COMMAND
in_list() {
    while IFS= read -r pattern; do
        case $1 in
        $pattern) return 0 ;;
        esac
    done <"$top/patterns"
    return 1
}
while IFS= read -r pattern; do
    found=false
    while IFS= read -r text; do
        case $text in
        $pattern) found=true && break ;;
        esac
    done <"$top/texts"
    $found || fail "tests/docs_commands.txt: no command is '$pattern'; take the line out"
done <"$top/patterns"

# ---- one ----

# preset NAME
preset() {
    grep -q "\"name\": *\"$1\"" "$source/CMakePresets.json" || fail "$place: no preset '$1'"
}

# script WORDS…: a program of the source tree: it is there, it can be read, and it knows the options.
script() {
    path=$source/$1
    [ -f "$path" ] || { fail "$place: no file '$1'"; return; }
    mark=$top/read-$(echo "$1" | tr / -)
    case $1 in
    *.py) [ -e "$mark" ] || python3 -c 'import ast, sys; ast.parse(open(sys.argv[1]).read())' "$path" 2>"$top/err" || ! command -v python3 >/dev/null ||
        fail "$place: $1: $(tail -1 "$top/err")" ;;
    *) [ -e "$mark" ] || sh -n "$path" || fail "$place: $1 is no script" ;;
    esac
    : >"$mark"
    shift
    for word; do
        word=${word#[}
        word=${word%]}
        case $word in
        --*) grep -q -e "[\"'(| ]${word%%=*}[\"')| ]" "$path" || fail "$place: $(basename "$path") has no option '$word'" ;;
        esac
    done
}

# part WORDS…: one command of a line, parsed. Returns 1 where it is one to run.
part() {
    case $1 in
    cmake) [ "$2" != --preset ] || preset "$3" ;;
    ninja) preset "${3#build/}" ;;
    ctest)
        [ "$2" != --preset ] || preset "$3"
        case " $* " in
        *' -R '*) shift 4 && ctest --test-dir "$build" -N -R "$1" | grep -q 'Total Tests: [1-9]' || fail "$place: no test is named '$1'" ;;
        esac ;;
    python3) shift && script "$@" ;;
    *.py | *.sh | ./* | docs/make | bench/* | tools/*) script "$@" ;;
    *) return 1 ;;
    esac
}

run_line() {
    set -f
    echo "$text" | sed 's/ && /\n/g; s/; /\n/g' >"$top/parts"
    runs=true
    while IFS= read -r words; do
        part $words && runs=false
    done <"$top/parts"
    set +f
    if ! $runs; then
        parsed=$((parsed + 1))
        return
    fi
    case $short in
    *duet-bench*) [ -x bin/duet-bench ] || { left=$((left + 1)) && return; } ;;
    esac
    ran=$((ran + 1))
    if ! (cd "$folder" && eval "$(echo "$short" | sed "s|build/[a-z]*/|$build/|g")") >"$top/out" 2>&1 </dev/null; then
        fail "$place: '$text' ends with an error: $(grep . "$top/out" | tail -1)"
        echo "  run as: $short"
        echo "  mend it, or list it with a reason in tests/docs_commands.txt"
    fi
}

: >"$top/done"
while IFS="$(printf '\t')" read -r place text short; do
    place=${place#"$source/"}
    case $place in
    help/*) [ "$which" = help ] || continue ;;
    *) [ "$which" = pages ] || continue ;;
    esac
    folder=doc-$(basename "${place%:*}")
    [ -d "$folder" ] || cp -r made "$folder"
    if in_list "$text"; then
        listed=$((listed + 1))
    elif ! grep -qxF -e "$short" "$top/done"; then
        case $short in
        *' --out '* | *' out='*) ;; # later commands of the document may want what it writes
        *) echo "$short" >>"$top/done" ;;
        esac
        run_line
    fi
done <"$top/all"
echo "of $(wc -l <"$top/all") commands, $which: $ran run, $parsed parsed, $listed listed, $left left out (duet-bench is not built); the others are the same again"
[ "$ran" -ge 10 ] || fail 'fewer commands than expected: are they still found?'
finish
