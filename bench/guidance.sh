#!/bin/sh
# Guidance over its scale: what a judge recognises of the images that were asked for, class after class, and the Frechet distance to
# training images.
#   bench/guidance.sh MODEL DATA JUDGE SET COUNT OUT.csv [SCALE...]
# With GUIDE=g.safetensors by that guide, else without a classifier. A row that is in OUT.csv is left out.
set -e
. "$(dirname "$0")/number.sh"
duet=${DUET:-build/release/duet}
[ $# -ge 6 ] || { sed -n 2,6p "$0"; exit 2; }
model=$1 data=$2 judge=$3 set=$4 count=$5 out=$6
shift 6
[ $# -gt 0 ] || set -- 0 1 2 4
sampler=${SAMPLER:-ddpm:steps=50}
if [ -n "$GUIDE" ]; then by='own features'; else by='no classifier'; fi
top=$(mktemp -d)
trap 'rm -rf "$top"' EXIT
[ -s "$out" ] || echo 'set,by,scale,images,sampler,judge_top1,judge_top1_se,distance,distance_se,seconds,command,seed,commit,machine,date' >"$out"
"$duet" eval "$data" --split train --reader "$judge" --save-stats "$top/real.npz" --quiet
for scale; do
    grep -qF "$set,$by,$scale,$count,$sampler," "$out" && continue
    "$duet" sample "$model" ${GUIDE:+--guide "$GUIDE"} --guidance "$scale" --count "$count" --sampler "$sampler" --out "$top/s.npz" --quiet --json >"$top/s.json"
    "$duet" eval "$top/s.npz" --reader "$judge" --metrics accuracy --quiet --json >"$top/a.json"
    "$duet" eval "$top/s.npz" --against "$top/real.npz" --reader "$judge" --metrics fid --quiet --json >"$top/f.json"
    echo "$set,$by,$scale,$count,$sampler,$(rounded "$top/a.json" top1),$(rounded "$top/a.json" top1_se),$(rounded "$top/f.json" fid),$(rounded "$top/f.json" fid_se),$(rounded "$top/s.json" seconds),bench/guidance.sh,0,$(provenance)" >>"$out"
done
