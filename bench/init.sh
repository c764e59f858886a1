#!/bin/sh
# SPDX-License-Identifier: MIT
# What starting from a shipped model is worth (docs/choosing.md): trains MINUTES (8) with and without --init auto, searches and tests a linear
# head, and adds two lines to docs/data/init.csv; those that stand there already are not measured again.
#   bench/init.sh NAME DATA      bench/init.sh flowers102 trainval:flowers102
# Runs lie in $WORK (runs/init); the models draw 36 images there, 36.png. THREADS as for duet.
set -e
cd "$(dirname "$0")/.."
. bench/number.sh
duet=${DUET:-build/release/duet}
name=${1:?a name} data=${2:?a data set}
minutes=${MINUTES:-8} work=${WORK:-runs/init}
csv=${CSV:-docs/data/init.csv}
threads=${THREADS:+--threads $THREADS}
options="--t 15,50 --pool 1,2,4 --limit 1500"
mkdir -p "$work"
[ -e "$csv" ] || echo "data,init,minutes,images,top1,top1_std,mean_class,random,pixels,command,seed,commit,machine,date" >"$csv"

# reader NAME KEY: of its row in the table
reader() {
    awk -v name="\"$1\"" -v key="\"$2\":" '$1 == "\"reader\":" { mine = index($0, name) } mine && $1 == key { gsub(/[^0-9.e+-]/, "", $2); printf "%.2f", $2; exit }' "$work/t.json"
}

for init in none auto; do
    grep -q "^$name,$init,$minutes," "$csv" && continue
    run=$work/$name-$init
    # shellcheck disable=SC2086
    [ -e "$run" ] || "$duet" train --data "$data" --init $init --minutes "$minutes" --augment flip --out "$run" $threads --quiet
    "$duet" sample "$run" --count 36 --sampler ddpm:steps=25 --seed 1 --out "$run/36.png" $threads --quiet
    # shellcheck disable=SC2086
    "$duet" transfer "$run" --data "$data" --head linear $options $threads --json --quiet >"$work/t.json"
    echo "$name,$init,$minutes,$(number "$run/run.json" images),$(reader model top1),$(reader model top1_std),$(reader model mean_class),$(reader random top1),$(reader pixels top1),\"duet train --data DATA --init $init --minutes $minutes --augment flip --out $init; duet transfer $init --data DATA --head linear $options\",0,$(provenance)" |
        tee -a "$csv"
done
