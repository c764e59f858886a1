#!/bin/sh
# SPDX-License-Identifier: MIT
# One row of the recipe ladder (docs/recipes.md): trains a model by a recipe, measures it, and adds a line to docs/data/ladder.csv.
#   bench/ladder.sh SET ROW SEED IMAGES     bench/ladder.sh fashion v_cosine 0 100000
# SET: fashion or cifar, read from $DUET_DATA (folders fashion-mnist and cifar10). The official test splits are not read: the last
# 10,000 training images are held out, all settings and figures are of them. Everything lies in $LADDER (runs/ladder); a stopped row
# goes on where it was; LIMIT=30m stops its training after so long, to be resumed by the same command. THREADS=1 where two rows run at
# once: training gives the same bits for the same threads only, so a ladder keeps to one number.
#
# Meters: `linear` is a linear probe on 10,000 rows at the setting that a sweep of training rows finds best, on the 10,000 held-out
# images; `few` the mean of 10 probes on 10 labels a class at that setting; `fid` the Frechet distance of $COUNT (1,000) images to 10,000
# training images under the judge (models/judges), by the better of two samplers (both stand in the line, with their share of damaged images).
set -e
cd "$(dirname "$0")/.."
. bench/number.sh
duet=${DUET:-build/release/duet}
data=${DUET_DATA:?the folder that holds fashion-mnist and cifar10}
ladder=${LADDER:-runs/ladder}
set_name=$1 row=$2 seed=$3 images=$4
count=${COUNT:-1000}

unet="adm_unet:num_res_blocks=1,num_head_channels=32,norm_groups=8,channel_mult=1/2/2"
case $set_name in
fashion) side=28 plain="--augment flip" small="$unet,attention_resolutions=7" ;;
cifar) side=32 plain="--augment flip" small="$unet,attention_resolutions=8" ;;
*) echo "ladder: no set '$set_name'; fashion or cifar" && exit 2 ;;
esac
[ "$set_name" = fashion ] && plain=
case $row in # the rows of AdamW, which the usual recipe was when the ladder began
baseline) recipe= ;;
v_cosine) recipe="--noise cosine --predict v" ;;
v_linear) recipe="--predict v" ;;
edm) recipe="--noise edm --predict edm" ;;
edm_uncertainty) recipe="--noise edm --predict edm --task denoise:uncertainty=true" ;;
flow) recipe="--noise flow:draw=logit_normal --predict flow" ;;
min_snr) recipe="--task denoise:weight=(min_snr:gamma=5)" ;;
self_cond) recipe="--arch $small,num_channels=32,self_cond=true" ;;
muon) recipe="--optim muon" ;;
muon_fast) recipe="--optim muon:rate=0.004" ;;
muon_batch16) recipe="--optim muon --batch 16" ;;
muon_v_linear) recipe="--optim muon --predict v" ;;
muon_v_cosine) recipe="--optim muon --noise cosine --predict v" ;;
muon_wide) recipe="--optim muon --arch $small,num_channels=48" ;;
dropout) recipe="--arch $small,num_channels=32,dropout=0.1" ;;
wide) recipe="--arch $small,num_channels=48" ;;
deep) recipe="--arch adm_unet:num_res_blocks=2,num_head_channels=32,norm_groups=8,channel_mult=1/2/2,num_channels=32,attention_resolutions=$((side / 4))" ;;
magnitude) recipe="--arch $small,num_channels=32,magnitude_preserving=true --optim adamw:rate=0.01" ;;
dispersion) recipe="--task denoise:dispersion=0.5,queue=256" ;;
batch16) recipe="--batch 16 --optim adamw:rate=0.001" ;;
*) recipe=${RECIPE:?no row "'$row'"; RECIPE gives the flags of a row of its own} ;;
esac
case $recipe in *--optim*) ;; *) recipe="$recipe --optim adamw" ;; esac

# ---- the sets, without the official test images ----

