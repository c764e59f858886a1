#!/bin/sh
# SPDX-License-Identifier: MIT
# Frechet distance over evaluations of the network, by sampler (docs/sampling.md): a line a point is added to docs/data/sampler_curve.csv;
# points that stand there already are not measured again.
#   bench/sampler_curve.sh MODEL DATA JUDGE
# All points start from the same noise (seed 0). Real beside real is the row `real`: test images, as many as are drawn. `heun:steps=25` is
# the equation all but solved: what the deterministic ones come to.
# COUNT=2000 images a point, to REAL=10000 training images; THREADS as for duet; ONLY, BUT: patterns of "SAMPLER EVALUATIONS REUSE" that are
# done, or not, so that two of them may run side by side.
set -e
cd "$(dirname "$0")/.."
. bench/number.sh
duet=${DUET:-build/release/duet}
model=${1:?a model} data=${2:?a data set} judge=${3:?a judge}
count=${COUNT:-2000} real=${REAL:-10000}
csv=${CSV:-docs/data/sampler_curve.csv}
threads=${THREADS:+--threads $THREADS}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
hash=$("$duet" info --hash "$model" | awk '/^  hash/ { print $2 }')
name=$(basename "$model")
[ -e "$csv" ] || echo "model,hash,sampler,evaluations,reuse,images,fid,fid_se,damaged,seconds,command,seed,commit,machine,date" >"$csv"

# fixed DIGITS VALUE: rounded; nothing where there is no value
fixed() { [ -z "$2" ] || printf "%.$1f" "$2"; }

# line SAMPLER EVALUATIONS REUSE SECONDS COMMAND: from the evaluation in $work/e.json
line() {
    echo "$name,$hash,\"$1\",$2,$3,$count,$(fixed 3 "$(number "$work/e.json" fid)"),$(fixed 3 "$(number "$work/e.json" fid_se)"),$(fixed 2 "$(number "$work/e.json" damaged)"),$(fixed 0 "$4"),\"$5\",0,$(git rev-parse --short HEAD),\"${MACHINE:-$(uname -m), $(nproc) threads}\",$(date -u +%Y-%m-%d)" |
        tee -a "$csv"
}
evaluate() {
    # shellcheck disable=SC2086
    "$duet" eval "$@" --against "$data" --real "$real" --reader "$judge" --metrics fid:bootstrap=50,damaged --json --quiet $threads >"$work/e.json"
}
# point SAMPLER EVALUATIONS [REUSE]
point() {
    grep -qF "$hash,\"$1\",$2,${3:-1},$count," "$csv" && return
    rm -f "$work/x.npz"
    # shellcheck disable=SC2086
    "$duet" sample "$model" --sampler "$1" --reuse "${3:-1}" --count "$count" --seed 0 --out "$work/x.npz" --json --quiet $threads >"$work/s.json"
    evaluate "$work/x.npz"
    line "$1" "$2" "${3:-1}" "$(number "$work/s.json" seconds)" "duet sample MODEL --sampler $1 --reuse ${3:-1} --count $count"
}

if ! grep -qF "$hash,\"real\",0,1,$count," "$csv"; then
    evaluate "$model" --sampler ddim:steps=1 --count "$count" --bounds
    sed '1,/"bounds":/d' "$work/e.json" >"$work/bounds" # as many test images as are drawn
    mv "$work/bounds" "$work/e.json"
    line real 0 1 0 "duet eval MODEL --count $count --bounds --against DATA"
fi
# Those that are worth a curve have four points, the others one or two.
points() { # SAMPLER EVALUATIONS REUSE, a line each
    echo "heun:steps=25,spacing=karras 49 1"
    for steps in 10 5 15 20; do
        for solver in dpmpp_2m unipc er_sde; do echo "$solver:steps=$steps,spacing=karras $steps 1"; done
        for solver in ddim ddpm; do echo "$solver:steps=$steps $steps 1"; done
    done
    for solver in deis lms dpmpp_2m_sde dpmpp_3m_sde euler_ancestral; do echo "$solver:steps=10,spacing=karras 10 1"; done
    for solver in heun dpm2 dpmpp_2s_ancestral; do # two evaluations a step, but one in the last
        for steps in 3 5 8; do echo "$solver:steps=$steps,spacing=karras $((2 * steps - 1)) 1"; done
    done
    for steps in 10 20; do echo "dpmpp_2m:steps=$steps,spacing=karras $steps 2"; done
    echo "ddim:steps=50 50 1"
    echo "ddim:steps=50 50 2"
    echo "ddpm:steps=50 50 1"
    for solver in deis lms dpmpp_2m_sde dpmpp_3m_sde euler_ancestral; do echo "$solver:steps=20,spacing=karras 20 1"; done
    echo "dpmpp_2m:steps=20,spacing=karras 20 3"
    echo "heun:steps=50,spacing=karras 99 1"
}
points | grep -E "${ONLY:-.}" | grep -vE "${BUT:-^$}" | while read -r sampler evaluations reuse; do point "$sampler" "$evaluations" "$reuse" </dev/null; done
