#!/bin/sh
# Guidance: a guide of a model's own features, a model that was trained with labels withheld, and what is refused.
. "$2/tests/cli/common.sh"

tiny_run run
draw='--sampler ddim:steps=3 --count 3'
ok guide run --data "$data" --t 10,200 --tap 3 --pool 2 --json
object command=guide tap=3 pool=2 levels.0.t=10 levels.1.top1
exists run/guide.safetensors
ok sample run $draw --out plain.npz
ok sample run $draw --guide run/guide.safetensors --guidance 0 --out none.npz --json
ok sample run $draw --guide run/guide.safetensors --guidance 5 --label 1 --out one.npz --json
object guidance label=1 guide
cmp -s plain.npz one.npz && fail 'guidance changes nothing'
ok sample run $draw --guide run/guide.safetensors --guidance 5 --guidance-t 5,6 --label 1 --out late.npz
cmp -s late.npz one.npz && fail 'the levels of guidance change nothing'

ok train --data "$data" --arch "$arch,class_cond=true,num_classes=4" --task denoise:drop=0.2 --steps 2 --batch 4 --threads 1 --out labelled
ok sample labelled $draw --out a.npz
ok sample labelled $draw --guidance 1 --out b.npz
ok sample labelled $draw --guidance 4 --out c.npz
cmp a.npz b.npz || fail 'guidance of 1 changes the images'
cmp -s a.npz c.npz && fail 'guidance of 4 changes nothing'

# how probable images are
ok likelihood run --data "$data" --images 3 --levels 5 --flow --csv bits.csv --json
object command=likelihood images=3 split=test bound bound_se prior noise bytes flow
[ "$(wc -l <bits.csv)" -eq 4 ] || fail 'not a line for each image'
wrong 2 'no data set' likelihood run
wrong 1 "no images in its split 'val'" likelihood run --data "$data" --split val

wrong 1 'knows no classes' sample run $draw --guidance 2 --out no.npz
wrong 1 'other weights' sample labelled $draw --guide run/guide.safetensors --out no.npz
wrong 1 'does not classify noisy images' sample run $draw --guide labelled/model-*.safetensors --out no.npz
wrong 1 'outside of the 3 classes' sample run $draw --guide run/guide.safetensors --label 3 --out no.npz
wrong 1 'no file' sample run $draw --guide none.safetensors --out no.npz
wrong 2 'takes two levels' sample run $draw --guide run/guide.safetensors --guidance-t 5 --out no.npz
wrong 1 'ascend' guide run --data "$data" --t 200,10
wrong 1 'no tap fits' guide run --data "$data" --t 10 --tap 3 --pool 63
wrong 2 'no data set' guide run
[ ! -e no.npz ] || fail 'a refused command left a file'

finish
