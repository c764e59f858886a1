#!/bin/sh
# Help: from the tables, complete, short enough for a screen.
. "$2/tests/cli/common.sh"

ok help
says 'the main job' 'train' 'classify' 'sampler' 'ddim' 'adam' 'synth' 'cosine' 'safetensors' 'NAME:key=value'
[ "$(wc -l <"$top/out")" -le 58 ] || fail 'duet help does not fit a screen'
awk 'length($0) > 120 { exit 1 }' "$top/out" || fail 'duet help has long lines'
cp "$top/out" "$top/overview"
ok --help
cmp -s "$top/overview" "$top/out" || fail 'duet --help is not duet help'
go
[ "$code" -eq 2 ] || fail "duet without a command ended with $code"
ok --version
says 'duet '

commands=$(sed -n 's/^ *DUET_MEMBER(cmd, \(.*\)) .*/\1/p' "$source/src/cli/cmd/cmd.def")
for name in $commands; do
    grep -q "^  $name " "$top/overview" || fail "duet help lacks the command $name"
    ok help "$name"
    says "usage: duet $name" '--json'
    cp "$top/out" "$top/page"
    ok "$name" --nonsense --help
    cmp -s "$top/page" "$top/out" || fail "duet $name --help is not duet help $name"
done

for def in $(find "$source/src" -name '*.def' ! -name cmd.def ! -name cpu.def ! -name ref.def ! -name elementwise.def); do
    family=$(basename "$def" .def)
    grep -q "^  $family \|^  inside:.* $family\( \|\$\)" "$top/overview" || fail "duet help lacks the family $family"
    ok help "$family"
    members=$(sed -n "s/^ *DUET_MEMBER($family, \([a-z0-9_]*\)).*/\1/p" "$def")
    [ -n "$members" ] || fail "no members are found in $def"
    for member in $members; do
        says "  $member: "
        "$duet" help "$family" "$member" >"$top/page" || fail "duet help $family $member"
        grep -qF "  $member: " "$top/page" || fail "duet help $family $member does not tell of it"
    done
done
ok help ddim
says 'steps=N' 'eta=X' '(default 50)'
ok help linear
says 'noise: ' 'head: '

# one word per idea
for name in features sweep probe info; do
    ok help "$name"
    says '--tap '
done
wrong 2 "did you mean 'sampler'" help smapler
wrong 2 "did you mean 'ddim'" help sampler dim
wrong 2 "no family 'nope'" help nope ddim
wrong 2 "'duet help' lists" help xxxxxxxxxxxx
finish
