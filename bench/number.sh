# SPDX-License-Identifier: MIT
# number FILE KEY: the first number of a key in a JSON file
number() {
    sed -n "s/^.*\"$2\": *\\(-\\{0,1\\}[0-9.e+-]*\\).*/\\1/p" "$1" | head -n 1
}
