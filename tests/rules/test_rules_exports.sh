#!/bin/sh
# libduet.so exports what the public headers declare and nothing else: of all names that the static library defines, those that
# stand in a header outside comments. Its soname has the ABI's version, major.minor.
binary=$1
source=$2
build=$(dirname "$binary")
for tool in nm readelf; do
    command -v $tool >/dev/null 2>&1 || { echo "exports: skipped, $tool is not installed (binutils)"; exit 77; }
done
[ -f "$build/libduet.so" ] && [ -f "$build/libduet.a" ] || { echo "exports: skipped, no libraries beside '$binary'"; exit 77; }
top=$(mktemp -d) || exit 1
trap 'rm -rf "$top"' EXIT
LC_ALL=C
export LC_ALL

cat "$source"/include/duet/*.h | tr '\n' ' ' | sed 's|/\*|\n/*|g; s|\*/|&\n|g' | grep -v '^/\*' | grep -oE 'duet_[a-z0-9_]+' |
    sort -u >"$top/words"
nm -g --defined-only -f posix "$build/libduet.a" 2>/dev/null | awk 'NF >= 2 { print $1 }' | sort -u >"$top/defined"
comm -12 "$top/words" "$top/defined" >"$top/public"
nm -D --defined-only -f posix "$build/libduet.so" | awk '$2 != "A" { sub(/@.*/, "", $1); print $1 }' | sort -u >"$top/exported"
missing=$(comm -23 "$top/public" "$top/exported")
inside=$(comm -13 "$top/public" "$top/exported")
[ -z "$missing" ] || echo "exports: declared but not exported (tools/exports.sh):" $missing
[ -z "$inside" ] || echo "exports: exported but in no public header:" $inside
# Declared but never defined is what the stubs of tools/abi would not notice.
undefined=$(sh "$source/tools/exports.sh" 0 "$source"/include/duet/*.h | sed -n 's/^ *\(duet_[a-z0-9_]*\);/\1/p' | comm -23 - "$top/defined")
[ -z "$undefined" ] || echo "exports: declared in a public header but defined nowhere:" $undefined

version=$(sed -n 's/^project(duet VERSION \([0-9.]*\).*/\1/p' "$source/CMakeLists.txt")
readelf -d "$build/libduet.so" | grep -qF "[libduet.so.${version%.*}]" || { echo "exports: the soname is not libduet.so.${version%.*}"; exit 1; }
echo "exports: $(wc -l <"$top/exported") symbols, $(wc -l <"$top/public") public, soname libduet.so.${version%.*}"
[ -s "$top/public" ] && [ -z "$missing$inside$undefined" ]
