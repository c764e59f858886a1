#!/bin/sh
# SPDX-License-Identifier: MIT
# What each choice of a probe brings (docs/recognition.md): one row a choice, the same training rows, added to docs/data/ablation.csv; rows
# that stand there already are not measured again.
#   bench/ablation.sh RUN DATA     bench/ablation.sh runs/ladder/fashion-muon-1-100000 runs/ladder/sets/fashion
# DATA should be a set whose test split is held out from the official training images (bench/ladder.sh makes such sets): these choices are not
# to be made by official test images. ROWS=10000 training rows, SEEDS=3 of the noise; THREADS as for duet; ONLY is a pattern of rows' names,
# BUT one of those left out.
set -e
cd "$(dirname "$0")/.."
. bench/number.sh
duet=${DUET:-build/release/duet}
run=${1:?a run} data=${2:?a data set}
rows=${ROWS:-10000} seeds=${SEEDS:-3}
csv=${CSV:-docs/data/ablation.csv}
threads=${THREADS:+--threads $THREADS}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
model=$(basename "$run")
[ -e "$csv" ] || echo "row,model,rows,top1,deviation,numbers,head_seconds,command,seed,commit,machine,date" >"$csv"

head_seconds() { awk '/"timings":/ { on = 1 } on && $1 == "\"head\":" { gsub(/[^0-9.e+-]/, "", $2); print $2; exit }' "$work/p.json"; }

# row NAME OPTION…: one probe
row() {
    name=$1
    shift
    echo "$name" | grep -qE "${ONLY:-.}" || return 0
    echo "$name" | grep -qE "${BUT:-^$}" && return 0
    grep -qF "\"$name\",$model,$rows," "$csv" && return 0
    # shellcheck disable=SC2086
    "$duet" probe "$run" --data "$data" --rows "$rows" --seeds "$seeds" --no-baselines --neighbours 0 --no-few "$@" $threads --json --quiet >"$work/p.json"
    echo "\"$name\",$model,$rows,$(printf '%.2f,%.2f' "$(number "$work/p.json" top1)" "$(number "$work/p.json" top1_std)"),$(number "$work/p.json" dim),$(printf '%.1f' "$(head_seconds)"),\"duet probe RUN --data DATA --rows $rows $*\",0,$(git rev-parse --short HEAD),\"${MACHINE:-$(uname -m), $(nproc) threads}\",$(date -u +%Y-%m-%d)" |
        tee -a "$csv"
}

one=t=5,tap=10,pool=4
two=$one+t=5,tap=7,pool=4
three=$two+t=15,tap=11,pool=4
row "one tap, linear" --setting $one --head linear
row "pool 2" --setting t=5,tap=10,pool=2 --head linear
row "pool 7" --setting t=5,tap=10,pool=7 --head linear
row "the mirrored image too" --setting $one,flip=true --head linear
row "4 draws of the noise" --setting $one,draws=4 --head linear
row "both" --setting $one,draws=4,flip=true --head linear
row "clean images" --setting t=-1,tap=10,pool=4 --head linear
row "two taps" --setting $two --head linear
row "two taps and another level" --setting $three --head linear
row "raw features" --setting $one --head linear:features=raw
row "whitened features" --setting $one --head linear:features=whitened
row "ridge" --setting $one --head ridge
row "ridge, whitened" --setting $one --head ridge:features=whitened
row "neighbours" --setting $one --head knn
row "neighbours, raw" --setting $one --head knn:features=raw
row "neighbours, whitened" --setting $one --head knn:features=whitened
row "MLP" --setting $one --head mlp
row "MLP, two taps and another level" --setting $three --head mlp
row "MLP, the same, both" --setting t=5,tap=10,pool=4,draws=4,flip=true+t=5,tap=7,pool=4,draws=4,flip=true+t=15,tap=11,pool=4,draws=4,flip=true --head mlp
row "CNN, pool 7" --setting t=5,tap=10,pool=7 --head cnn
row "attention, pool 7" --setting t=5,tap=10,pool=7 --head attention
for preset in diffssl-linear ddae vissl-in1k lightly clip; do
    case $preset in
    ddae) row "preset $preset" --preset $preset --tap 10 ;;
    diffssl-linear) row "preset $preset" --preset $preset ;;
    vissl-in1k) row "preset $preset" --preset $preset --t 5 --tap 10 --pool 4 ;;
    *) row "preset $preset" --preset $preset --t 5 --tap 10 --pool 1 ;;
    esac
done
