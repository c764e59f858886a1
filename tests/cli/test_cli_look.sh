#!/bin/sh
# duet map, taps, cka and classify --why: pictures and numbers in a step of a run or where --out says, and wrong uses.
. "$2/tests/cli/common.sh"

tiny_run run
ok map run --data "$data" --rows 20 --method tsne:perplexity=5,steps=20 --tap 4 --t 5 --pool 2
says 'trustworthiness' 'divergence (KL)' 'alignment' 'run/map-001/map.png' 'report:'
exists run/map-001/map.png run/map-001/map.svg run/map-001/result.json
ok map run --data "$data" --rows 12 --method pca --reader pixels --out m.svg --json --tap 4 --t 5
object command=map rows=12 reader=pixels method=pca picture_svg points trust values metrics left_out
exists m.svg run/map-002/map.svg
ok taps run --data "$data" --rows 2 --t -1,40
exists run/taps-001/taps.png run/taps-001/taps.svg
ok taps run --data "$data" --rows 2 --t 5 --tap 4 --channels 3 --json
object command=taps channels
grep -q 'Single channels of a tap' run/report.html || fail 'the report does not say what the channels are'
ok cka run --data "$data" --rows 16 --batch-rows 8 --t 5 --pool 2 --json
object command=cka rows=16 batches=2 models cka picture=cka.png
exists run/cka-001/cka.png run/cka-001/cka.svg
for part in 'id="map"' 'id="taps"' 'id="cka"' 'Earlier ones'; do
    grep -qF "$part" run/report.html || fail "the report lacks $part"
done

# Of files: with --out, nothing else is made; without, a run.
model=$(echo run/model-*.safetensors)
cp "$model" m.safetensors
ok sample m.safetensors --count 2 --sampler ddim:steps=2 --out drawn/
ok taps m.safetensors drawn/000000.png drawn/000001.png --t 10 --tap 2,3 --out t.png
exists t.png
[ ! -e runs ] || fail "--out of a file made a run"
ok cka m.safetensors run --data "$data" --rows 12 --batch-rows 4 --t 5 --tap 1,2 --tap-b 3 --out c.svg
says 'CKA of 2 x 1 layers on 12 images'
ok cka m.safetensors --data "$data" --rows 8 --t 5 --tap 1,2
exists runs/00001-cka-m/cka-001/cka.svg runs/00001-cka-m/report.html
cp c.svg first.svg
ok cka m.safetensors run --data "$data" --rows 12 --batch-rows 4 --t 5 --tap 1,2 --tap-b 3 --out c.svg --threads 2 --exact
ok cka m.safetensors run --data "$data" --rows 12 --batch-rows 4 --t 5 --tap 1,2 --tap-b 3 --out first.svg --threads 1 --exact
cmp -s c.svg first.svg || fail "the picture depends on the number of threads"

ok probe run --data "$data" --t 5 --tap 4 --pool 1 --no-baselines
ok classify run drawn --why why.png
says 'drawn/000000.png:' 'wrote why.png'
exists why.png
ok classify run drawn/000001.png --why why.svg --patch 3 --json
object images why left_out
ok classify run --data "$data" --metrics accuracy,alignment,uniformity
says 'alignment' 'uniformity'

wrong 2 'no data set; give --data PATH' map run
wrong 2 'ends in one of: .png .svg' map run --data "$data" --out x.gif
wrong 1 "no plane 'umap'" map run --data "$data" --method umap --tap 4 --t 5 --pool 1
wrong 1 "no split 'val'" map run --data "$data" --split val --tap 4 --t 5 --pool 1
wrong 2 'no images' taps run
wrong 2 'exclude each other' taps run x.png --data "$data"
wrong 1 'x.png' taps run x.png
wrong 2 'shows one tap' taps run --data "$data" --channels 4
wrong 1 'no tap 99' cka run --data "$data" --tap 99
wrong 2 'second model' cka run --data "$data" --tap-b 3
wrong 1 'nothing.pt' cka run nothing.pt --data "$data"
wrong 2 'give images, not --data' classify run --data "$data" --why x.png
wrong 2 'x.gif' classify run drawn --why x.gif
wrong 2 'a patch of 99 pixels' classify run drawn --why x.png --patch 99
finish
