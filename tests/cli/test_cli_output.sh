#!/bin/sh
# Full disks, closed pipes, and what is printed to a terminal and to a file.
. "$2/tests/cli/common.sh"

tiny_run run

# a limit on the size of files stands for a full disk (the unit of ulimit -f is 512 or 1024 bytes)
limited() {
    (ulimit -f "$1" && shift && exec "$duet" "$@") >"$top/out" 2>"$top/err" </dev/null
    code=$?
    checked=$((checked + 1))
}
clean() { # PATTERN: nothing of that name, nor a temporary file, is left
    if find . -name "$1" -o -name '*.tmp*' | grep -q .; then fail "left behind: $(find . -name "$1" -o -name '*.tmp*')"; fi
    grep -q '^duet: ' "$top/err" && [ "$(wc -l <"$top/err")" -eq 1 ] || fail "not one line of a message: $(cat "$top/err")"
}
limited 4 sample run --sampler ddim:steps=1 --count 64 --out big.png
[ "$code" -eq 1 ] || fail "a png on a full disk ended with $code"
clean 'big.png'
limited 4 sample run --sampler ddim:steps=1 --count 64 --out big.npz
[ "$code" -eq 1 ] || fail "an npz on a full disk ended with $code"
clean 'big.npz'
limited 4 features run --data "$data" --split train --t 5 --tap 3 --pool 8 --out big.safetensors
[ "$code" -eq 1 ] || fail "features on a full disk ended with $code"
clean 'big.safetensors'
limited 8 train --data "$data" --arch "$arch" --steps 2 --batch 8 --threads 1 --out short
[ "$code" -eq 1 ] || fail "training on a full disk ended with $code"
clean 'model-*2.tmp'
limited 8 sweep run --data "$data" --t 5 --tap 3 --pool 8 --rows 40 --threads 1
[ "$code" -eq 1 ] || fail "a sweep on a full disk ended with $code"
clean 'sweep-*'
ok info run

# stdout
if [ -w /dev/full ]; then
    "$duet" info run >/dev/full 2>"$top/err"
    code=$?
    [ "$code" -eq 1 ] && grep -q 'cannot write to the standard output' "$top/err" || fail "a full stdout: $code, $(cat "$top/err")"
fi
("$duet" info run --plan --threads 1; echo $? >"$top/code") 2>"$top/err" | head -1 >/dev/null
[ "$(cat "$top/code")" -eq 0 ] && [ ! -s "$top/err" ] || fail "a closed pipe: $(cat "$top/code" "$top/err")"
("$duet" train --data "$data" --arch "$arch" --steps 2 --batch 8 --threads 1 --out piped 2>&1; echo $? >"$top/code") | :
[ "$(cat "$top/code")" -eq 0 ] || fail "training into a closed pipe ended with $(cat "$top/code")"
exists piped/report.html

# no control characters in a file
for call in "info run --plan" "train --data $data --arch $arch --steps 3 --batch 8 --out logged" "sample run --sampler ddim:steps=2" "help"; do
    ok $call
    if LC_ALL=C tr -d '\n\t\040-\377' <"$top/out" | grep -q . || LC_ALL=C tr -d '\n\t\040-\377' <"$top/err" | grep -q .; then fail "control characters from duet $call"; fi
done
finish
