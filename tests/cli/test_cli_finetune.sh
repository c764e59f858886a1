#!/bin/sh
# duet finetune: a model learns classes with a head beside it; the run classifies and still draws.
. "$2/tests/cli/common.sh"
easy=synth:size=16,classes=2,train=300,test=80
ok train --data "$easy" --arch "$arch" --steps 40 --batch 16 --threads 1 --meter-minutes 0 --out base
ok finetune base --data "$easy" --setting t=5,tap=7,pool=2 --head mlp:hidden=32 --hold-out 60 --steps 120 --batch 16 --ema 0.9 \
    --optim adamw:rate=0.003 --meter-minutes 0 --threads 1 --out tuned
says 'test: top-1' 'on 80 rows' 'validation: top-1' 'of 60 images' 'run: tuned'
exists tuned/head.safetensors tuned/finetune-001/result.json tuned/report.html
head -1 tuned/loss.csv | grep -q ',loss_q3,top1,' || fail "the curve has other columns: $(head -1 tuned/loss.csv)"
right=$("$json" -p top1 <tuned/finetune-001/result.json)
[ "${right%.*}" -ge 65 ] || fail "the accuracy on the test split is $right %"

grep -q '"command":"finetune","step":"finetune-001","data":"synth","split":"test"' tuned/tests.jsonl || fail 'the look at test images is not in the books'
grep -q 'head and network, trained together' tuned/report.html || fail 'the report does not show what was fine-tuned'
# one file that draws and names classes
ok export tuned --dtype f32 --out both.safetensors
ok classify both.safetensors --data "$easy" --json
[ "$("$json" -p top1 <"$top/out")" = "$right" ] || fail "the exported file has another accuracy than $right %"

# the same by the usual commands, and on a training that goes on
ok classify tuned --data "$easy" --json
[ "$("$json" -p top1 <"$top/out")" = "$right" ] || fail "classify finds another accuracy than $right %: $(cat "$top/out")"
ok classify tuned --data "$easy" --draws 2 --flip
tail -n 1 tuned/tests.jsonl | grep -q '"draws":2,"flip":true' || fail "the books do not say what was averaged: $(tail -n 1 tuned/tests.jsonl)"
ok sample tuned --count 4 --sampler ddim:steps=4 --out four.png --threads 1
exists four.png
ok train --resume tuned --steps 122 --threads 1
says 'validation: top-1'

# without denoising, a part of the network alone, the setting of the model's card
ok sweep base --data "$easy" --t 5 --tap 5,7 --pool 2 --rows 100
ok finetune base --data "$easy" --share 0 --head cnn:width=8 --freeze 'input_blocks.*' --steps 3 --batch 16 --meter-minutes 0 --threads 1 --json --out part
object run images validation
ok finetune base --data "$easy" --share 0 --head mlp:hidden=8 --shots 5 --steps 2 --batch 8 --meter-minutes 0 --threads 1 --out few
grep -q '"shots": "5"' few/run.json || fail "the run does not keep --shots: $(cat few/run.json)"
grep -q '"share": 0.0' part/finetune-001/result.json || fail "the share is not told: $(cat part/finetune-001/result.json)"

# DifFeed on a frozen model: what is new learns, the rest and what it draws stay
ok finetune base --data "$easy" --feedback --freeze init --share 0 --setting t=5,tap=7,pool=2 --head mlp:hidden=32 --steps 60 --batch 16 --ema 0.9 \
    --optim adamw:rate=0.003 --meter-minutes 0 --threads 1 --out fed
ok info fed
says 'feedback=true' 'again.output_blocks.1'
grep -q '"tap": 16' fed/finetune-001/result.json || fail "it reads another tap: $(cat fed/finetune-001/result.json)"
ok sample base --count 3 --sampler ddim:steps=4 --seed 5 --out base.npz --threads 1
ok sample fed --count 3 --sampler ddim:steps=4 --seed 5 --out fed.npz --threads 1
cmp -s base.npz fed.npz || fail 'a frozen model draws other images'
ok convert fed --out fed.safetensors
ok train --data "$easy" --init fed --steps 1 --batch 4 --threads 1 --meter-minutes 0 --arch +dropout=0.1 --out dropped
wrong 1 "'arch' would change" train --data "$easy" --init base --arch +num_channels=16 --steps 1 --out no
wrong 1 "no key 'feedbak'" train --data "$easy" --init base --arch +feedbak=true --steps 1 --out no
wrong 1 "'freeze' is 'init'" train --data "$easy" --arch "$arch" --freeze init --steps 1 --out no

head -c 3000 both.safetensors >cut.safetensors
wrong 1 'is the file cut off' classify cut.safetensors four.png
wrong 2 'is for '"'duet train'" finetune base --data "$easy" --steps 1 --task classify --out no
wrong 1 'has a solver of its own' finetune base --data "$easy" --setting t=5,tap=7,pool=2 --head ridge --steps 1 --out no
wrong 1 'has no labels' finetune base --data "$source/tests/golden/sets/unlabelled.npz" --setting t=5,tap=7,pool=2 --steps 1 --out no
wrong 1 'no tap 70' finetune base --data "$easy" --setting t=5,tap=70,pool=2 --steps 1 --out no
wrong 1 'exclude each other' finetune base --data "$easy" --shots 5 --labels 10% --steps 1 --out no
wrong 1 'learns without labels' train --data "$easy" --arch "$arch" --shots 5 --steps 1 --out no
wrong 2 'no budget' finetune base --data "$easy" --setting t=5,tap=7,pool=2 --out no
finish
