#!/bin/sh
# Text files of the repository name no machine's own paths and no package registry or mirror, and hold no conflict marks.
# The patterns are put together here, so that this file does not match itself.
source=$2
cd "$source" || exit 1
if command -v git >/dev/null 2>&1 && git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
    list=$(git ls-files --cached --others --exclude-standard)
else
    list=$(find . -type f ! -path './build/*' ! -path './.git/*' ! -path './runs/*')
fi
[ -n "$list" ] || { echo "words: no files under '$source'"; exit 1; }
slash=/
paths="(^|[^A-Za-z0-9_.~-])${slash}(home|root|Users|work|workspace|mnt|media)${slash}[A-Za-z0-9_.]"
names="pypi|pythonhosted|npmjs|crates|rubygems|docker|debian|ubuntu|golang|conda|anaconda|nexus|artifactory"
hosts="($names)[.](org|com|io|net|internal|local)"
marks="^(<<<<<<<|>>>>>>>)( |\$)"

echo "$list" | {
    files=0
    wrong=0
    while IFS= read -r file; do
        [ -f "$file" ] || continue
        files=$((files + 1))
        if found=$(grep -InE -e "$paths" -e "$hosts" -e "$marks" "$file"); then
            echo "$found" | sed "s|^|$file:|"
            wrong=$((wrong + 1))
        fi
    done
    echo "words: $files files checked, $wrong wrong"
    [ "$wrong" -eq 0 ]
}
