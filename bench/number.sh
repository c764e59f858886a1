# SPDX-License-Identifier: MIT
# number FILE KEY: the first number of a key in a JSON file
number() {
    sed -n "s/^.*\"$2\": *\\(-\\{0,1\\}[0-9][0-9.e+-]*\\).*/\\1/p" "$1" | head -n 1
}
# rounded FILE KEY: the same to two places; a dash where there is none
rounded() {
    number "$1" "$2" | awk '{ printf "%.2f", $1; n++ } END { if (!n) printf "–" }'
}
# provenance: the cells commit, machine and date of a row
provenance() {
    machine=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1 | tr ',' ' ')
    echo "$(git rev-parse --short HEAD),$machine,$(date +%F)"
}
