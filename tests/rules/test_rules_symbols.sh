#!/bin/sh
# External symbols of the library start with duet_, and it has no mutable globals (sections .data and .bss) but two: the
# failure of a thread and the count of allocated blocks.
binary=$1
library=$(dirname "$binary")/libduet.a
command -v nm >/dev/null 2>&1 || { echo "symbols: skipped, nm is not installed (binutils)"; exit 77; }
[ -f "$library" ] || { echo "symbols: skipped, no library beside '$binary'"; exit 77; }

nm -g --defined-only -f posix "$library" 2>/dev/null | awk '
NF >= 2 && $1 !~ /:$/ {
    count++
    if ($1 !~ /^duet_/ && $1 !~ /^(__|\.gomp)/) { printf "symbols: external symbol %s does not start with duet_\n", $1; failed++ }
}
END { printf "symbols: %d external, %d wrong\n", count, failed; exit failed > 0 || count == 0 }'
external=$?

if nm "$library" 2>/dev/null | grep -q ' U __asan_init'; then
    echo "symbols: mutable globals not checked in a sanitized build"
    exit $external
fi
nm -f sysv "$library" 2>/dev/null | awk -F'|' '
{ gsub(/ /, "", $1); gsub(/[ \t]/, "", $7); gsub(/ /, "", $4) }
/\.o:?\]?:?$/ && NF == 1 { object = $0 }
$7 ~ /^\.(data|bss|tbss|tdata)$|^\*COM\*$|^\.(data|bss|tbss|tdata)\.[^r]/ && $1 !~ /^\./ && ($4 == "OBJECT" || $4 == "TLS") {
    count++
    if ($1 != "failure" && $1 != "block_count" && $1 != "live_bytes" && $1 != "peak_bytes") { printf "symbols: mutable global %s in %s\n", $1, $7; failed++ }
}
END { printf "symbols: %d globals that change, %d wrong\n", count, failed; exit failed > 0 }'
globals=$?
[ $external -eq 0 ] && [ $globals -eq 0 ]
