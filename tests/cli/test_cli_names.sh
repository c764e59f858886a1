#!/bin/sh
# Names of files that are not UTF-8: every command works on them, and all JSON is valid, with such bytes as \xNN.
. "$2/tests/cli/common.sh"

odd=$(printf 'caf\351')
mkdir "$odd" 2>/dev/null || { echo "skipped: this file system takes names in UTF-8 only"; exit 77; }
for split in train test; do
    for class in b "th$(printf '\351')"; do
        mkdir -p "$odd/$split/$class"
        for image in grey rgb palette rgb16 bits1 bits4 grey16 interlaced; do
            cp "$source/tests/golden/images/$image.png" "$odd/$split/$class/$image.png"
        done
    done
done
small="--tap 2 --pool 1 --t 5"
ok train --data "$odd" --size 16 --arch "$arch" --steps 2 --batch 2 --out "run$odd" --json
object run report
ok train --resume "run$odd" --steps 4
ok sample "run$odd" --sampler ddim:steps=1 --count 1 --out "$odd.npz" --json
object model out
says 'caf\\xe9.npz'
ok sweep "run$odd" --data "$odd" $small --no-baselines --json
object best left_out
ok probe "run$odd" --data "$odd" $small --seeds 1 --no-baselines --neighbours 0 --json
object top1 confusion
says 'th\\xe9'
ok classify "run$odd" "$odd/test/b/rgb.png" --json
object images left_out
ok features "run$odd" --data "$odd" $small --out "rows$odd.npz" --json
object out rows
ok export "run$odd" --out "$odd.safetensors" --json
object model
ok info "$odd.safetensors" --json
object path taps
ok data info "$odd" --json
object path classes
ok data pack "$odd" --size 16 --out "pack$odd.zip" --json
object out images
for file in "run$odd"/run.json "run$odd"/*/result.json; do
    "$json" <"$file" || fail "$file is no JSON"
done
go info "no$odd" --json
[ "$code" -eq 1 ] || fail "a model that is not there: exit code $code"
object error code
says 'nocaf\\xe9'
finish
