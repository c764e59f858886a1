#!/bin/sh
# One formatting: .clang-format by the version of Debian 12 (other versions break lines elsewhere), at most 100 columns,
# and `sizeof x` for values, `sizeof(type)` for types, which clang-format leaves as they are.
source=$2
cd "$source" || exit 1
list=$(find src include tests bench examples -name '*.[ch]' | LC_ALL=C sort)
[ -n "$list" ] || { echo "format: no sources under '$source'"; exit 1; }
failed=0

# A value: what begins with '*', or a word that is neither a C type nor ends in _t, _state, _config nor starts with duet_.
values=$(grep -nE 'sizeof\(\*[a-z_>-]+\)[^->.]|sizeof\((out|name|path|options|buffer|text|message|x)\)' $list)
if [ -n "$values" ]; then
    echo "$values"
    echo "format: write 'sizeof x' for values"
    failed=1
fi

clang_format=$(command -v clang-format-14) || { echo "format: skipped, clang-format-14 is not installed"; exit 77; }
printf '%s\n' $list | xargs "$clang_format" --dry-run --Werror --ferror-limit=1 || {
    echo "format: run clang-format-14 -i on these files"
    failed=1
}

# Characters, not bytes: the continuation bytes of UTF-8 are taken away before a line is measured.
long=$(LC_ALL=C awk '{ s = $0; gsub(/[\200-\277]/, "", s) }
    length(s) > 100 { print FILENAME ":" FNR ": " length(s) " columns" }' $list)
if [ -n "$long" ]; then
    echo "$long"
    echo "format: a line has at most 100 columns"
    failed=1
fi
[ $failed = 0 ] && echo "format: $(printf '%s\n' $list | wc -l) files, nothing to change"
exit $failed
