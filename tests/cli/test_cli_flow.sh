#!/bin/sh
# The main job as a user does it: train, look, sample, features, sweep, probe, classify, export, report.
. "$2/tests/cli/common.sh"

tiny_run run
says 'run: run' 'trained on 32 images' 'report: ' 'next: duet sample run'
exists run/report.html run/real.png run/denoise.png run/loss.csv run/model-00000032.safetensors run/state-00000032.safetensors

ok info run
says 'adm_unet' 'input_blocks.0' 'middle_block' 'model-00000032.safetensors' 'load this'
ok info run --plan --threads 1
says 'conv2d' 'GFLOP/s' 'memory of a session'
ok info run/model-00000032.safetensors --plan --tap 3 --batch 2 --threads 1
says 'one pass of 2 images up to the tap'
if grep -q 'output_blocks' "$top/out" && sed -n '/one pass/,$p' "$top/out" | grep -q 'output_blocks'; then fail 'a plan up to tap 3 runs later blocks'; fi

ok sample run --sampler ddim:steps=2 --count 3 --seed 1 --out grid.png
ok sample run --sampler ddim:steps=2 --count 3 --seed 1 --out s.npz
ok sample run --sampler ddpm:steps=2 --count 3 --out folder/
ok sample run --sampler ddim:steps=2 --count 3
says 'of 3 (' 'damaged: ' ' too rough, ' ' too flat, beside 60 real images of synth'
grep -q 'of 3 images are damaged: ' run/report.html || fail 'the report lacks the damaged share'
exists grid.png s.npz folder/000000.png folder/000002.png run/sample-001/grid.png run/sample-004/grid.png
[ ! -e folder/000003.png ] || fail 'more images than asked for'
ok sample run/model-00000032.safetensors --sampler ddim:steps=2 --count 3 --seed 1 --out again.npz
cmp -s s.npz again.npz || fail 'the same seed gives other images'
ok sample run --sampler ddim:steps=2 --seeds 0-2 --seed 1 --out again.npz
cmp -s s.npz again.npz || fail 'the numbers 0-2 give other images than --count 3'
ok sample run --sampler dpmpp_2m:steps=2,spacing=karras --count 1 --out ours.npz
ok sample run --sampler sample_dpmpp_2m:steps=2,spacing=karras --count 1 --out theirs.npz
cmp -s ours.npz theirs.npz || fail "a name of k-diffusion is another sampler"
ok sample run --sampler DPMSolverMultistepScheduler:steps=2,spacing=karras --count 2 --out two/
ok sample run --sampler DPMSolverMultistepScheduler:steps=2,spacing=karras --seeds 1 --out other/
cmp -s two/000001.png other/000000.png || cmp -s two/000001.png other/000001.png || fail 'image 1 depends on image 0'
wrong 2 'ranges like 0-63' sample run --seeds 3-1
[ ! -e runs ] || fail 'a sample with --out needs no run'
ok sample run/model-00000032.safetensors --sampler ddim:steps=2 --count 3
if grep -q 'damaged' "$top/out"; then fail 'a model file alone knows no real images'; fi
exists runs/00001-sample-model-00000032/sample-001/grid.png runs/00001-sample-model-00000032/report.html

ok features run --data "$data" --t 5 --tap 3 --pool 2 --out f.npz
says '20 rows'
ok features run --data "$data" --split train --t -1 --tap 3 --pool 1 --out f.safetensors
says '60 rows'
exists f.npz f.safetensors
[ ! -e f.npz.rows ] || fail 'a run keeps its features in its own cache'
ok features run --data "$data" --t 5 --tap 3 --pool 2 --type f16 --out half.npz
[ "$(wc -c <half.npz)" -lt "$(wc -c <f.npz)" ] || fail 'f16 is no smaller'
ok features run --data "$data" --t 5 --tap 3 --pool 2 --out again.npz
says '20 of 20 feature rows were in the cache'
cmp -s f.npz again.npz || fail 'the cache gives other features'
ok features run/model-00000032.safetensors --data "$data" --t 5 --tap 3 --pool 2 --out again.npz
cmp -s f.npz again.npz || fail 'the file of the run gives other features'
[ ! -e again.npz.rows ] || fail 'the rows of a model file stay behind'

ok sweep run --data "$data" --t 5,10 --tap 3,4 --pool 1,2 --rows 20 --threads 1
says 'best of 8 settings' 'random weights' 'raw pixels' 'now recommends'
exists run/sweep-001/result.json
ok sweep run --data "$data" --t 5,10 --tap 3,4 --pool 1,2 --rows 20 --threads 1 --no-baselines
says '60 of 60 feature rows were in the cache (--fresh computes them again)'
ok sweep run --data "$data" --t 5,10 --tap 3,4 --pool 1,2 --rows 20 --threads 1 --no-baselines --fresh --cache-type f16
if grep -q 'in the cache' "$top/out"; then fail '--fresh reads old features'; fi
ok sweep run --data "$data" --t 5 --tap 3 --pool 1 --rows 20 --threads 1 --no-baselines --cache elsewhere
ok sweep run/model-00000032.safetensors --data "$data" --t 5 --tap 3 --pool 1 --rows 20 --threads 1 --no-baselines --cache elsewhere
says '30 of 30 feature rows were in the cache'
ok info run
says 'recommends  t '
ok features run --data "$data" --out recommended.npz
ok probe run --data "$data" --seeds 2 --threads 1
says 'test accuracy' '± ' 'over 2 noise seeds' 'model ' 'random ' 'pixels '
exists run/probe-001/result.json run/probe-001/head.safetensors run/head.safetensors
ok classify run folder/000000.png folder
says 'folder/000000.png:' 'folder/000002.png:' ' %'
# one file that draws and recognises; what a sweep recommends is written into it, and the head stays
ok export run --out small.safetensors
[ ! -e small.head.safetensors ] || fail 'the head is beside the file, too'
ok classify small.safetensors folder/000001.png
says 'folder/000001.png:'
cp "$top/out" inside
ok info small.safetensors
says 'classifies  3 classes of synth by linear at t '
ok sample small.safetensors --sampler ddim:steps=2 --count 1 --out one/
ok sweep small.safetensors --data "$data" --t 5 --tap 3 --pool 1 --rows 20 --threads 1 --no-baselines
ok classify small.safetensors folder/000001.png
cmp -s inside "$top/out" || fail 'the head was lost with the recommendation'
ok export small.safetensors --dtype f32 --out same.safetensors
ok classify same.safetensors folder/000001.png
cmp -s inside "$top/out" || fail 'the head of a file answers otherwise in its copy'
ok export run --head beside --out two.safetensors
exists two.safetensors two.head.safetensors
ok classify two.safetensors folder/000001.png
cmp -s inside "$top/out" || fail 'the head beside the file answers otherwise'
ok export run --head none --out none.safetensors
wrong 1 "no head 'none.head.safetensors'" classify none.safetensors folder/000001.png

ok probe run --data folder --t 5 --tap 3 --pool 2 --neighbours 2
says 'no labels' 'neighbours: '
rm run/report.html
ok report run
says 'run/report.html'
exists run/report.html
ok data info "$data"
says '60 images' '20 images' '3 classes'

tiny_run "a name with spaces, 'quotes' and ü"
ok sample "a name with spaces, 'quotes' and ü" --sampler ddim:steps=2 --count 1
finish
