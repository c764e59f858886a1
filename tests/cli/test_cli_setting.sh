#!/bin/sh
# Settings on the command line: as text and as flags, one and several joined, with draws and views, by sigma; what is wrong is named; a
# head of several settings is what classify uses; a model may recommend several.
. "$2/tests/cli/common.sh"

tiny_run run
probe() { # OPTIONS…
    ok probe run --data "$data" --rows 40 --seeds 1 --no-baselines --neighbours 0 --threads 1 --json "$@"
}
features() { # FILE OPTIONS…
    file=$1
    shift
    ok features run --data "$data" --out "$file" --threads 1 --json "$@"
}

# one setting: the same rows by either spelling
features flags.npz --t 5 --tap 3 --pool 2
object t=5 tap=3 pool=2 dim=32
features text.npz --setting t=5,tap=3,pool=2
cmp -s flags.npz text.npz || fail 'text and flags give different rows'
features draws.npz --t 5 --tap 3 --pool 2 --draws 2 --flip
object draws=2 flip=true dim=32
cmp -s flags.npz draws.npz && fail 'the mean over draws and views is a single pass'

# several: side by side, from the cache of each
features both.npz --setting t=5,tap=3,pool=2+t=9,tap=2,pool=1
object settings.0.t=5 settings.1.tap=2 dim=40 cached=20 computed=20
features both.npz --setting t=5,tap=3,pool=2+t=9,tap=2,pool=1
object cached=40 computed=0
features both.npz --setting t=5,tap=3,pool=2+t=9,tap=2,pool=1 --no-json
says '(t 5, tap 3, pool 2 + t 9, tap 2, pool 1)'

# the level by its sigma: both are named
"$duet" features run --data "$data" --out sigma.npz --sigma 0.05 --tap 3 --pool 2 --threads 1 >"$top/out" 2>"$top/err" ||
    fail "sigma: $(cat "$top/err")"
grep -q 'sigma 0.05: the nearest level is t [0-9]*, of sigma 0.0[45]' "$top/err" || fail "sigma: $(cat "$top/err")"

# probe, its report and classify with a head of several
probe --setting t=5,tap=3,pool=2
object command=probe setting.t=5 setting.tap=3 setting.pool=2 rows.0.tap=3
probe --setting t=5,tap=3,pool=2+t=9,tap=2,pool=1,flip=true --head mlp:epochs=2,hidden=8
object setting.settings.1.flip=true rows.0.settings.0.pool=2 rows.0.dim=40 setting_from=given
grep -q 'at t = 5, tap 3, pool 2 and at t = 9, tap 2, pool 1, mirrored too' run/report.html || fail 'the report lacks the settings'
ok classify run --data "$data" --json
object rows=20
ok sample run --count 2 --sampler ddim:steps=2 --out new --threads 1 --quiet
ok classify run new --quiet

# what is missing comes from the card
ok sweep run --data "$data" --t 5 --tap 3 --pool 1 --rows 20 --threads 1 --no-baselines --quiet
probe --setting pool=2
object setting_from=card setting.t=5 setting.tap=3 setting.pool=2
probe --setting pool=2+tap=2
object setting_from=card setting.settings.0.tap=3 setting.settings.1.pool=1 setting.settings.1.tap=2

# what is wrong
wrong 2 '--setting says all of a setting' probe run --data "$data" --setting t=5 --tap 3
wrong 2 '--t and --sigma exclude each other' features run --data "$data" --out x.npz --t 5 --sigma 1
wrong 1 "no key 'tpa' in setting 't=5,tpa=3'; did you mean 'tap'?" probe run --data "$data" --setting t=5,tpa=3
wrong 1 'no tap 99; the model has taps 1 to' probe run --data "$data" --setting t=5,tap=99,pool=1
wrong 1 "pool 64 is larger than the map of tap 3" features run --data "$data" --out x.npz --setting tap=3,pool=64
wrong 1 "'t=5,tap=3,pool=1' is given twice" probe run --data "$data" --setting t=5,tap=3,pool=1+t=5,tap=3,pool=1
wrong 1 'sigma is 9; the levels' probe run --data "$data" --setting sigma=9,tap=3,pool=1
wrong 1 'leave draws out' probe run --data "$data" --setting t=-1,tap=3,pool=1,draws=2
# probes as others do them: a head, and what the flags leave open
ok probe run --data "$data" --preset ddae --tap 3 --seeds 1 --no-baselines --neighbours 0 --no-few --threads 1 --json
object head setting.t=11 setting.tap=3 setting.pool=1
grep -q '"head": "linear_sgd:features=raw,epochs=15' "$top/out" || fail 'another head than that of the preset'
ok probe run --data "$data" --preset clip --t 5 --tap 4 --seeds 1 --no-baselines --neighbours 0 --no-few --threads 1 --json
object setting.t=5 setting.tap=4 setting.pool=1
wrong 1 "no preset 'clib'; there are diffssl-linear" probe run --data "$data" --preset clib
wrong 2 '--preset has a head of its own' probe run --data "$data" --preset clip --head mlp
finish
