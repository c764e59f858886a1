#!/bin/sh
# Probes on few labels, and what classify says: calibrated probabilities, sets of classes, tables in CSV.
. "$2/tests/cli/common.sh"
ok train --data "$data" --arch "$arch" --steps 4 --batch 8 --threads 1 --out run
probe="probe run --data $data --t 10 --tap 9 --pool 2 --neighbours 0 --threads 1"

# the curve and the calibration are there without being asked for
ok $probe --no-baselines
says 'few labels (ridge' 'labels a class  draws' 'model' 'calibration: temperature' '60 training rows in five folds' 'sets of classes: 80 %'
grep -q 'With few labels' run/report.html || fail 'the report has no curve'
grep -q 'probabilities are to be trusted' run/report.html || fail 'the report has no calibration'
ok $probe --no-baselines --few-labels 2,7 --json
object few few_head few_test_rows calibration top1 rows timings
[ "$("$json" -p few.0.shots <"$top/out") $("$json" -p few.1.shots <"$top/out") $("$json" -p few.1.labels <"$top/out")" = '2 7 21' ] || fail 'other points'
[ "$("$json" -p calibration.from <"$top/out")" = folds ] || fail 'calibrated by other rows'
ok $probe --no-baselines --no-few --calibrate 20 --json
[ "$("$json" -p calibration.rows <"$top/out") $("$json" -p train_rows <"$top/out")" = '20 40' ] || fail 'no rows apart'
grep -q '"few":' run/probe-003/result.json && [ "$(grep -c '"few": \[' run/probe-003/result.json)" = 0 ] || fail '--no-few leaves the curve'

# budgets of labels
ok $probe --shots 4 --seeds 2 --no-few
says 'over 2 draws of the labels' '12 training rows' ' ± '
ok $probe --no-baselines --labels 50% --seeds 1 --json
[ "$("$json" -p labels.rows <"$top/out") $("$json" -p labels.share <"$top/out")" = '30 0.5' ] || fail 'not half of the labels'
printf '3\n7\n8\n11\n13\n19\nnowhere.png\n' >list
ok $probe --no-baselines --label-list list --seeds 1
says 'list: 7 names, 6 images, 1 unknown' "left out: 'nowhere'" '6 training rows'
wrong 2 "'0%' is no number of labels" $probe --labels 0%
wrong 2 'exclude each other' $probe --labels 10 --shots 2
wrong 2 'exclude each other' $probe --rows 10 --label-list list
wrong 2 'give one of them' $probe --minutes 1 --shots 2
wrong 1 "no file 'nolist'" $probe --label-list nolist
wrong 1 'more than half' $probe --calibrate 31
ok train --data "$data" --arch "$arch" --steps 1 --batch 8 --threads 1 --out fresh # nothing is recommended yet
ok probe fresh --data "$data" --shots 3 --seeds 1 --no-baselines --neighbours 0 --threads 1
says 'one is taken that needs no labels'
[ "$("$json" -p setting_from <fresh/probe-001/result.json)" = guess ] || fail 'the setting comes from elsewhere'

# classify: names that need quotes, a folder in a folder, what is no image
ok sample run --count 3 --sampler ddim:steps=2 --out drawn/ --threads 1
mkdir -p pictures/inner
cp drawn/000000.png 'pictures/a, "b".png'
cp drawn/000001.png pictures/été.png
cp drawn/000002.png pictures/inner/c.png
printf 'none' >'pictures/d,.txt'
go classify run pictures --top 2 --conformal 0.5 --csv table.csv --on-bad skip
[ "$code" -eq 0 ] || fail "classify ended with $code: $(cat "$top/err")"
says 'wrote table.csv: 4 images'
[ "$(tr -cd '\r' <table.csv | wc -c)" = 5 ] || fail "lines do not end in CR LF: $(cat table.csv)"
tr -d '\r' <table.csv >lines
[ "$(sed -n 1p lines)" = 'file,label_1,label_2,probability_1,probability_2,set_size,set,error' ] || fail "other columns: $(cat lines)"
grep -q '^"pictures/a, ""b"".png",[a-z0-9]*,[a-z0-9]*,0\.[0-9]*,0\.[0-9]*,[123],"*[a-z0-9;]*"*,$' lines || fail "no quotes: $(cat lines)"
grep -q '^pictures/été.png,' lines || fail "not UTF-8: $(cat lines)"
grep -q '^pictures/inner/c.png,' lines || fail "not the folder in the folder: $(cat lines)"
grep -q '^"pictures/d,.txt",,,,,,,' lines || fail "no line for what is no image: $(cat lines)"
[ -e table.csv.part ] && fail 'a part is left'
ok classify run pictures/été.png --top 9 --json
object images left_out calibrated temperature
[ "$("$json" -p calibrated <"$top/out")" = true ] || fail 'not calibrated'
ok classify run pictures/été.png --conformal 0.9
says '; set of 90 %: '
ok classify run --data "$data" --conformal 0.9 --threads 1
says 'sets of 90 %: the right class is in'
wrong 2 '--csv is of images' classify run --data "$data" --csv x.csv
wrong 2 "ends in one of: .csv" classify run pictures --csv x.txt
wrong 1 'does not exist' classify run pictures --csv none/x.csv
mkdir -p bare/inner
wrong 1 "'bare' is empty" classify run bare

ok export run --out small.safetensors
ok classify small.safetensors pictures/été.png --conformal 0.9
says '; set of 90 %: '

# the shipped head is calibrated; one of a single label a class has nothing to be calibrated by
ok classify "$source/models/fashion-mnist.safetensors" drawn/000000.png --conformal 0.9
says '; set of 90 %: '
ok probe run --data "$data" --shots 1 --seeds 1 --no-baselines --neighbours 0 --threads 1
wrong 1 'not calibrated, which sets of classes need' classify run drawn/000000.png --conformal 0.9
ok classify run drawn/000000.png --json
[ "$("$json" -p calibrated <"$top/out")" = false ] || fail 'calibrated without a calibration'
finish
