#!/bin/sh
# A student that draws in one or two evaluations (duet train --task consistency) beside its teacher: Frechet distance to training images
# and the time that drawing takes.
#   bench/one_step.sh TEACHER STUDENT DATA JUDGE SET COUNT OUT.csv
# A row that is in OUT.csv is left out.
set -e
. "$(dirname "$0")/number.sh"
duet=${DUET:-build/release/duet}
[ $# -eq 7 ] || { sed -n 2,5p "$0"; exit 2; }
data=$3 judge=$4 set=$5 count=$6 out=$7
top=$(mktemp -d)
trap 'rm -rf "$top"' EXIT
[ -s "$out" ] || echo 'set,network,sampler,evaluations,images,distance,distance_se,seconds,command,seed,commit,machine,date' >"$out"
# row NETWORK MODEL SAMPLER EVALUATIONS
row() {
    grep -qF "$set,$1,$3,$4,$count," "$out" && return
    [ -s "$top/real.npz" ] || "$duet" eval "$data" --split train --reader "$judge" --save-stats "$top/real.npz" --quiet
    "$duet" sample "$2" --count "$count" --sampler "$3" --out "$top/s.npz" --quiet --json >"$top/s.json"
    "$duet" eval "$top/s.npz" --against "$top/real.npz" --reader "$judge" --metrics fid --quiet --json >"$top/f.json"
    echo "$set,$1,$3,$4,$count,$(rounded "$top/f.json" fid),$(rounded "$top/f.json" fid_se),$(rounded "$top/s.json" seconds),bench/one_step.sh,0,$(provenance)" >>"$out"
}
row student "$2" consistency:steps=1 1
row student "$2" consistency:steps=2 2
row teacher "$1" dpmpp_2m:steps=2 2
row teacher "$1" dpmpp_2m:steps=10 10
row teacher "$1" ddpm:steps=50 50
