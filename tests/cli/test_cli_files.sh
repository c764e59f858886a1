#!/bin/sh
# Files and folders that are not what they should be.
. "$2/tests/cli/common.sh"

tiny_run run
model=run/model-00000032.safetensors
mkdir empty flat

# models
wrong 1 "no file or folder 'nope'" info nope
wrong 1 'holds no model-' info empty
wrong 1 'no model' sample flat
head -c 20000 $model >cut.safetensors
wrong 1 'is the file cut off?' info cut.safetensors
head -c 5 $model >stub.safetensors
wrong 1 'stub.safetensors' sample stub.safetensors
: >void.safetensors
wrong 1 "'void.safetensors' is empty" info void.safetensors
head -c 3000 /dev/zero >zero.safetensors
wrong 1 'zero.safetensors' info zero.safetensors
(printf '\377\377\377\377\377\377\377\177'; head -c 3000 $model) >huge.safetensors
wrong 1 'huge.safetensors' info huge.safetensors
echo hello >hello.txt
wrong 1 'a text, not a model; models are' info hello.txt
wrong 1 "a PNG image, not a model; load the run folder 'run'" sample run/real.png
wrong 1 'an HTML page, as servers send instead of a file' info run/report.html
wrong 1 'JSON' info run/run.json
ok info run/state-00000032.safetensors
says "no model    it is a training state, not a model; load the 'model-" 'ema/input_blocks.0.0.bias' 'more (--tensors)'
wrong 1 'training state' sample run/state-00000032.safetensors
ok features run --data "$data" --t 5 --tap 3 --pool 2 --out f.npz
ok info f.npz
says 'f.npz: npz, 3 tensors' 'no duet card' 'index        i64   [20]'
ok info f.npz --json
object path format no_model metadata tensors
wrong 1 'no duet card' sample f.npz
ok features run --data "$data" --t 5 --tap 3 --pool 2 --out f.npy
exists f.npy f.labels.npy
ok info f.npy
says 'array'
ok info run --tensors
says 'f32   [8,3,3,3]'
wrong 1 'no run.json' report empty
wrong 1 'no run.json' report hello.txt

# heads
wrong 1 'train one with' classify run run/real.png
ok probe run --data "$data" --t 5 --tap 3 --pool 2 --no-baselines --seeds 1 --neighbours 0 --threads 1
ok info run/head.safetensors
says 'it is a head, not a model'
wrong 1 'it is a head, not a model' sample run/head.safetensors
wrong 1 'hello.txt' classify run run/real.png --head hello.txt
wrong 1 "'empty' is empty" classify run empty
go classify run run/real.png nofile.png hello.txt
[ "$code" -eq 1 ] || fail "classify of unreadable images ended with $code"
says 'run/real.png:' 'nofile.png: ' 'hello.txt: '
grep -qF '2 of 3 images could not be read' "$top/err" || fail 'classify does not count unreadable images'

# data sets
t="train --arch $arch --steps 2 --batch 4 --threads 1"
wrong 1 "no file or folder '/nope'" $t --data /nope
wrong 1 "folder 'empty' holds no data set" $t --data empty
wrong 1 'hello.txt' $t --data hello.txt
if [ "$(id -u)" -ne 0 ]; then
    mkdir locked && chmod 000 locked
    wrong 1 'locked' $t --data locked
    chmod 700 locked
fi
mkdir idx
(printf '\000\000\010\003\000\000\000\004\000\000\000\020\000\000\000\020'; head -c 1024 /dev/zero) >idx/train-images-idx3-ubyte
(printf '\000\000\010\001\000\000\000\003'; head -c 3 /dev/zero) >idx/train-labels-idx1-ubyte
wrong 1 'labels' $t --data idx
grep -q '4' "$top/err" && grep -q '3' "$top/err" || fail "both counts of labels and images are to be told: $(cat "$top/err")"
(printf '\000\000\010\003\000\000\000\004\000\000\000\020\000\000\000\020'; head -c 1000 /dev/zero) >idx/train-images-idx3-ubyte
wrong 1 'train-images-idx3-ubyte' $t --data idx

# a corrupt image among good ones is named; skip leaves it out
ok sample run --sampler ddim:steps=1 --count 6 --out photos
(printf '\377\330\377\340'; head -c 500 hello.txt) >photos/broken.jpg
go $t --data photos --out stopped
[ "$code" -eq 1 ] || fail "a corrupt image ended training with $code"
grep -qF 'broken.jpg' "$top/err" || fail "the corrupt image is not named: $(cat "$top/err")"
grep -qF -e 'skip' "$top/err" || fail "--on-bad skip is not suggested: $(cat "$top/err")"
ok $t --data photos --out skipped --on-bad skip
[ "$(grep -cF 'broken.jpg' "$top/err")" -le 1 ] || fail 'the corrupt image is named more than once'
wrong 1 "has no labels" sweep run --data photos
go features run --data photos --split train --t 5 --tap 3 --pool 2 --out bad.npz
[ "$code" -eq 1 ] && [ ! -e bad.npz ] || fail 'features of a corrupt image'
grep -qF 'broken.jpg' "$top/err" || fail "features: the corrupt image is not named: $(cat "$top/err")"

# --out
wrong 1 "'run' exists; choose another --out, or go on with --resume" $t --data "$data" --out run
wrong 1 "'hello.txt' exists" $t --data "$data" --out hello.txt
wrong 1 'its parent folder does not exist' $t --data "$data" --out no/run
wrong 1 "the folder 'no' of --out does not exist" sample run --out no/x.png
wrong 1 "the folder 'no' of --out does not exist" features run --data "$data" --t 5 --tap 3 --pool 2 --out no/f.npz
wrong 1 "'photos' is not empty" sample run --out photos
# archives
ok data pack "$data" --out set.zip --json
object out split images=60 noticed left_out.train=0
ok data info set.zip --json
object classes.0=disc classes.2=square
ok data info set.zip
ok info set.zip
says 'layout zip'
ok data pack "$data" --out 'set-{0..2}.tar'
ok data info 'set-{0..2}.tar'
says 'layout webdataset'
ok sample run --sampler ddim:steps=2 --count 2 --out drawn.zip
ok data info drawn.zip
says 'no labels'
wrong 2 'give --out' data pack "$data"
wrong 2 'ends in one of: .zip .tar' data pack "$data" --out set.rar
finish
