#!/bin/sh
# duet measure: pictures of any sink give what 'duet sample' has counted; what is missing is named before the work; broken pictures.
. "$(dirname "$0")/common.sh"

ok train --data "$data" --arch "$arch" --steps 3 --batch 8 --out run --quiet
for out in drawn.npz drawn.zip drawn; do
    ok sample run --sampler ddim:steps=2 --count 40 --out $out --json
    tr -d ' \n' <"$top/out" | grep -o '"rough":[0-9]*,"flat":[0-9]*' >counted
    [ -s counted ] || fail "sample counts nothing: $(cat "$top/out")"
    ok measure $out --data "$data" --json
    object pictures data images size channels left_out damaged rough flat tables
    tr -d ' \n' <"$top/out" | grep -o '"rough":[0-9]*\.0,"flat":[0-9]*' >measured
    sed -i 's/\.0,/,/' measured
    cmp -s counted measured || fail "$out: $(cat measured), but 'duet sample' says $(cat counted)"
    grep -q '"images": 40' "$top/out" || fail "$out: not all images: $(cat "$top/out")"
done
ok measure drawn --data "$data"
says 'damaged ' ' %, too rough ' ' images of 40 images, 16 x 16'

wrong 2 'give --data DATA' measure drawn
wrong 2 'no pictures' measure
wrong 1 "metric 'ece' needs labels and logits" measure drawn --data "$data" --metrics damaged,ece
wrong 1 'nowhere' measure nowhere --data "$data"
wrong 1 'nowhere' measure drawn --data nowhere

echo nothing >drawn/000007.png
wrong 1 '000007.png' measure drawn --data "$data"
ok measure drawn --data "$data" --on-bad skip
says ' of 39 images'
grep -q '1 image' "$top/err" || fail "what was left out is not told: $(cat "$top/err")"
finish
