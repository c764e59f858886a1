#!/bin/sh
# duet eval: pictures of any sink give what 'duet sample' has counted; readers, statistics, halves, models; what is missing or does not
# fit is named in one line; broken pictures.
. "$(dirname "$0")/common.sh"
judge=$source/tests/golden/resnet_basic.pt

# value KEY: the number of a key of the last output, as JSON has it.
value() { sed -n "s/^  \"$1\": \([^,]*\),*$/\1/p" "$top/out" | head -1; }

ok train --data "$data" --arch "$arch" --steps 3 --batch 8 --out run --quiet
for out in drawn.npz drawn.zip drawn; do
    ok sample run --sampler ddim:steps=2 --count 40 --out $out --json
    tr -d ' \n' <"$top/out" | grep -o '"rough":[0-9]*,"flat":[0-9]*' >counted
    [ -s counted ] || fail "sample counts nothing: $(cat "$top/out")"
    ok eval $out --against "$data" --json
    object command samples against reader left_out warning halves damaged rough flat fid kid tables
    echo "\"rough\":$(value rough),\"flat\":$(value flat)" | sed 's/\.0//g' >measured
    cmp -s counted measured || fail "$out: $(cat measured), but 'duet sample' says $(cat counted)"
    grep -q '"rows": 40' "$top/out" || fail "$out: not all images: $(cat "$top/out")"
    value fid >>distances
    grep -q '"warning": "the Frechet distance of 40 and 60 rows with 768 features is not' "$top/out" || fail 'few rows are not told'
done
[ "$(sort -u distances | wc -l)" -eq 1 ] || fail "the same images, other distances: $(cat distances)"
ok eval run --count 40 --sampler ddim:steps=2 --against "$data" --json # the same images, not written anywhere
[ "$(value fid)" = "$(head -1 distances)" ] || fail "images that are drawn: $(value fid), not $(head -1 distances)"
ok eval drawn --against "$data"
says 'drawn, 40 images, against synth' 'split train, 60 images' 'damaged ' ' %, too rough ' ' images of 40 images, 16 x 16' \
    'features: raw pixels: 768; images scaled to 16 x 16, auto' 'Frechet distance ' 'kernel distance '
grep -q 'not to be trusted' "$top/err" || fail "no warning: $(cat "$top/err")"

# a network as the reader: the same for any number of threads and any batch; bootstrap and balls in one list
list=fid:bootstrap=5,prdc:k=2,near=3,authpct,kid:subsets=4,size=20
ok eval drawn --against "$data" --reader run --setting tap=5 --metrics $list --threads 1 --exact --json
grep -v '"path"' "$top/out" >one
object reader fid fid_se precision recall density coverage authpct copy_ratio kid kid_std
grep -q '"pool": 1' "$top/out" || fail "the reader's setting: $(cat "$top/out")"
ok eval drawn.zip --against "$data" --reader run --setting tap=5 --metrics $list --threads 2 --exact --batch 7 --json
grep -v '"path"' "$top/out" >two
grep -v '"hash"' one >one.values
grep -v '"hash"' two >two.values
cmp -s one.values two.values || fail "threads and batch change numbers: $(diff one.values two.values | head -4)"
ok eval "$data" --against "$data" --reader run --real 20
says ', split train, 30 images, against' ', split train, 20 images: disjoint halves'
ok eval "$data" --split test --against "$data" --reader run
says ', split test, 20 images, against'
ok eval "$data" --split test --against "$data" --reader run --metrics prdc # labels that nothing needs
says 'precision '
wrong 1 "metric 'accuracy' needs labels and logits" eval "$data" --split test --reader run --metrics accuracy

