#!/bin/sh
# A table over two models, two data sets and two heads; an interrupted one goes on; several words behind --data.
. "$2/tests/cli/common.sh"

tiny_run run
ok export run --dtype f32 --out other.safetensors
small="synth:size=16,channels=1,classes=3,train=60,val=30,test=24"
more="trainval:synth:size=16,channels=1,classes=4,train=40,val=24,test=16,seed=4"
quick="--t 5,9 --pool 1,2 --head ridge+linear --seeds 2 --threads 1"
ok transfer run --data "$small" "$more" $quick --json
object command=transfer rows.0.data=synth rows.0.reader=model rows.0.head=ridge rows.0.top1 rows.0.top1_std rows.0.classes=3 \
    rows.2.reader=random rows.4.reader=pixels rows.6.train_rows=64 rows.11.reader=pixels rows.11.head=linear
cp "$top/out" first
# every cell is a look at test images, and stands in the books of the run
[ "$(grep -c '"command":"probe"' run/tests.jsonl)" -eq 12 ] || fail "not 12 looks: $(cut -c1-300 run/tests.jsonl)"
grep -qE '"data":"synth","split":"test".*"head":"ridge",("settings":\[\{)?"t":[59],"tap":' run/tests.jsonl || fail "$(head -n 1 run/tests.jsonl)"
exists run/transfer-001/result.json
exists run/cells
ok report run
grep -q 'On other data' run/report.html || fail 'the report has no table'
grep -q 'looked at 6 times, by' run/report.html || fail 'the report does not tell of the looks at test images'
# what is there is not done again
ok transfer run --data "$small" "$more" $quick --json
sed 's/"seconds".*//' first >one
sed 's/"seconds".*//' "$top/out" >two
[ "$(wc -l <run/tests.jsonl)" -eq 12 ] || fail 'looks that did not happen'
cmp one two || fail "the second table is another one: $(diff one two | head -4)"
# with other options it is
ok transfer run --data "$small" "$more" --t 9 --pool 1 --head ridge+linear --seeds 2 --threads 1 --json
grep -q '"pool": 2' "$top/out" && fail 'the settings of other options'
ok transfer run other.safetensors --data "$small" --t 5 --pool 1 --head ridge --no-baselines --threads 1
says '3 classes' 'ridge'
[ "$(grep -c 'by class' "$top/out")" -eq 2 ] || fail 'not one row a model'
wrong 2 'no data set' transfer run
wrong 1 'no file or folder' transfer run --data "$small" nowhere
wrong 1 'not a run folder' transfer run --data "$small" --resume nowhere
wrong 1 'did you mean' transfer run --data "$small" --head linaer
ok sample run --sampler ddim:steps=2 --count 3 --out photos/
wrong 1 'has no labels' transfer run --data photos
finish
