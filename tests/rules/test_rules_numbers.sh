#!/bin/sh
# Numbers below src/cli do not depend on the locale of the program that the library is in: real numbers are read by
# duet_parse_f64 and printed by duet_format and what is built on it (base/str.h), never by the functions of C.
source=$2
cd "$source" || exit 1
wrong=$(find src include -name '*.[ch]' ! -path 'src/cli/*' ! -path 'src/base/str.c' -exec awk '
/[^A-Za-z0-9_](strtod|strtof|strtold|atof|setlocale)[(]/ { print FILENAME ": " $0 }
# A call may go over several lines: it is gathered up to its semicolon.
/[^A-Za-z0-9_](v?sn?printf|v?fprintf|printf|sscanf|fscanf)[(]/ { call = ""; open = 1 }
open { call = call $0 }
open && /;/ {
    open = 0
    if (call ~ /"[^"]*%[-+ #0-9.*]*[lL]?[aefgAEFG][^"]*"/) print FILENAME ": " call
}' {} +)
[ -z "$wrong" ] && { echo "numbers: none depends on the locale"; exit 0; }
echo "numbers: these depend on the locale; take duet_parse_f64 and duet_format of base/str.h"
echo "$wrong"
exit 1
