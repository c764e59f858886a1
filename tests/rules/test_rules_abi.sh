#!/bin/sh
# The ABI of the public headers is that of its last release (tools/abi), and the comparison notices what it must: a function
# that is gone, another type, a struct that grew, an enum renumbered. A new function is no change.
source=$2
"$source/tools/abi"
status=$?
[ $status -eq 0 ] || exit $status

top=$(mktemp -d) || exit 1
trap 'rm -rf "$top"' EXIT
failed=0
# change WANT SED-SCRIPT: the exit code for changed headers.
change() {
    rm -rf "$top/include"
    cp -r "$source/include" "$top/include"
    sed -i "$2" "$top/include/duet/base.h"
    cmp -s "$source/include/duet/base.h" "$top/include/duet/base.h" && { echo "abi: '$2' changes nothing"; failed=1; }
    HEADERS=$top/include "$source/tools/abi" --strict >"$top/out" 2>&1
    got=$?
    [ $got -eq "$1" ] || { cat "$top/out"; echo "abi: '$2' ended with $got, not $1"; failed=1; }
}
if "$source/tools/abi" --strict >/dev/null 2>&1; then
    change 0 's/^double duet_clock(void);/& double duet_clock_of(int n);/'
fi
change 1 's/^double duet_clock(void);//'
change 1 's/^double duet_clock(void);/float duet_clock(void);/'
change 1 's/^    bool exact;/    int64_t more; &/'
change 1 's/^    DUET_ARG,/    DUET_NEW, &/'
echo "abi: changes noticed, $failed wrong"
exit $failed
