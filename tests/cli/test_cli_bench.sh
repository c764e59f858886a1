#!/bin/sh
# bench: rows as a table, as JSON and as CSV; what is chosen is measured and nothing else; wrong choices are named.
. "$2/tests/cli/common.sh"

# table: every line of the CSV has as many fields as its first one (a comma in quotes is part of a field).
table() {
    sed 's/"[^"]*"/text/g' "$1" | awk -F, 'NR == 1 { n = NF } NF != n { bad = 1 } END { exit bad || NR < 2 || n < 18 }' ||
        fail "'$1' is no table: $(head -3 "$1")"
}

ok bench --list
says fashion-mnist adm-256
ok bench --list --json
object networks.0.name=fashion-mnist networks.6.size=256
ok bench --quick --networks fashion-mnist --batch 1 --works ops --ops linear,attention --csv ops.csv
says 'multiply-adds' 'linear 1x128 * 128x128' 'attention 1x49x192' 'all nodes'
[ "$(awk "length > 120" "$top/out" | wc -l)" -le 1 ] || fail 'the table is wider than 120 columns'
grep -q conv2d "$top/out" && fail 'bench --ops linear measures conv2d'
table ops.csv
grep -q '^fashion-mnist,ops,' ops.csv || fail "no row in ops.csv: $(cat ops.csv)"
ok bench --quick --networks fashion-mnist,cifar --batch 2 --works forward,features,train,sample --csv works.csv --json --threads 1
object machine.peak_gflops machine.memory_gbs machine.load machine.threads=1 rows.0.network=fashion-mnist rows.0.work=forward rows.0.median \
    rows.0.repeats=1 rows.1.work=features rows.2.work=train rows.3.work=sample rows.7.network=cifar rows.7.batch=2 rows.7.flops
table works.csv
[ "$(wc -l <works.csv)" -eq 9 ] || fail "works.csv has $(wc -l <works.csv) lines, not 9"
ok bench --quick --networks fashion-mnist --batch 1 --works ops --ops conv2d --precision bf16 --exact --json
object rows.0.what precision=bf16 exact=true

wrong 1 "no network 'fashion-mnits'; did you mean 'fashion-mnist'?" bench --networks fashion-mnits
wrong 1 "no work 'trian'; did you mean 'train'?" bench --works trian
wrong 1 "no op 'conv3d'" bench --ops conv3d
wrong 1 'nothing to measure' bench --networks adm-256 --works train
wrong 1 "cannot write 'none/x.csv'" bench --networks fashion-mnist --csv none/x.csv
finish
