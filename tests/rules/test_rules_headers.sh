#!/bin/sh
# Every public header compiles alone, as C11 and as C++17, without a warning of gcc and clang; so does a program of each.
source=$2
top=$(mktemp -d) || exit 1
trap 'rm -rf "$top"' EXIT
count=0
failed=0
compile() { # COMPILER STANDARD LANGUAGE FILE
    count=$((count + 1))
    "$1" "-std=$2" -x "$3" -Wall -Wextra -Wpedantic -Werror -I "$source/include" -fsyntax-only "$4" && return
    echo "headers: $(head -1 "$4") does not compile with $1 as $2"
    failed=$((failed + 1))
}
for header in duet.h $(cd "$source/include" && ls duet/*.h); do
    echo "#include <$header>" >"$top/$(echo "$header" | tr / _).c"
done
cat >"$top/use.c" <<'END'
#include <duet.h>
int main(void);
int main(void) {
    duet_context_options options = DUET_CONTEXT_OPTIONS_INIT;
    duet_context *ctx = NULL;
    options.threads = 1;
    if (duet_context_new(&ctx, &options) != DUET_OK) return 1;
    duet_context_free(ctx);
    return 0;
}
END
for file in "$top"/*.c; do
    for compiler in gcc clang; do
        command -v $compiler >/dev/null 2>&1 && compile $compiler c11 c "$file"
    done
    for compiler in g++ clang++; do
        command -v $compiler >/dev/null 2>&1 && compile $compiler c++17 c++ "$file"
    done
done
echo "headers: $count compiled, $failed wrong"
[ "$count" -gt 0 ] || { echo "headers: skipped, no compiler is installed"; exit 77; }
[ "$failed" -eq 0 ]
