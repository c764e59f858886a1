#!/bin/sh
# A run's life: interrupted, resumed, moved; its data moved.
. "$2/tests/cli/common.sh"

# Ctrl-C: waits until training has begun (real.png is written just before), then interrupts
interrupt() {
    "$duet" train "$@" --threads 1 >"$top/out" 2>"$top/err" </dev/null &
    pid=$!
    while [ ! -e "$run/real.png" ] && kill -0 $pid 2>/dev/null; do :; done
    kill -INT $pid
    wait $pid
    code=$?
    checked=$((checked + 1))
}
run=run
interrupt --data "$data" --arch "$arch" --steps 1000000 --batch 8 --out run
[ "$code" -eq 130 ] || { fail "an interrupted training ended with $code"; cat "$top/err"; }
grep -qF "go on with: duet train --resume 'run'" "$top/err" || fail "it does not say how to go on: $(cat "$top/err")"
ls run/model-*.safetensors run/state-*.safetensors >/dev/null || fail 'an interrupted training saved nothing'
"$json" status=interrupted <run/run.json || fail 'run.json does not say interrupted'
exists run/report.html
steps=$("$json" -p steps <run/run.json)
more=$((steps + 3))
ok train --resume run --steps $more --threads 1
says "trained on $((more * 8)) images"
"$json" status=done steps=$more <run/run.json || fail 'run.json does not say done'
ok train --resume run
says 'nothing left to do'
ok sample run --sampler ddim:steps=1 --count 1

rm -rf run
interrupt --data "$data" --arch "$arch" --steps 1000000 --batch 8 --out run --json
[ "$code" -eq 130 ] || fail "with --json an interrupted training ended with $code"
object error code=cancelled

# what a resumed run may change
wrong 1 "no run folder 'nope'" train --resume nope
mkdir empty
wrong 1 'no run.json' train --resume empty
wrong 2 "--batch is '4' but the run was started with '8'" train --resume run --batch 4
wrong 2 '--out makes a new run' train --resume run --out other
wrong 1 'not the one this run was started with' train --resume run --steps 3 --data synth:size=16,train=30,classes=3

# a moved run, moved data
tiny_run first
ok sample first --sampler ddim:steps=1 --count 12 --out photos
ok train --data photos --arch "$arch" --steps 2 --batch 4 --threads 1 --out second
mv second elsewhere
ok train --resume elsewhere --steps 3 --threads 1
mv photos pictures
wrong 1 'say where it is' train --resume elsewhere --steps 4
grep -qF -e '--data PATH' "$top/err" || fail 'it does not tell of --data'
ok train --resume elsewhere --steps 4 --threads 1 --data pictures
ok train --resume elsewhere --steps 5 --threads 1 # the new place is remembered
ok info elsewhere

# damaged: the newest state cannot be read, there is no other
for state in elsewhere/state-*; do head -c 1000 "$state" >"$top/cut" && cp "$top/cut" "$state"; done
go train --resume elsewhere --steps 6 --threads 1
[ "$code" -eq 1 ] || fail "a run with damaged states was resumed ($code)"
grep -q 'elsewhere' "$top/err" || fail 'the damaged state is not named'
echo '{' >elsewhere/run.json
wrong 1 'is damaged' train --resume elsewhere
# a model that comes with the program
grey=synth:size=28,channels=1,classes=3,train=20,test=4
ok train --data $grey --init auto --steps 1 --batch 4 --threads 1 --meter-minutes 0 --out begun
says 'begins with' 'models/fashion-mnist.safetensors' '--init none begins anew'
grep -q '"init": {' begun/run.json || fail 'the run does not say what it began with'
ok train --data synth:size=40,channels=1,classes=3,train=20,test=4 --init auto --size 28 --steps 1 --batch 4 --threads 1 --meter-minutes 0 --out smaller
says 'begins with'
ok train --data "$data" --init auto --arch "$arch" --steps 1 --batch 4 --threads 1 --meter-minutes 0 --out own
ok train --data synth:size=16,channels=1,train=20,test=4 --init auto --steps 1 --batch 4 --threads 1 --meter-minutes 0 --out anew
says 'begins anew'
ok train --data $grey --init none --steps 1 --batch 4 --threads 1 --meter-minutes 0 --out none
if grep -q '"init": {' none/run.json; then fail 'it began with a model all the same'; fi
finish
