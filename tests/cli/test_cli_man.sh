#!/bin/sh
# Manual pages and completion: from the tables of --help, with every flag and command in them; groff and mandoc find no fault.
. "$2/tests/cli/common.sh"
commands=$(sed -n 's/^ *DUET_MEMBER(cmd, \(.*\)) .*/\1/p' "$source/src/cli/cmd/cmd.def")

ok help --completion
cp "$top/out" completion
if command -v bash >/dev/null 2>&1; then
    bash -n completion || fail 'bash cannot read the completion'
    # complete WORD…: what is offered for the last word.
    complete() { bash -c '. ./completion; COMP_WORDS=(duet "$@"); COMP_CWORD=$#; _duet; echo "${COMPREPLY[@]}"' x "$@"; }
    [ "$(complete sam)" = sample ] || fail "completion of 'sam': $(complete sam)"
    [ "$(complete sample --cou)" = --count ] || fail "completion of 'sample --cou': $(complete sample --cou)"
    [ "$(complete sample --precision b)" = bf16 ] || fail "completion of 'sample --precision b': $(complete sample --precision b)"
fi

ok help --man
cp "$top/out" duet.1
for name in $commands; do
    grep -q "^\.BR duet.-$name (1)" duet.1 || fail "duet(1) does not name duet-$name(1)"
    ok help "$name"
    sed -n 's/^  \(--[a-z0-9-]*\).*/\1/p' "$top/out" | sort -u >"$top/flags"
    ok help --man "$name"
    cp "$top/out" "duet-$name.1"
    sed -n 's/^\.B \(\\-\\-[a-z0-9\\-]*\).*/\1/p' "duet-$name.1" | tr -d '\\' | sort -u >"$top/man-flags"
    cmp -s "$top/flags" "$top/man-flags" || { fail "duet-$name(1) and duet help $name differ"; diff "$top/flags" "$top/man-flags"; }
    grep -q "^    $name)" completion || fail "the completion lacks the command $name"
done
for page in *.1; do
    LC_ALL=C grep -q '[^ -~]' "$page" && fail "$page is not ASCII"
    grep -q "\"duet $("$duet" --version | sed 's/[^0-9.]//g')\"" "$page" || fail "$page does not tell the version"
    if command -v groff >/dev/null 2>&1; then
        groff -ww -man -Tascii "$page" >page 2>"$top/err" && [ ! -s "$top/err" ] || fail "groff on $page: $(cat "$top/err")"
    fi
    if command -v mandoc >/dev/null 2>&1; then # pages have a version instead of a date, so that they are the same every day
        mandoc -Tlint -Wwarning "$page" 2>&1 | grep -v 'missing date' >"$top/lint"
        [ ! -s "$top/lint" ] || fail "mandoc on $page: $(cat "$top/lint")"
    fi
done
wrong 2 '--man takes one COMMAND' help --man ddim
wrong 2 '--completion covers all' help --completion train
finish
