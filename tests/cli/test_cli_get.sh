#!/bin/sh
# duet data get: files from a mirror and from a server of this machine; broken off and gone on with, changed, missing, without a network.
. "$2/tests/cli/common.sh"
serve=$(dirname "$json")/serve_files
[ -x "$serve" ] || { echo "no server '$serve'"; exit 1; }
unset http_proxy HTTP_PROXY https_proxy all_proxy ALL_PROXY
no_proxy='*'
export no_proxy

# a set of two files: a picture folder in an archive, and a list beside it
mkdir -p "$top/site/pictures/train/cat" "$top/site/pictures/train/dog"
for class in cat dog; do
    for n in 1 2 3; do (printf 'P6 2 2 255\n'; printf "$n%.0s" 1 2 3 4 5 6 7 8 9 10 11 12) >"$top/site/pictures/train/$class/$n.ppm"; done
done
(cd "$top/site" && tar -czf pictures.tar.gz pictures && rm -r pictures)
head -c 300000 "$duet" >"$top/site/list.bin"
sum() { md5sum "$1" | cut -d ' ' -f 1; }
list=$(sum "$top/site/list.bin") pictures=$(sum "$top/site/pictures.tar.gz")
# description FILE ADDRESS MD5-OF-THE-LIST
description() {
    printf '{"name": "little", "files": [{"url": "%s/pictures.tar.gz", "md5": "%s", "inside": "pictures"}, {"url": "%s/list.bin", "md5": "%s"}]}' \
        "$2" "$pictures" "$2" "$3" >"$1"
}

# from files of this machine
description files.json "file://$top/site" "$list"
ok data get files.json
says 'little/pictures.tar.gz: downloaded, its MD5 is right' 'little/pictures: unpacked' 'little/list.bin: downloaded' "duet data check little'"
exists little/pictures/train/dog/3.ppm little/list.bin
ok data info little/pictures
says '6 images' '2 classes'
# what is there is not fetched again
mv "$top/site" "$top/away"
ok data get files.json --json
object command='data get' name=little data=little
mv "$top/away" "$top/site"
# a mirror has the files by their names
description elsewhere.json http://localhost:1/nowhere "$list"
ok data get elsewhere.json --from "file://$top/site/" --out mirrored
cmp -s mirrored/list.bin "$top/site/list.bin" || fail 'the mirror gave another file'

# from a server that breaks off: the same command goes on where it was
"$serve" "$top/site" &
server=$!
trap 'kill $server 2>/dev/null; rm -rf "$top"' EXIT
while [ ! -s "$top/site/port" ]; do kill -0 $server || exit 1; done
address=http://127.0.0.1:$(cat "$top/site/port")
description served.json "$address" "$list"
mkdir served && cp "$top/site/pictures.tar.gz" served
echo 100000 >"$top/site/cut"
go data get served.json --out served
[ "$code" -eq 1 ] || fail "a download that breaks off ended with $code"
grep -q "served/list.bin.part'" "$top/err" || fail "it is not told how to go on: $(cat "$top/err")"
[ ! -e served/list.bin ] || fail 'half a file has its name'
ok data get served.json --out served
says 'served/pictures is there'
grep -q '^/list.bin 100000$' "$top/site/log" || fail "it did not go on: $(cat "$top/site/log")"
cmp -s served/list.bin "$top/site/list.bin" || fail 'the parts do not make the file'
# a server that cannot go on gives all of it
rm served/list.bin && head -c 1000 "$top/site/list.bin" >served/list.bin.part && touch "$top/site/whole"
ok data get served.json --out served
cmp -s served/list.bin "$top/site/list.bin" || fail 'the file is not that of the server'

# another file than was published: nothing of it stays
description changed.json "$address" "$pictures"
rm served/list.bin
go data get changed.json --out served
[ "$code" -eq 1 ] || fail "a changed file ended with $code"
grep -q "its MD5 is $list, not $pictures; it was removed" "$top/err" || fail "$(cat "$top/err")"
[ ! -e served/list.bin ] && [ ! -e served/list.bin.part ] || fail 'the changed file is there'
cp "$top/site/list.bin" served
go data get changed.json --out served
[ "$code" -eq 1 ] && grep -q 'is not the file that was published' "$top/err" || fail "a changed file that lies there: $(cat "$top/err")"
# archives that lead out of the folder
(cd "$top/site" && mkdir in && echo x >out.txt && tar -cPf evil.tar ../site/out.txt && rm out.txt)
printf '{"name": "evil", "files": [{"url": "%s/evil.tar", "md5": "%s", "inside": "x"}]}' "$address" "$(sum "$top/site/evil.tar")" >evil.json
go data get evil.json
[ "$code" -eq 1 ] && grep -q "leads out of the folder" "$top/err" || fail "an archive led outside: $(cat "$top/err")"
[ ! -e "$top/site/out.txt" ] && [ ! -e evil/evil.tar.unpacked ] || fail 'something was unpacked'
# nothing there, nobody there
printf '{"name": "none", "files": [{"url": "%s/none.tar", "md5": "%s"}]}' "$address" "$list" >none.json
wrong 1 'the server answers 404' data get none.json
wrong 1 "cannot reach 'http://localhost:1/nowhere/pictures.tar.gz'" data get elsewhere.json --out elsewhere
wrong 1 "no data set 'minst' can be had; there are mnist, fashion-mnist" data get minst
printf '{"name": "../up", "files": [{"url": "x", "md5": "1"}]}' >up.json
wrong 1 "needs a 'name'" data get up.json
wrong 2 '--from is a mirror' data info little --from x
kill $server
finish
