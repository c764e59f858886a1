#!/bin/sh
# sysroot.sh FOLDER ARCHITECTURE TRIPLET PACKAGE…: unpacks Debian packages of another architecture, with what they depend on,
# into FOLDER/sysroot. The machine's own packages stay as they are, and root is not needed: apt keeps its lists and its status
# in FOLDER/apt.
set -e
folder=$1 architecture=$2 triplet=$3
shift 3
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
root=$folder/sysroot state=$folder/apt
wanted="$architecture $*"
if [ "$(cat "$folder/unpacked" 2>/dev/null)" = "$wanted" ]; then
    echo "sysroot: '$root' is complete"
    exit 0
fi
rm -rf "$root" "$state" "$folder/unpacked"
mkdir -p "$state/lists/partial" "$state/cache/archives/partial" "$root/usr/lib" "$root/usr/bin" "$root/usr/sbin"
: >"$state/status"

own_apt() {
    DEBIAN_FRONTEND=noninteractive apt-get -q -y -o APT::Architecture="$architecture" -o APT::Architectures::="$architecture" \
        -o APT::Sandbox::User=root -o Dir::State="$state" -o Dir::State::lists="$state/lists" \
        -o Dir::State::status="$state/status" -o Dir::Cache="$state/cache" "$@"
}
own_apt update
own_apt --no-install-recommends --download-only install "$@"

# One tree of libraries, as on an installed system.
for name in lib bin sbin; do ln -s usr/$name "$root/$name"; done
for package in "$state"/cache/archives/*.deb; do
    dpkg-deb --fsys-tarfile "$package" | tar -x --keep-directory-symlink -C "$root"
done
# What installation scripts would do: OpenBLAS is what 'libblas' and 'liblapack' stand for. Full paths begin at the sysroot.
libraries=$root/usr/lib/$triplet
for path in "$libraries"/openblas-openmp/*.so*; do ln -sf "openblas-openmp/$(basename "$path")" "$libraries/"; done
for path in "$root/usr/include/$triplet"/openblas-openmp/*.h; do ln -sf "openblas-openmp/$(basename "$path")" "$root/usr/include/$triplet/"; done
find "$root" -type l -lname '/*' | while read -r link; do ln -sfn "$root$(readlink "$link")" "$link"; done
rm -r "$state/cache"
echo "$wanted" >"$folder/unpacked"
