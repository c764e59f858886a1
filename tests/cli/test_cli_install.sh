#!/bin/sh
# Installs into a folder, compiles the examples against the shared and the static library there with pkg-config alone, and runs them
# on the shipped model.
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
share=$top/prefix/share
exists "$share/man/man1/duet.1" "$share/man/man1/duet-train.1" "$share/bash-completion/completions/duet" "$share/doc/duet/api.html"
[ "$(pkg-config --modversion duet)" = "$("$top/prefix/bin/duet" --version | sed 's/[^0-9.]//g')" ] || fail 'duet.pc and duet --version differ'

sanitize=
if nm "$top/prefix/lib/libduet.a" 2>/dev/null | grep -q __asan_init; then sanitize=-fsanitize=address,undefined; fi
libdir=$(pkg-config --variable=libdir duet)
abi=$(pkg-config --modversion duet | sed 's/\.[0-9]*$//')
exists "$libdir/libduet.so" "$libdir/libduet.so.$abi"
[ "$(pkg-config --libs duet | sed 's/-L[^ ]*//; s/ //g')" = -lduet ] || fail "programs of the shared library link more than it: $(pkg-config --libs duet)"
# build NAME LINKING FLAGS…: NAME-LINKING from examples/NAME.c.
build() {
    cc -std=c11 -Wall -Wextra -Werror $sanitize "$source/examples/$1.c" -o "$1-$2" $(pkg-config --cflags duet) $3 >"$top/err" 2>&1 ||
        { cat "$top/err"; fail "examples/$1.c does not compile against the $2 library"; finish; }
    checked=$((checked + 1))
}
for name in features sample; do
    build $name shared "$(pkg-config --libs duet) -Wl,-rpath,$libdir"
    build $name static "$(pkg-config --static --libs duet | sed 's/-lduet/-l:libduet.a/')"
done
if command -v readelf >/dev/null 2>&1; then
    readelf -d sample-shared | grep -qF "[libduet.so.$abi]" || fail 'sample-shared does not need the shared library'
    if readelf -d sample-static | grep -q 'libduet'; then fail 'sample-static needs the shared library'; fi
    if readelf -d "$top/prefix/bin/duet" | grep -q 'libduet'; then fail 'the program needs the shared library'; fi
fi

model=$source/models/fashion-mnist.safetensors
data=synth:size=28,classes=3,train=150,test=60
ok features "$model" --data $data --out want.npz
for linking in shared static; do
    ./sample-$linking "$model" $linking.png 2 || fail "examples/sample.c failed ($linking)"
    exists $linking.png
    ./features-$linking "$model" $data 100 >"$top/out" 2>&1 || { cat "$top/out"; fail "examples/features.c failed ($linking)"; }
    says 'validation accuracy' 'test accuracy' 'on 60 rows'
    cmp -s features.npz want.npz || fail "examples/features.c and 'duet features' differ at the model's recommended setting ($linking)"
    rm -f features.npz
done
cmp -s shared.png static.png || fail 'the shared and the static library make different images'
if ./sample-shared nowhere.safetensors x.png 2>"$top/err"; then fail 'a missing model is no failure'; fi
grep -q nowhere "$top/err" || fail "the message does not name the file: $(cat "$top/err")"
finish
