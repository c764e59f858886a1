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
ok train --resume judge --steps 152 --threads 1
says 'trained on 2432 images' 'validation: top-1'
ok classify judge --data "$easy" --json
ok info judge
says 'resnet'
ok features judge --data "$easy" --tap 3 --pool 1 --out rows.npz
exists rows.npz
ok probe judge --data "$easy" --tap 3 --pool 1

# it judges another training, which has the same bits as without
pictures="--data $easy --arch adm_unet:image_size=8,num_channels=8,num_res_blocks=1,channel_mult=1/2,norm_groups=4,attention_resolutions=4,num_head_channels=8"
ok train $pictures --steps 6 --batch 8 --threads 1 --meter-minutes 0.00001 --judge judge --out seen
ok train $pictures --steps 6 --batch 8 --threads 1 --meter-minutes 0 --out unseen
ok info seen --hash --json
seen=$("$json" -p hash <"$top/out")
ok info unseen --hash
says "hash        $seen"
[ ${#seen} -eq 16 ] || fail "no hash: '$seen'"
[ -e unseen/meters.csv ] && fail 'measured without being asked'
tail -1 seen/meters.csv | grep -q '^48,6,[0-9.]*,,[0-9.]*,[0-9.]*,,,$' || fail "other measurements: $(cat seen/meters.csv)"
grep -q 'distance while training' seen/report.html || fail 'the report shows no measurements'
ok train --resume seen --steps 8 --threads 1
tail -1 seen/meters.csv | grep -q '^64,8,' || fail "a resumed training does not go on measuring: $(cat seen/meters.csv)"
wrong 1 'takes noise' train $pictures --steps 1 --judge unseen --out no

# what cannot be trained
wrong 1 'has no labels' train --task classify --data "$source/tests/golden/sets/unlabelled.npz" --steps 1 --out no
wrong 1 "trains without noise" train --task classify --data "$easy" --noise linear --steps 1 --out no
wrong 1 'no part that classifies' train --task classify --data "$easy" --arch adm_unet --steps 1 --out no
wrong 1 'must be left to train on' train --task classify --data "$easy" --hold-out 300 --steps 1 --out no
finish
