#!/bin/sh
# tools/release on a repository of its own: the tarball depends on the commit alone, wrong trees are refused, and a dry run
# leaves nothing behind. The tree of this project has one version everywhere.
source=$2
for tool in git gzip tar sha256sum; do
    command -v $tool >/dev/null 2>&1 || { echo "release: skipped, needs $tool"; exit 77; }
done
top=$(mktemp -d) || exit 1
trap 'rm -rf "$top"' EXIT
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE
GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@localhost GIT_COMMITTER_NAME=a
GIT_COMMITTER_EMAIL=a@localhost
export GIT_CONFIG_NOSYSTEM GIT_CONFIG_GLOBAL GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL GIT_COMMITTER_NAME GIT_COMMITTER_EMAIL
failed=0
wrong() {
    echo "release: $*"
    failed=$((failed + 1))
}

version=$(sed -n 's/^project(duet VERSION \([0-9.]*\).*/\1/p' "$source/CMakeLists.txt")
grep -qx "#define DUET_VERSION \"$version\"" "$source/include/duet/base.h" || wrong "CMakeLists.txt says $version, base.h does not"
grep -qE "^## $version( - [0-9-]{10})?\$" "$source/CHANGELOG.md" || wrong "CHANGELOG.md has no section '## $version'"
"$1" --version | grep -qx "duet $version" || wrong "the program does not say that it is $version"

mkdir -p "$top/r/include/duet" "$top/r/tools" && cd "$top/r" || exit 1
cp "$source/tools/release" tools/
cp "$source/include/duet/base.h" include/duet/
grep '^project' "$source/CMakeLists.txt" >CMakeLists.txt
printf '# Changelog\n\n## %s - 2001-02-03\n\n- A line.\n\n## 0.0.1 - 2001-01-01\n\n- Another.\n' "$version" >CHANGELOG.md
echo build/ >.gitignore
git init -q . && git add -A && git commit -qm first || exit 1

# refused TEXT ARGS…: fails, says TEXT, and changes nothing.
refused() {
    text=$1
    shift
    git status --porcelain --ignored >"$top/before"
    if tools/release "$@" >"$top/out" 2>&1; then wrong "'tools/release $*' does not fail"; fi
    grep -qF -e "$text" "$top/out" || wrong "'tools/release $*' does not say '$text' but: $(cat "$top/out")"
    git status --porcelain --ignored | cmp -s "$top/before" - || wrong "'tools/release $*' leaves something behind"
}
tools/release "$version" --dry-run --skip-tests >"$top/out" 2>&1 || wrong "the dry run fails: $(cat "$top/out")"
[ -z "$(git status --porcelain --ignored)" ] || wrong 'the dry run leaves something behind'
[ "$(git rev-list --count --all)" -eq 1 ] && [ -z "$(git tag)" ] || wrong 'the dry run commits or tags'

tools/release "$version" --skip-tests >"$top/out" 2>&1 || wrong "fails: $(cat "$top/out")"
grep -qF "git tag -a v$version" "$top/out" || wrong 'the command that tags is not told'
[ -z "$(git tag)" ] || wrong 'tags by itself'
(cd build/dist && sha256sum -c --quiet "duet-$version.tar.gz.sha256") || wrong 'the SHA-256 is wrong'
[ "$(gzip -dc "build/dist/duet-$version.tar.gz" | tar -tf - | grep -vc '/$')" -eq "$(git ls-files | wc -l)" ] || wrong 'files are missing in the tarball'
git clone -q . "$top/again" && cd "$top/again" && touch -t 199901010000 CHANGELOG.md && umask 077 &&
    TZ=America/Lima tools/release "$version" --skip-tests --out "$top/dist" >"$top/out" 2>&1 || wrong "a clone fails: $(cat "$top/out")"
cmp "$top/dist/duet-$version.tar.gz" "$top/r/build/dist/duet-$version.tar.gz" || wrong 'the tarball depends on more than the commit'

cd "$top/r" || exit 1
refused 'is no version' 1.2 --skip-tests
refused "says '$version', not '9.9.9'" 9.9.9 --skip-tests
echo more >>CHANGELOG.md
refused 'the tree has changes' "$version" --skip-tests
git checkout -q CHANGELOG.md
sed -i 's/ - 2001-02-03//' CHANGELOG.md && git commit -qam undated
refused 'has no date' "$version" --skip-tests
sed -i "/^## $version/d" CHANGELOG.md && git commit -qam missing
refused 'has no section' "$version" --skip-tests
sed -i 's/define DUET_VERSION .*/define DUET_VERSION "0.0.0"/' include/duet/base.h && git commit -qam header
refused "base.h says '0.0.0'" "$version" --skip-tests
git reset -q --hard HEAD~3 && git tag "v$version"
refused 'exists' "$version" --skip-tests
echo "release: $failed wrong"
[ "$failed" -eq 0 ]
