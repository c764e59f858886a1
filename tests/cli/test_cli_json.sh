#!/bin/sh
# --json: one valid JSON object on stdout from every command, also from one that fails.
. "$2/tests/cli/common.sh"

ok train --data "$data" --arch "$arch" --steps 4 --batch 8 --threads 1 --out run --json
object run=run images=32 steps=4 loss seconds report
ok train --resume run --json
object run=run steps=4
ok info run --json
object arch=adm_unet taps.0.tap=1 taps.8.tap=9 parameters macs recommended=null files.0.name size=16
ok info run --plan --tap 2 --json --threads 1
object plan.0.op plan.0.seconds plan.0.bytes plan.0.kernel plan.0.roofline_percent kinds.0.op not_convolution machine.peak_gflops session_bytes session_memory.activations
ok sample run --sampler ddim:steps=2 --count 2 --json
object command=sample count=2 grid=grid.png damaged.count damaged.of=2 damaged.percent damaged.rough damaged.flat damaged.low damaged.high damaged.real=60
ok sample run --count 1 --json
object sampler=ddpm:steps=50
ok sample run --sampler ddim:steps=2 --count 2 --out s.png --json
object command=sample out=s.png
ok sample run/model-00000032.safetensors --sampler ddim:steps=2 --count 2 --out s.npz --json
object command=sample out=s.npz
if grep -q damaged "$top/out"; then fail 'a model file alone knows no real images'; fi
ok sample run/model-00000032.safetensors --sampler ddim:steps=2 --count 2 --data synth:size=16,train=30,test=3,classes=3 --out s.npz --json
object damaged.of=2 damaged.real=30
ok features run --data "$data" --t 5 --tap 3 --pool 2 --out f.npz --json
object rows=20 t=5 tap=3 pool=2 dim=32 out=f.npz
ok sweep run --data "$data" --t 5 --tap 3 --pool 1,2 --rows 20 --threads 1 --json
object command=sweep best.tap=3 rows.0.top1 rows.0.head=linear
ok sweep run --data "$data" --auto --t 5,9 --tap 3,4,5 --pool 1,2 --rows 20 --head linear+ridge --threads 1 --json
object command=sweep best.top1 best.head auto.picks.0.top1 auto.rounds.2.levels=1 auto.spent.passes auto.grid.passes best_random.top1
ok report run
grep -q 'The first round' run/report.html || fail 'the report has no search'
ok probe run --data "$data" --seeds 1 --no-baselines --neighbours 0 --json # the head that was found
grep -qE '"head": "(linear|ridge)' "$top/out" || fail "not the head of the card: $(grep head "$top/out")"
ok sweep run --data "$data" --auto --unlabelled --t 5,9 --tap 3,4 --pool 1,2 --threads 1 --json
object best.tap rows.0.information auto.unlabelled=true auto.spent.passes
ok info run
says 'chosen without labels'
ok report run
grep -q 'without a label' run/report.html || fail 'the report has no choice without labels'
wrong 2 'is for --auto' sweep run --data "$data" --unlabelled
wrong 2 'not heads' sweep run --data "$data" --auto --unlabelled --head mlp
wrong 1 'did you mean' sweep run --data "$data" --auto --head linear+mpl
ok sweep run --data "$data" --auto --t 5,9 --tap 3,4 --pool 1,2 --head ridge --minutes 0.5 --threads 1
grep -q 'the last round fits on 40 rows' "$top/err" || fail "a search with a limit does not say its rows: $(cat "$top/err")"
wrong 2 'could limit' sweep run --data "$data" --auto --unlabelled --minutes 2
ok probe run --data "$data" --seeds 1 --threads 1 --json
object command=probe top1 confusion.2 rows.2.reader=pixels
ok sample run --sampler ddim:steps=2 --count 4 --out folder --quiet
[ ! -s "$top/out" ] || fail '--quiet is not quiet'
ok probe run --data folder --neighbours 2 --json
object command=probe labelled=false neighbours
ok classify run folder --json
object images.0.image=folder/000000.png images.3.classes.0.probability images.0.error=
ok export run --out e.safetensors --json
object model=e.safetensors
ok report run --json
object report
ok data list --json
object layouts.0.layout
ok data info "$data" --json
object train=60 test=20 classes.2 labelled=true
ok help sample --json
says '"type": "seed"'
ok help --json
object commands.0.name=train families.0.name=arch families.0.members.0.parameters.0.name
ok help sampler ddim --json
object families.0.members.0.name=ddim

# failures: the message stands in the object too
for call in 'info nope' 'sample run --cuont 3' 'sampel run' 'train' 'data info nope' 'report folder' 'help nope' 'features run --data nope --out x.npz'; do
    go $call --json
    [ "$code" -ne 0 ] || fail "duet $call succeeds"
    object error code
done
echo no image >folder/broken.png
go classify run folder --json
[ "$code" -eq 1 ] || fail "classify with a broken image ended with $code"
object images.4.image=folder/broken.png images.4.error images.0.classes.0.name
finish