# idx NAME SKIP COUNT BYTES HEADER OUT: rows of a gzip'ed IDX file
idx() {
    { printf "%b" "$5"; gzip -dc "$1" | tail -c "+$(($6 + $2 * $4 + 1))" | head -c "$(($3 * $4))"; } | gzip -1 >"$7"
}
make_fashion() {
    from=$data/fashion-mnist to=$1
    idx "$from/train-images-idx3-ubyte.gz" 0 50000 784 '\0\0\010\03\0\0\0303\0120\0\0\0\034\0\0\0\034' 16 "$to/train-images-idx3-ubyte.gz"
    idx "$from/train-labels-idx1-ubyte.gz" 0 50000 1 '\0\0\010\01\0\0\0303\0120' 8 "$to/train-labels-idx1-ubyte.gz"
    idx "$from/train-images-idx3-ubyte.gz" 50000 10000 784 '\0\0\010\03\0\0\047\020\0\0\0\034\0\0\0\034' 16 "$to/t10k-images-idx3-ubyte.gz"
    idx "$from/train-labels-idx1-ubyte.gz" 50000 10000 1 '\0\0\010\01\0\0\047\020' 8 "$to/t10k-labels-idx1-ubyte.gz"
}
make_cifar() {
    tar -xzf "$data/cifar10/cifar10_jpeg.tar.gz" -C "$1" train
    for class in "$1"/train/*; do
        mkdir -p "$1/test/$(basename "$class")"
        find "$class" -name '4????.jpg' -exec mv -t "$1/test/$(basename "$class")" {} +
    done
}
set_folder=$ladder/sets/$set_name
if [ ! -d "$set_folder" ]; then
    rm -rf "$set_folder.part" && mkdir -p "$set_folder.part"
    "make_$set_name" "$set_folder.part"
    mv "$set_folder.part" "$set_folder"
fi
judge=${JUDGE:-models/judges/$([ "$set_name" = fashion ] && echo fashion-mnist || echo cifar10).safetensors}
[ -e "$judge" ] || { echo "ladder: the judge $judge is missing" && exit 1; }

# ---- training ----

run=$ladder/$set_name-$row-$seed-$images
threads=${THREADS:+--threads $THREADS}
train="duet train --data $set_name --images $images --seed $seed $plain $recipe $threads"
mkdir -p "$ladder"
limit=${LIMIT:+timeout --foreground -s INT $LIMIT}
if [ ! -e "$run/done" ]; then
    if [ -n "$(find "$run" -name 'state-*' 2>/dev/null)" ]; then
        # shellcheck disable=SC2086
        $limit "$duet" train --data "$set_folder" --resume "$run" --images "$images" --meter-minutes 0 --quiet $threads
    else
        rm -rf "$run"
        # shellcheck disable=SC2086
        $limit "$duet" train --data "$set_folder" --images "$images" --seed "$seed" $plain $recipe $threads --meter-minutes 0 --quiet --out "$run"
    fi
    touch "$run/done"
fi

# ---- meters ----

measure() { # measure NAME COMMAND…: its JSON, once
    out=$run/$1.json
    shift
    # shellcheck disable=SC2086
    [ -s "$out" ] || { "$@" $threads --json --quiet >"$out.part" && mv "$out.part" "$out"; }
}
for sampler in ddpm:steps=50 dpmpp_2m:steps=15,spacing=karras; do
    measure "eval-${sampler%%:*}" "$duet" eval "$run" --count "$count" --sampler "$sampler" --against "$set_folder" --real 10000 --reader "$judge" \
        --metrics fid:bootstrap=0,damaged
done
measure sweep "$duet" sweep "$run" --data "$set_folder" --t 5,15,40 --pool 4 --rows 4000 --no-baselines
measure linear "$duet" probe "$run" --data "$set_folder" --rows 10000 --seeds 1 --no-baselines --neighbours 0
for draw in 0 1 2 3 4 5 6 7 8 9; do
    measure "few-$draw" "$duet" probe "$run" --data "$set_folder" --rows 100 --seed $draw --seeds 1 --no-baselines --neighbours 0
done
few=$(for draw in 0 1 2 3 4 5 6 7 8 9; do number "$run/few-$draw.json" top1; done |
    awk '{ s += $1; q += $1 * $1 } END { m = s / NR; printf "%.2f,%.2f", m, sqrt((q - NR * m * m) / (NR - 1)) }')
a=$run/eval-ddpm.json b=$run/eval-dpmpp_2m.json
fid=$(printf '%s\n%s\n' "$(number "$a" fid)" "$(number "$b" fid)" | sort -g | head -n 1)

csv=${CSV:-docs/data/ladder.csv}
[ -e "$csv" ] || echo "set,row,seed,images,linear,t,tap,pool,few,few_deviation,fid,fid_ddpm,fid_dpmpp_2m,damaged_ddpm,damaged_dpmpp_2m,seconds,judge,command,commit,machine,date" >"$csv"
two() { printf '%.2f' "$(number "$1" "$2")"; }
three() { printf '%.3f' "$(number "$1" "$2")"; }
line="$set_name,$row,$seed,$images,$(two "$run/linear.json" top1),$(number "$run/linear.json" t),$(number "$run/linear.json" tap),$(number "$run/linear.json" pool)"
line="$line,$few,$(printf '%.3f' "$fid"),$(three "$a" fid),$(three "$b" fid),$(two "$a" damaged),$(two "$b" damaged)"
line="$line,$(printf '%.0f' "$(number "$run/run.json" seconds)"),$("$duet" info --hash "$judge" | awk '/^  hash/ { print $2 }'),\"$train\",$(git rev-parse --short HEAD),\"${MACHINE:-$(uname -m), $(nproc) threads}\",$(date -u +%Y-%m-%d)"
grep -q "^$set_name,$row,$seed,$images," "$csv" || echo "$line" >>"$csv"
echo "$line"
