# Sourced by the scripts of this folder: sh test_cli_x.sh DUET SOURCE JSON_CHECK. Each works in a folder of its own.
duet=$1
source=$2
json=$3
[ -x "$duet" ] && [ -x "$json" ] || { echo "usage: sh $0 DUET SOURCE JSON_CHECK"; exit 1; }
top=$(mktemp -d "${TMPDIR:-/tmp}/duet-cli.XXXXXX") || exit 1
trap 'rm -rf "$top"' EXIT
trap 'exit 1' HUP TERM
mkdir "$top/work" && cd "$top/work" || exit 1
OMP_NUM_THREADS=1
export OMP_NUM_THREADS
DUET_CACHE=$top/cache # not the user's
export DUET_CACHE
failed=0
checked=0
data=synth:size=16,train=60,test=20,classes=3
arch=adm_unet:image_size=16,num_channels=8,num_res_blocks=1,channel_mult=1/2,norm_groups=4,attention_resolutions=8,num_head_channels=8

fail() {
    echo "FAILED: $*"
    failed=$((failed + 1))
}

# go ARGS…: runs duet; its output lies in $top/out and $top/err, its exit code in $code.
go() {
    "$duet" "$@" >"$top/out" 2>"$top/err" </dev/null
    code=$?
    checked=$((checked + 1))
}

# ok ARGS…: must succeed.
ok() {
    go "$@"
    [ "$code" -eq 0 ] || { fail "duet $* ended with $code"; cat "$top/err"; }
}

# wrong CODE TEXT ARGS…: must fail with CODE and one line on stderr that holds TEXT, print nothing and change no file.
wrong() {
    want=$1
    text=$2
    shift 2
    find . | sort >"$top/before"
    go "$@"
    find . | sort >"$top/after"
    [ "$code" -eq "$want" ] || fail "duet $* ended with $code, not $want: $(cat "$top/err")"
    [ "$(wc -l <"$top/err")" -eq 1 ] || fail "duet $* says more or less than one line: $(cat "$top/err")"
    grep -q '^duet' "$top/err" || fail "duet $* does not say who speaks: $(cat "$top/err")"
    grep -qF -e "$text" "$top/err" || fail "duet $* does not say '$text' but: $(cat "$top/err")"
    [ ! -s "$top/out" ] || fail "duet $* prints on stdout: $(head -3 "$top/out")"
    cmp -s "$top/before" "$top/after" || { fail "duet $* leaves something behind:"; diff "$top/before" "$top/after"; }
}

# says TEXT…: the last output holds each text.
says() {
    for text; do
        grep -qF -e "$text" "$top/out" || fail "the output lacks '$text': $(head -5 "$top/out")"
    done
}

# object KEY…: the last output is one JSON object with these keys (json_check.c).
object() {
    "$json" "$@" <"$top/out" || fail "wrong JSON: $(head -5 "$top/out")"
}

exists() {
    for path; do
        [ -s "$path" ] || fail "'$path' was not written"
    done
}

# tiny_run FOLDER: a trained run in a fraction of a second.
tiny_run() {
    ok train --data "$data" --arch "$arch" --steps 4 --batch 8 --threads 1 --out "$1"
    exists "$1/run.json"
}

finish() {
    echo "$checked calls, $failed wrong"
    [ "$failed" -eq 0 ]
    exit
}
