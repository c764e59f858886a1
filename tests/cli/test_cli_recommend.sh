#!/bin/sh
# Where a sweep writes its best setting: into the card of a run, of a file of any format that duet writes, and of the network in a folder;
# not into files of other programs, of one piece or of many, nor into one that cannot be written. Its result is kept whatever comes of that.
. "$2/tests/cli/common.sh"

sweep() { # MODEL
    ok sweep "$1" --data "$data" --t 5 --tap 3 --pool 1,2 --rows 20 --threads 1 --no-baselines "$2"
}
into() { # MODEL FILE: the setting is in FILE
    sweep "$1" --json
    object command=sweep best.t=5 best.tap=3 "recommended_in=$2"
    ok info "$1" --json
    object recommended.t=5 recommended.tap=3
    sweep "$1" --no-quiet
    says "'$2' now recommends this setting"
    ok probe "$1" --data "$data" --seeds 1 --no-baselines --neighbours 0 --json
    object setting_from=card setting.tap=3
}
nowhere() { # MODEL
    sweep "$1" --json
    object command=sweep best.t=5 best.tap=3 recommended_in=null rows.1.top1
    [ "$(find runs -name result.json | wc -l)" -gt "$results" ] || fail "the result of '$1' is not kept"
    results=$(find runs -name result.json | wc -l)
    sweep "$1" --no-quiet
    results=$((results + 1))
}

tiny_run run
into run "$(echo run/model-*.safetensors)"
ok convert run --out folder
into folder folder/unet/diffusion_pytorch_model.safetensors
for ending in safetensors pt npz; do
    ok convert run --out "own.$ending"
    into "own.$ending" "own.$ending"
done
results=$(find runs -name result.json | wc -l)

for ending in pt npz; do
    LC_ALL=C sed 's/duet\.card/duet.none/g' "own.$ending" >"theirs.$ending"
    cp "theirs.$ending" before
    nowhere "theirs.$ending"
    says 'a file of another program keeps no recommendation'
    cmp -s before "theirs.$ending" || fail "theirs.$ending was changed"
done

# several files by their list: the tensors, and no card
ok info own.safetensors --tensors --json
mkdir parts
cp own.safetensors parts/model-00001-of-00001.safetensors
tr -d ' \n' <"$top/out" | sed 's/.*"tensors"://' | tr '{' '\n' | sed -n 's/^"name":"\([^"]*\)".*/"\1":"model-00001-of-00001.safetensors"/p' |
    paste -sd, - | sed 's/.*/{"weight_map":{&}}/' >parts/model.safetensors.index.json
for model in parts parts/model.safetensors.index.json; do
    nowhere "$model"
    says 'a file of another program keeps no recommendation'
done

# beside a name of the longest length there is no room for that of a temporary file
long=$(printf '%0243d' 0).safetensors
cp own.safetensors "$long"
nowhere "$long"
grep -q "^duet: warning: the setting is in 'runs/.*/sweep-001/result.json' only, not in the model: " "$top/err" ||
    fail "the long name: $(cat "$top/err")"
finish
