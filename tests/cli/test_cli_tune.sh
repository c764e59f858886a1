#!/bin/sh
# bench --tune: what is measured is kept, seen by info and used; bad files are ignored; a run keeps its kernels to its end.
. "$2/tests/cli/common.sh"
table=$DUET_CACHE/tune.json

# silent: the last call warned of nothing.
silent() {
    grep -q 'ignored' "$top/err" && fail "a warning: $(cat "$top/err")"
}

# bits STATE: the hash of all tensors in a training state.
bits() {
    found=$(head -c 20000 "$1" | tr -d '\\' | grep -ao '"hash": *"[0-9a-f]*"' | head -1)
    echo "${found:-no hash in $1}"
}

tiny_run run
ok info run --plan --batch 2 --threads 1 --json
grep -q '"tuned": true' "$top/out" && fail 'tuned without a table'
ok bench --tune --model run --quick --threads 1 --batch 2 --works forward
says 'run, forward, batch 2' 'cases with a choice change' "kept in $table"
exists "$table"
ok info run --plan --batch 2 --threads 1
says '  tuned'
silent
ok info run --plan --batch 2 --threads 1 --json
grep -q '"tuned": *true' "$top/out" || fail 'info --json does not tell what is tuned'
for other in --no-tuned --exact '--batch 3'; do
    ok info run --plan --batch 2 --threads 1 $other
    grep -q '  tuned' "$top/out" && fail "tuned in spite of $other"
done

# a second call adds to the file
ok bench --tune --model run --quick --threads 1 --batch 8 --works train --json
object path hash cases rows.0.work=train rows.0.batch=8 rows.0.kernel rows.0.usual rows.0.seconds rows.0.candidates
ok info run --plan --batch 2 --threads 1
says '  tuned'

# a run keeps the kernels that it began with: other ones give other bits
sed 's/"kernel": "conv"/"kernel": "onednn"/' "$table" >other.json && mv other.json "$table"
train() { ok train --data "$data" --arch "$arch" --batch 8 --threads 1 "$@"; }
train --steps 4 --out one
train --steps 4 --out two
train --steps 4 --out plain --no-tuned
exists one/tuning.json
grep -q '"tuning"' one/run.json || fail 'run.json does not tell of the table'
grep -q '"tuning"' plain/run.json && fail 'run.json tells of a table that was left aside'
[ "$(bits one/state-00000032.safetensors)" = "$(bits two/state-00000032.safetensors)" ] || fail 'the same table gives other bits'
[ "$(bits one/state-00000032.safetensors)" = "$(bits plain/state-00000032.safetensors)" ] && fail 'the table changes no kernel: this test shows nothing'
ok train --resume one --steps 8 --threads 1
rm "$table"
ok train --resume two --steps 8 --threads 1
ok train --resume plain --steps 8 --threads 1
[ "$(bits one/state-00000064.safetensors)" = "$(bits two/state-00000064.safetensors)" ] || fail 'resumed without the table: other bits'
[ "$(bits one/state-00000064.safetensors)" = "$(bits plain/state-00000064.safetensors)" ] && fail 'the resumed run lost its table'
rm two/tuning.json
wrong 1 "'two/tuning.json' is missing" train --resume two --steps 9 --threads 1

# bad files
echo '{"format": ' >"$table"
ok info run --plan --batch 2 --threads 1
grep -q "'$table' is ignored: it is damaged" "$top/err" || fail "no warning of a damaged table: $(cat "$top/err")"
ok info run --plan --batch 2 --threads 1 --no-tuned
silent
ok bench --tune --model run --quick --threads 1 --batch 2 --works forward --quiet
ok info run --plan --batch 2 --threads 1
silent
says '  tuned'

wrong 1 'exact results allow no choice' bench --tune --exact --networks fashion-mnist
wrong 1 'nothing to tune' bench --tune --networks adm-256 --works train
wrong 1 "no network 'cifra'; did you mean 'cifar'?" bench --tune --networks cifra
wrong 2 '--model needs --tune' bench --model run
wrong 2 '--tune cannot write --csv' bench --tune --csv x.csv
finish
