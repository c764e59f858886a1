#!/bin/sh
# Installs into a folder, compiles the examples against it with pkg-config alone, and runs them on the shipped model.
. "$2/tests/cli/common.sh"
build=$(dirname "$duet")
for tool in cmake pkg-config cc nm; do
    command -v $tool >/dev/null 2>&1 || { echo "skipped: needs $tool"; exit 77; }
done
[ -f "$build/duet.pc" ] && [ -f "$build/libduet.a" ] || { echo "skipped: no build folder beside '$duet'"; exit 77; }

cmake --install "$build" --prefix "$top/first" >"$top/out" 2>&1 || { cat "$top/out"; fail 'the installation failed'; finish; }
mv "$top/first" "$top/prefix" # duet.pc finds its own place
PKG_CONFIG_PATH=$top/prefix/lib/pkgconfig
export PKG_CONFIG_PATH
exists "$top/prefix/bin/duet" "$top/prefix/lib/libduet.a" "$top/prefix/include/duet.h" "$top/prefix/include/duet/model.h"
for header in "$source"/include/duet/*.h; do
    exists "$top/prefix/include/duet/$(basename "$header")"
done
[ "$(pkg-config --modversion duet)" = "$("$top/prefix/bin/duet" --version | sed 's/[^0-9.]//g')" ] || fail 'duet.pc and duet --version differ'

sanitize=
if nm "$top/prefix/lib/libduet.a" 2>/dev/null | grep -q __asan_init; then sanitize=-fsanitize=address,undefined; fi
for name in features sample; do
    cc -std=c11 -Wall -Wextra -Werror $sanitize "$source/examples/$name.c" -o $name $(pkg-config --cflags --libs duet) >"$top/err" 2>&1 ||
        { cat "$top/err"; fail "examples/$name.c does not compile with pkg-config --cflags --libs duet"; finish; }
    checked=$((checked + 1))
done

model=$source/models/fashion-mnist.safetensors
./sample "$model" clothes.png 2 || fail 'examples/sample.c failed'
exists clothes.png
data=synth:size=28,classes=3,train=150,test=60
./features "$model" $data 100 >"$top/out" 2>&1 || { cat "$top/out"; fail 'examples/features.c failed'; }
says 'validation accuracy' 'test accuracy' 'on 60 rows'
ok features "$model" --data $data --out want.npz
cmp -s features.npz want.npz || fail "examples/features.c and 'duet features' differ at the model's recommended setting"
if ./sample nowhere.safetensors x.png 2>"$top/err"; then fail 'a missing model is no failure'; fi
grep -q nowhere "$top/err" || fail "the message does not name the file: $(cat "$top/err")"
finish
