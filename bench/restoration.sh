#!/bin/sh
# Restoration of held-out images by a model, beside what is had without one: PSNR, and Frechet distance to training images under a
# judge, of the answers and of the plain ones.
#   bench/restoration.sh MODEL DATA JUDGE SET PICTURES MASK OUT.csv [OPERATOR...]
# OPERATOR: a spec of 'duet edit --operator', or 'hole', filled by MASK (of the images' size). A row that is in OUT.csv is left out.
set -e
. "$(dirname "$0")/number.sh"
duet=${DUET:-build/release/duet}
[ $# -ge 7 ] || { sed -n 2,6p "$0"; exit 2; }
model=$1 data=$2 judge=$3 set=$4 pictures=$5 mask=$6 out=$7
shift 7
[ $# -gt 0 ] || set -- hole downsample:factor=2 downsample:factor=4 blur:sigma=1.5 noise:sigma=0.5
top=$(mktemp -d)
trap 'rm -rf "$top"' EXIT
[ -s "$out" ] || echo 'set,operator,pictures,sampler,psnr,plain_psnr,residual,distance,plain_distance,seconds,command,seed,commit,machine,date' >"$out"
"$duet" eval "$data" --split train --reader "$judge" --save-stats "$top/real.npz" --quiet
distance() {
    "$duet" eval "$1" --against "$top/real.npz" --reader "$judge" --metrics fid:bootstrap=0 --quiet --json >"$top/eval.json"
    rounded "$top/eval.json" fid
}
for operator; do
    grep -qF "$set,$operator,$pictures," "$out" && continue
    rm -rf "$top/answers" "$top/plain"
    if [ "$operator" = hole ]; then change="--mask $mask"; else change="--operator $operator"; fi
    # shellcheck disable=SC2086
    "$duet" edit "$model" --data "$data" --pictures "$pictures" --answers 1 $change --out "$top/answers/" --plain "$top/plain/" --quiet --json >"$top/edit.json"
    printf '%s,%s,%s,ddpm:steps=100,%s,%s,%s,%s,%s,%s,bench/restoration.sh,0,%s\n' "$set" "$operator" "$pictures" \
        "$(rounded "$top/edit.json" psnr)" "$(rounded "$top/edit.json" plain_psnr)" "$(rounded "$top/edit.json" residual)" \
        "$(distance "$top/answers")" "$(distance "$top/plain")" "$(rounded "$top/edit.json" seconds)" \
        "$(provenance)" >>"$out"
done