# a classifier: its logits, the labels of what is judged, statistics
ok eval "$data" --split test --reader "$judge" --save-stats stats.npz
exists stats.npz
wrong 1 "'stats.npz' exists already" eval "$data" --split test --reader "$judge" --save-stats stats.npz
ok eval drawn --against stats.npz --reader "$judge"
says 'against statistics stats.npz, 20 images' 'resnet_basic.pt (' 'tap 5, pool 1: 16' '224 x 224, imagenet' 'Inception score '
ok eval stats.npz --against stats.npz
says 'Frechet distance 0'
wrong 1 'the statistics to compare with are of 16 features, the reader' eval drawn --against stats.npz
wrong 1 "were made by reader" eval drawn --against stats.npz --reader run --setting tap=5
wrong 1 "metric 'kid' needs real images" eval drawn --against stats.npz --reader "$judge" --metrics kid
wrong 2 'of statistics only' eval stats.npz --against stats.npz --metrics kid
wrong 2 'give --against DATA' eval stats.npz
wrong 2 'give images, not statistics' eval stats.npz --against stats.npz --bounds

# the scale: other real images lie near, random bytes far; what is measured of a run stands in its report
rm -rf run/eval-*
ok eval run --count 20 --sampler ddim:steps=2 --against "$data" --metrics fid:bootstrap=0 --bounds
says 'the scale: 20 real images (test) ' ', random bytes ' '/run/report.html'
exists run/eval-001/result.json
awk '/"real": \{/ { in_real = 1 } /"noise": \{/ { in_real = 0; in_noise = 1 } /"fid":/ { gsub(/[^0-9.e+-]/, "", $2); if (in_real && !in_noise) real = $2; if (in_noise) noise = $2 }
    END { exit !(real > 0 && noise > 2 * real) }' run/eval-001/result.json || fail "the scale: $(cat run/eval-001/result.json)"
grep -q 'id="distance"' run/report.html || fail 'the report does not tell the distance'
wrong 1 'bounds needs the metric' eval run --count 20 --sampler ddim:steps=2 --against stats.npz --reader "$judge" --bounds
[ ! -e run/eval-002 ] || fail 'a step that failed stays'

# what is missing is named before the work
wrong 2 'give --against DATA' eval drawn --metrics damaged
wrong 2 'nothing to measure' eval drawn
wrong 2 'no images' eval
wrong 1 "metric 'ece' needs labels" eval drawn --against "$data" --metrics damaged,ece
wrong 1 "metric 'sfid' needs spatial features" eval drawn --against "$data" --metrics sfid
wrong 1 "no metric 'fidd'" eval drawn --against "$data" --metrics fidd
wrong 1 'nowhere' eval nowhere --against "$data"
wrong 1 'nowhere' eval drawn --against nowhere
head -c 2000 run/model-00000024.safetensors >cut.safetensors
wrong 1 'is the file cut off' eval cut.safetensors --against "$data"
wrong 1 'cannot draw images' eval "$judge" --against "$data"
wrong 1 'raw pixels have no settings' eval drawn --against "$data" --setting tap=3
wrong 1 "no images in its split 'val'" eval drawn --against "$data" --against-split val
wrong 1 'does not end in .npz' eval drawn --against "$data" --save-stats stats
mkdir empty
wrong 1 'it is empty' eval empty --against "$data"

echo nothing >drawn/000007.png
wrong 1 '000007.png' eval drawn --against "$data"
ok eval drawn --against "$data" --on-bad skip
says ' of 39 images'
grep -q '1 image' "$top/err" || fail "what was left out is not told: $(cat "$top/err")"

# the drawn images that are likest to training images, of a model and of files
ok eval run --against "$data" --reader run --count 6 --sampler ddim:steps=2 --metrics authpct --copies model.png --json
object copies_picture=copies.png
newest=$(ls -d run/eval-* | tail -1)
cmp model.png "$newest/copies.png" || fail 'the picture of the step is another'
grep -q 'Likest to training images' run/report.html || fail 'the report does not show them'
ok eval drawn --against "$data" --reader run --metrics authpct:rows=5 --copies files.png --on-bad skip
ok info files.png --json
object picture.format=png picture.width picture.height
wrong 2 'ends in one of' eval drawn --against "$data" --reader run --metrics authpct --copies no.jpg
finish
