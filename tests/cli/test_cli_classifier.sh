#!/bin/sh
# A classifier of this program: trained on labels, held out rows, and an ordinary model afterwards.
. "$2/tests/cli/common.sh"
easy=synth:size=8,classes=2,train=300,test=90
net=resnet:small=true,blocks=1/1,base=8
ok train --task classify --data "$easy" --arch "$net" --hold-out 60 --steps 150 --batch 16 --ema 0.9 \
    --optim adamw:rate=0.01 --lr cosine:warmup=10 --threads 1 --out judge
says 'validation: top-1' 'of 60 images' 'next: duet classify judge'
head -1 judge/loss.csv | grep -q '^step,images,seconds,loss,top1,grad_norm' || fail "the curve has other columns: $(head -1 judge/loss.csv)"
right=$("$json" -p validation.top1 <judge/run.json)
[ "${right%.*}" -gt 75 ] || fail "the accuracy on the rows held out is $right %"
exists judge/report.html
ok classify judge --data "$easy" --json
ok info judge
says 'resnet'
ok features judge --data "$easy" --tap 3 --pool 1 --out rows.npz
exists rows.npz
ok probe judge --data "$easy" --tap 3 --pool 1

# what cannot be trained
wrong 1 'has no labels' train --task classify --data "$source/tests/golden/sets/unlabelled.npz" --steps 1 --out no
wrong 1 "trains without noise" train --task classify --data "$easy" --noise linear --steps 1 --out no
wrong 1 'no part that classifies' train --task classify --data "$easy" --arch adm_unet --steps 1 --out no
wrong 1 'must be left to train on' train --task classify --data "$easy" --hold-out 300 --steps 1 --out no
finish
