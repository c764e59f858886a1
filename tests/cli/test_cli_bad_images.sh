#!/bin/sh
# Images that cannot be read, in every command that reads a set: stop names the first and offers to skip, skip leaves it out of
# everything and counts it; classes of a set and outputs of a classifier by name.
. "$2/tests/cli/common.sh"
golden=$source/tests/golden

# 20 training and 6 test images of two classes, one of each split damaged
tiny_run run
ok sample run --sampler ddim:steps=1 --count 26 --seed 3 --out drawn
mkdir -p set/train/one set/train/two set/test/one set/test/two
n=0
for image in drawn/*.png; do
    n=$((n + 1))
    split=train
    [ $n -gt 20 ] && split=test
    class=one
    [ $((n % 2)) -eq 0 ] && class=two
    cp "$image" "set/$split/$class/$n.png"
done
[ "$n" -eq 26 ] || fail "$n images were drawn, not 26"
cp -r set good
echo nothing >set/train/one/7.png
head -c 100 good/test/two/22.png >set/test/two/22.png

setting="--t 5 --tap 3 --pool 1"
# stops ARGS…: fails, names the first image and offers to leave it out.
stops() {
    go "$@"
    [ "$code" -eq 1 ] || fail "duet $* ended with $code"
    grep -qF '7.png' "$top/err" && grep -qF -e '; --on-bad skip leaves such images out' "$top/err" ||
        fail "duet $*: the image is not named: $(cat "$top/err")"
}
stops features run --data set $setting --split train --out f.npz
stops sweep run --data set $setting
stops probe run --data set $setting --seeds 1 --neighbours 2
stops data pack set --out s.zip
stops train --data set --arch "$arch" --steps 9 --batch 8 --threads 1 --out stopped
[ ! -e f.npz ] && [ ! -e s.zip ] && [ ! -e stopped ] || fail 'what failed has left files'

# told COUNT: one warning with this count.
told() {
    [ "$(grep -c 'left out that cannot be read' "$top/err")" -eq 1 ] || fail "not told once: $(cat "$top/err")"
    grep -qE "warning: $1 images? left out" "$top/err" || fail "not $1 left out: $(cat "$top/err")"
}
ok train --data set --arch "$arch" --steps 9 --batch 8 --threads 1 --out skipped --on-bad skip --json
tr -d ' \n' <"$top/out" | grep -q '"left_out":{"train":1}' || fail "training: $(cat "$top/out")"
ok features run --data set $setting --split train --out f.npz --on-bad skip --json
told 1
grep -q '"rows": 19' "$top/out" && grep -q '"train": 1' "$top/out" || fail "rows of features: $(cat "$top/out")"
ok sweep run --data set $setting --rows all --on-bad skip --json
told 1
tr -d ' \n' <"$top/out" | grep -qE '"fit_rows":(15,"val_rows":4|16,"val_rows":3),' || fail "rows of the sweep: $(head -20 "$top/out")"
ok probe run --data set $setting --seeds 2 --neighbours 2 --on-bad skip --json
told 2
tr -d ' \n' <"$top/out" | grep -q '"train_rows":19,"test_rows":5' || fail "rows of the probe: $(head -20 "$top/out")"
tr -d ' \n' <"$top/out" | grep -q '"left_out":{"train":1,"val":0,"test":1' || fail 'the probe does not say what it left out'
ok data pack set --out s.zip --on-bad skip --json
told 1
grep -q '"images": 19' "$top/out" || fail "packed: $(cat "$top/out")"

# classify: a head on a set, and files one by one
ok classify run --data set --on-bad skip --json
told 1
grep -q '"rows": 5' "$top/out" && grep -q '"matched_by": "name"' "$top/out" || fail "accuracy of the head: $(cat "$top/out")"
wrong 1 '22.png' classify run --data set
go classify run set/test/two good/test/one/21.png
[ "$code" -eq 1 ] && [ "$(wc -l <"$top/out")" -eq 4 ] || fail "three images are not answered beside a bad one: $(cat "$top/out")"
grep -qF '1 of 4 images could not be read' "$top/err" || fail "the bad image is not counted: $(cat "$top/err")"
cp "$top/out" one
ok classify run set/test/two good/test/one/21.png --on-bad skip
told 1
cmp -s one "$top/out" || fail 'answers differ'

# a set without bad images: not a word, the same rows
ok features run --data good $setting --split train --out plain.npz
ok features run --data good $setting --split train --out skip.npz --on-bad skip --fresh
cmp -s plain.npz skip.npz || fail '--on-bad skip changes features of a sound set'
[ ! -s "$top/err" ] || fail "a sound set is warned about: $(cat "$top/err")"

# classes by name: the model has five outputs without names
vit=$golden/vit_torchvision.pt
wrong 1 'name the outputs with --classes FILE' classify "$vit" --data good
printf 'Two\nthree\nfour\nONE\nfive\n\n' >names
ok classify "$vit" --data good --classes names --json
tr -d ' \n' <"$top/out" | grep -q '"classes":2,"outputs":5,"matched":2,"matched_by":"name","rows_not_measured":0' ||
    fail "classes by name: $(cat "$top/out")"
printf 'two\nthree\nfour\nsix\nfive\n' >names
ok classify "$vit" --data good --classes names --json
grep -qF "('one'): their 3 rows are left out" "$top/err" || fail "what does not match is not told: $(cat "$top/err")"
grep -q '"rows": 3' "$top/out" || fail "rows of a part: $(cat "$top/out")"
printf 'a\nb\nc\nd\ne\n' >names
wrong 1 "none of the 2 classes of data set 'good'" classify "$vit" --data good --classes names
printf 'a\nb\n' >names
wrong 1 "has 2 names, but the model has 5 outputs" classify "$vit" --data good --classes names
wrong 1 "which this model does not have" classify run --data good --classes names

# metrics of the head: any list, printed without knowing them; what is not at hand is refused before the work
ok classify run --data good --metrics accuracy,ece:bins=5,nll
says 'top-1 ' 'mean of the classes' 'expected calibration error ' 'negative log-likelihood ' ' nats on 6 rows'
ok classify run --data good --metrics nll,ece:bins=5 --json
object nll ece mce metrics tables rows matched_by
tr -d ' \n' <"$top/out" | grep -q '{"metric":"nll","name":"nll","title":"negativelog-likelihood","unit":"nats","better":"lower","value":[0-9]' ||
    fail "what is said about a value: $(cat "$top/out")"
tr -d ' \n' <"$top/out" | grep -q '"tables":{"reliability":{"columns":\["from","to","rows","accuracy","confidence"\],"cells":\[\[0.0,0.2' ||
    fail "the table of the calibration: $(cat "$top/out")"
! grep -q top1 "$top/out" || fail 'a metric that was not asked for is printed'
ok classify run --data good --json
object top1 top5 mean_class
tr -d ' \n' <"$top/out" | grep -q '"confusion":{"columns":\["one","two"\],"rows":\["one","two"\],"cells":\[\[' ||
    fail "the confusion matrix: $(cat "$top/out")"
wrong 1 "metric 'damaged' needs images and real images" classify run --data good --metrics accuracy,damaged
wrong 1 "did you mean 'accuracy'" classify run --data good --metrics acuracy
wrong 1 "no key 'bin' in metric 'ece'" classify run --data good --metrics ece:bin=3
ok help metric
says accuracy nll damaged 'bins=N'
printf 'ash\noak\nelm\nfir\nyew\n' >names
ok classify "$vit" good/test/one/21.png --classes names
grep -qE ' (ash|oak|elm|fir|yew) [0-9]' "$top/out" || fail "outputs are not named: $(cat "$top/out")"
finish
