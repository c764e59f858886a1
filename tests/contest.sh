#!/bin/sh
# Trains every row of duet compare for 20 seconds: sh tests/contest.sh DUET. The loss of each must fall, and the linear
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
set=synth:size=16,channels=1,classes=6,train=1200,test=600
go="compare --data $set --budget 20s --head linear --samples 100 --rows 300 --out contest"

# begun, stopped in its third row (rows stand in the order of docs/compare.md), and gone on with
"$duet" $go --only diffusion+vae+patchvae --json >first.json 2>first.log &
pid=$!
while kill -0 $pid 2>/dev/null && [ ! -d contest/vae-0 ]; do sleep 1; done
kill -INT $pid 2>/dev/null
wait $pid
[ -f contest/patchvae-0/row/result.json ] || fail "the second row is not done: $(tail -2 first.log)"
touch -r contest/patchvae-0/row/result.json before
"$duet" $go --json >all.json 2>all.log || fail "the comparison ended with $?: $(tail -2 all.log)"
[ contest/patchvae-0/row/result.json -nt before ] && fail 'what was done before the stop is done again'

# falls FILE LEAST: the column `loss`, from its first row, the mean of about two seconds, to the mean of its last fifth
falls() {
    awk -F, -v least="$2" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "loss") c = i; next } { v[++n] = $c }
        END {
            k = int(n / 5); k = k < 1 ? 1 : k
            for (i = 1; i <= k; i++) b += v[n + 1 - i] / k
            printf "%.3f\n", 1 - b / v[1]; exit !(n >= 3 && b <= (1 - least) * v[1])
        }' "$1"
}
# What a generator gains its discriminator loses, so their sum (bigbigan) need not fall far; mae restores patches of unit variance, of
# which 18,000 little images teach a tenth.
for run in contest/*-0; do
    [ -f "$run/loss.csv" ] || continue
    case $run in */bigbigan-0 | */mae-0) least=0.05 ;; */simclr-0) least=0.1 ;; *) least=0.2 ;; esac
    part=$(falls "$run/loss.csv" $least) || fail "the loss of $run fell by $part only"
    echo "$run: loss $part lower"
done
# The first head beside the same network with random weights, of every row that was trained. simclr has made 70 steps and may lie below by
# two deviations of 600 rows.
for table in contest/compare-*/compare.csv; do :; done
awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
    $at["random"] != "" {
        printf "%s: %s %%, random weights %s %%\n", $1, $at["linear"], $at["random"]
        slack = $1 == "simclr" ? 4 : 0
        if (!($at["linear"] + slack > $at["random"] + 0)) { print "FAILED: " $1 " does not beat random weights"; bad++ }
        rows++
    }
    END { exit bad > 0 || rows < 8 }' "$table" || failed=$((failed + 1))

# photos of the user, without a split to test on
"$duet" data pack synth:size=16,channels=1,classes=6,train=12,test=300 --split test --out photos.zip >/dev/null || fail 'packing failed'
"$duet" compare --data photos.zip --budget 5s --head linear --samples 50 --only vae+pixels --out own --json >own.json 2>own.log ||
    fail "the comparison on 300 photos ended with $?: $(tail -2 own.log)"
echo "$failed wrong"
[ "$failed" -eq 0 ]
