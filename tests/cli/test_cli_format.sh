#!/bin/sh
# docs/format.md is right: tests/oracle/read_format.py, written from that page alone, reads what duet writes and writes what duet
# reads. Needs python3 with NumPy and safetensors (PYTHON names another one).
. "$2/tests/cli/common.sh"
python=${PYTHON:-python3}
"$python" -c 'import numpy, safetensors' 2>/dev/null || { echo "skipped: needs $python with numpy and safetensors"; exit 77; }
# page ARGS…: runs the program written from the page.
page() {
    "$python" "$source/tests/oracle/read_format.py" "$@" >"$top/out" 2>&1 || fail "read_format.py $*: $(tail -3 "$top/out")"
    checked=$((checked + 1))
}

shipped=$source/models/fashion-mnist
page check "$shipped.safetensors"
tiny_run run
ok train --data "$data" --arch "$arch" --optim adamw --steps 2 --batch 8 --threads 1 --out adamw
page check adamw/model-*.safetensors adamw/state-*.safetensors
page check run/model-*.safetensors run/state-*.safetensors
for dtype in f32 f16 bf16; do
    ok export "$shipped.safetensors" --out "$dtype.safetensors" --dtype $dtype
    page check "$dtype.safetensors"
done
updown=$(echo "$arch" | sed 's/attention_resolutions=8/attention_resolutions=16\/8,resblock_updown=true,learn_sigma=true,use_scale_shift_norm=false/')
ok train --data "$data" --arch "$updown" --steps 2 --batch 8 --threads 1 --out updown
page check updown/model-*.safetensors updown/state-*.safetensors

ok probe run --data "$data" --t 5 --tap 3 --pool 2
ok features run --data "$data" --t 5 --tap 3 --pool 2 --split test --out table.safetensors
page check table.safetensors run/probe-001/head.safetensors
top1=$(sed -n 's/.*"top1": *\([0-9.]*\).*/\1/p' run/probe-001/result.json | head -1)
page logits run/probe-001/head.safetensors table.safetensors "$top1"

ok export run --out both.safetensors
page check both.safetensors

page write hand.safetensors
page check hand.safetensors
ok info hand.safetensors
says 'by hand'
ok sample hand.safetensors --count 2 --sampler ddim:steps=2 --out hand.npz
ok export hand.safetensors --out again.safetensors --dtype f32
page check again.safetensors
sed 's/duet model 1/duet model 2/' hand.safetensors >newer.safetensors
wrong 1 "the card is of the format 'duet model 2'" info newer.safetensors
finish
