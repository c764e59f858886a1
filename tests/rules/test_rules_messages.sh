#!/bin/sh
# Nobody tells failures apart by the words of a message: what callers go by is a status or a cause (duet_error_cause). Tests of
# messages may read them.
source=$2
cd "$source" || exit 1
functions='(str|strn|strcase|strncase)cmp|strstr|strcasestr|strchr|strrchr|strspn|strcspn|strpbrk|memmem|sscanf|regexec|fnmatch|duet_starts_with|duet_ends_with|duet_has_word'
texts='(duet_error_message|duet_error_reason|cli_message)\(\)'
copies='[^;]*\bmessage\b'
[ -d src ] && [ -d examples ] || { echo "messages: no sources under '$source'"; exit 1; }
found=$(grep -rnE "\b($functions)\($copies|\b($functions)\([^;]*$texts" src examples --include='*.c' --include='*.h')
# A call that is broken over two lines has the text on the second.
found=$found$(grep -rnE -B1 "^ +[^=]*$texts" src examples --include='*.c' | grep -E "\b($functions)\(")
[ -z "$found" ] || { echo "$found"; echo "messages: texts of failures are searched"; exit 1; }
echo "messages: no text of a failure is searched"
