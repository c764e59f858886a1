#!/bin/sh
# Trains every row of duet compare for 20 seconds: sh tests/contest.sh DUET. The loss of each must fall by a fifth, and the linear
# head on its features must beat that on the same network with random weights, where it has one.
duet=$(realpath "$1")
top=$(mktemp -d) || exit 1
trap 'rm -rf "$top"' EXIT
trap 'exit 1' HUP TERM INT
cd "$top" || exit 1
failed=0
fail() {
    echo "FAILED: $*"
    failed=$((failed + 1))
}
set=synth:size=28,channels=1,classes=6,train=1200,test=300
go="compare --data $set --budget 20s --head linear --samples 100 --rows 300 --out contest"

# begun, stopped in its third row, and gone on with
"$duet" $go --only diffusion+vae+patchvae --json >first.json 2>first.log &
pid=$!
while kill -0 $pid 2>/dev/null && [ ! -d contest/patchvae-0 ]; do sleep 1; done
kill -INT $pid 2>/dev/null
wait $pid
[ -f contest/vae-0/row/result.json ] || fail "the second row is not done: $(tail -2 first.log)"
touch -r contest/vae-0/row/result.json before
"$duet" $go --json >all.json 2>all.log || fail "the comparison ended with $?: $(tail -2 all.log)"
[ contest/vae-0/row/result.json -nt before ] && fail 'what was done before the stop is done again'

# first and last tenth of column `loss`
falls() {
    awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "loss") c = i; next } { v[++n] = $c }
        END {
            k = int(n / 5); k = k < 1 ? 1 : k
            for (i = 1; i <= k; i++) { a += v[i]; b += v[n + 1 - i] }
            printf "%.3f\n", 1 - b / a; exit !(n >= 3 && b <= 0.8 * a)
        }' "$1"
}
for run in contest/*-0; do
    [ -f "$run/loss.csv" ] || continue
    part=$(falls "$run/loss.csv") || fail "the loss of $run fell by $part only"
    echo "$run: loss $part lower"
done
# the first head beside the same network with random weights, of every row that was trained
for table in contest/compare-*/compare.csv; do :; done
awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
    $at["random"] != "" {
        printf "%s: %s %%, random weights %s %%\n", $1, $at["linear"], $at["random"]
        if (!($at["linear"] + 0 > $at["random"] + 0)) { print "FAILED: " $1 " does not beat random weights"; bad++ }
        rows++
    }
    END { exit bad > 0 || rows < 8 }' "$table" || failed=$((failed + 1))

# photos of the user, without a split to test on
"$duet" data pack "$set" --split test --out photos.zip >/dev/null || fail 'packing failed'
"$duet" compare --data photos.zip --budget 5s --head linear --samples 50 --only vae+pixels --out own --json >own.json 2>own.log ||
    fail "the comparison on 300 photos ended with $?: $(tail -2 own.log)"
echo "$failed wrong"
[ "$failed" -eq 0 ]
