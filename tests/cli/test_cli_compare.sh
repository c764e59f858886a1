#!/bin/sh
# duet compare: rows, plan and files; what is done is kept, and more rows go on there; sets without a split to test on.
. "$2/tests/cli/common.sh"
set=synth:size=8,channels=1,classes=3,train=90,test=30
quick="--budget 1s --head linear --samples 40 --rows 40 --threads 1"
ok compare --data $set $quick --only vae+pixels --out contest --json
object command=compare rows.0.name=vae rows.0.heads.0.top1 rows.0.fid rows.1.name=pixels rows.1.fid=null judge=pixels
exists contest/compare-001/compare.csv contest/report.html contest/vae-0/samples.png contest/vae-0/meters.csv contest/plan/result.json
[ "$(head -1 contest/compare-001/compare.csv | cut -d, -f1-4)" = row,seed,images,parameters ] || fail "the table begins otherwise"
grep -q 'Learners beside each other' contest/report.html || fail 'the report has no comparison'
cp contest/plan/result.json plan
stat -c %Y.%s contest/vae-0/model-*.safetensors >model
ok compare --data $set $quick --only vae+patchvae+pixels --seeds 2 --out contest
says vae patchvae pixels '30 test images'
stat -c %Y.%s contest/vae-0/model-*.safetensors | cmp -s - model || fail 'what was done is done again'
[ "$(grep -c '^vae,\|^patchvae,' contest/compare-002/compare.csv)" -eq 4 ] || fail "not two seeds of two rows: $(cat contest/compare-002/compare.csv)"
[ "$(grep -c '^pixels,' contest/compare-002/compare.csv)" -eq 1 ] || fail 'pixels have no seeds'
images=$(sed -n 's/.*"images": \([0-9]*\).*/\1/p' plan | head -1)
grep -q "\"images\": $images" contest/plan/result.json || fail 'the plan of an earlier row has changed'
ok compare --data $set $quick --only simclr --out contest
for row in vae patchvae simclr; do grep -q "\"name\": \"$row\"" contest/plan/result.json || fail "the plan has lost $row"; done
ok train --data $set --task classify --arch resnet:small=true,blocks=1/1/1,base=4 --steps 2 --batch 4 --threads 1 --out judge
wrong 1 'a comparison by the judge pixels' compare --data $set $quick --only vae --judge judge --out contest
wrong 1 'another folder' compare --data $set --budget 2s --only vae --out contest
wrong 1 "no row 'vea'" compare --data $set --budget 1s --only vea+pixels --out other
wrong 2 'is no time' compare --data $set --budget soon --out other
wrong 2 '--out DIR' compare --data $set
ok data pack $set --split train --out set.zip
ok compare --data set.zip $quick --only pixels --out own
says 'a fifth of each class, 18 images' '18 test images'
ok data info divided:set.zip --json
object train=72 test=18 classes.2
finish
