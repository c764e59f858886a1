#!/bin/sh
# What comes out of duet sample: formats and their names, what pictures say about themselves, the way from noise, pictures in
# the terminal.
. "$2/tests/cli/common.sh"

tiny_run run
model=run/model-00000032.safetensors
draw="sample $model --sampler ddim:steps=2 --count 3 --seed 7"

# --format
mkdir out
ok $draw --out out/ --format npz
exists out/samples_3x16x16x3.npz
ok $draw --out out --format zip
exists out/samples_3x16x16x3.zip
ok $draw --out fresh --format npz # a folder that it makes
cmp fresh/samples_3x16x16x3.npz out/samples_3x16x16x3.npz || fail 'the folder changes the images'
ok $draw --out plain --format folder
exists plain/000002.png
ok $draw --out same.npz --format npz
cmp same.npz out/samples_3x16x16x3.npz || fail '--format changes the images'
wrong 2 "does not end in .npz" $draw --out x.png --format npz
wrong 2 'give --out, too' $draw --format zip

# the same command, the same bytes; the model's path is not in them
cp "$model" copy.safetensors
ok $draw --out a.png
ok sample copy.safetensors --sampler ddim:steps=2 --count 3 --seed 7 --out b.png
cmp a.png b.png || fail 'a PNG depends on where the model lies'

# what pictures say
ok info a.png
says 'a.png: a PNG picture, 70 x 70, colour, 3 channels of 8 bits' "text 'parameters'" 'samples 0-2 of synth' 'Seed: 7, Samples: 0-2'
ok info plain/000002.png --json
object picture.format=png picture.width=16 picture.channels=3 picture.frames=1 picture.texts.0.key=parameters duet.program=duet \
    duet.sampler=ddim:steps=2 duet.seed=7 duet.sample=2 duet.model=synth duet.model_hash
ok info run/real.png
says 'a PNG picture' 'no text'

# the way from noise
for file in way.png way.gif way.apng; do
    ok $draw --out a.png --walk $file --walk-count 2 --exact
    mv $file first-$file
    ok $draw --out a.png --walk $file --walk-count 2 --batch 1 --exact
    cmp $file first-$file || fail "$file depends on the batch"
done
ok info way.gif --json
object picture.format=gif picture.frames=2 picture.width=70 picture.height=70
ok info way.apng --json
object picture.frames=2 duet.count=2
ok $draw --out a.png --walk x0.gif --walk-of x0
ok info x0.gif --json
object picture.height=36
wrong 2 'is given twice' $draw --out a.png --walk a.png
wrong 2 '--walk ends in one of' $draw --out a.png --walk a.mp4
wrong 1 "the folder 'no' of --preview does not exist" $draw --out a.png --preview no/x.png
ok sample run --sampler ddim:steps=2 --count 3 --json
object walk=walk.png model_hash
exists run/sample-001/walk.png
grep -q 'From noise' run/report.html || fail 'the report does not show the way from noise'

# previews: of the last pass in the end
ok $draw --out a.png --preview now.png --every 1 --batch 2
ok info now.png
says 'preview: samples from number 2, after step 2 of 2' '36 x 36'

# terminals: nothing unasked for, nothing by itself where there is none
for show in no auto; do
    ok $draw --out a.npz --show $show
    [ "$(cat "$top/out")" = 'wrote a.npz' ] || fail "--show $show prints more: $(head -c 300 "$top/out")"
done
for show in kitty iterm sixel blocks; do
    ok $draw --out a.npz --show $show --quiet
    cp "$top/out" "$show.1"
    ok $draw --out a.npz --show $show --quiet
    cmp "$show.1" "$top/out" || fail "--show $show prints something else the second time"
    [ -s "$show.1" ] || fail "--show $show prints nothing"
done
[ "$(wc -l <blocks.1)" -eq 9 ] || fail "blocks have $(wc -l <blocks.1) lines, not 9"
[ "$(grep -o '▀' blocks.1 | wc -l)" -eq $((9 * 52)) ] || fail 'blocks are not 52 x 9'
go $draw --out a.npz --show sixel --json
[ "$code" -eq 2 ] && grep -q 'both write to stdout' "$top/err" || fail "--show with --json: $code"
wrong 2 'sixle' $draw --out a.npz --show sixle

finish
