# Sourced by ./check, its lanes and ./quickstart: the Debian packages this project is built from, and their installation.

# What is linked; the cross build unpacks the same list for its own architecture.
DUET_LIBRARIES="libdnnl-dev libopenblas-openmp-dev liblapacke-dev libjpeg-dev libpng-dev libwebp-dev libutf8proc-dev libarchive-dev
libzip-dev zlib1g-dev libjansson-dev libcmocka-dev libcurl4-gnutls-dev libmd-dev"
DUET_PACKAGES="gcc libc6-dev make cmake ninja-build pkg-config universal-ctags binutils clang-format-14 abigail-tools mandoc
$DUET_LIBRARIES"

# The lanes of ./check --all, in their order (CI runs ./check --most): a name (tools/lanes/NAME.sh) and the packages it needs beside those above. Those
# with '#' run by ./check --lane NAME only.
DUET_LANES="
gcc
clang     clang-14 libomp-14-dev
dev
tsan
tidy      clang-tidy-14 libomp-14-dev
coverage  gcovr
contest
aarch64   gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user-static
"

duet_lanes() {
    printf '%s\n' "$DUET_LANES" | awk 'NF && !/^#/ { print $1 }'
}

# Prints the packages of lane $1, those of the build included.
duet_lane_packages() {
    echo $DUET_PACKAGES $(printf '%s\n' "$DUET_LANES" | awk -v lane="$1" '{ sub(/^#/, "") } $1 == lane { $1 = ""; print }')
}

# Prints those of the packages "$@" that are not installed; dpkg-query is asked once for all.
duet_missing_packages() {
    duet_installed=$(dpkg-query -W -f='${Package} ${db:Status-Status}\n' "$@" 2>/dev/null | sed -n 's/ installed$//p')
    for duet_package in "$@"; do
        case " $(echo $duet_installed) " in
        *" $duet_package "*) ;;
        *) printf '%s ' "$duet_package" ;;
        esac
    done
}

# Installs those of the packages "$@" that are missing. Where it cannot, it says what is needed and returns 1.
duet_install() {
    if ! command -v dpkg-query >/dev/null 2>&1 || ! command -v apt-get >/dev/null 2>&1; then
        echo "not a Debian system: if the build stops, install what stands for these packages here:" "$@"
        return 1
    fi
    duet_missing=$(duet_missing_packages "$@")
    [ -n "$duet_missing" ] || return 0
    duet_root=
    if [ "$(id -u)" -ne 0 ]; then
        if ! command -v sudo >/dev/null 2>&1; then
            echo "missing packages; install them as root: apt-get install" $duet_missing
            return 1
        fi
        duet_root="sudo env"
    fi
    echo "installing:" $duet_missing
    ${duet_root:-env} DEBIAN_FRONTEND=noninteractive apt-get -q update &&
        ${duet_root:-env} DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends $duet_missing && return 0
    echo "apt-get failed; install by hand: apt-get install" $duet_missing
    return 1
}

# What the build needs. Never fails: the configuration names what it lacks.
duet_install_packages() {
    duet_install $DUET_PACKAGES || true
}

# How many programs to compile at once: the processors of the affinity mask, within the CPU quota of a container.
duet_jobs() {
    duet_count=$(nproc 2>/dev/null || getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
    duet_quota=$(cat /sys/fs/cgroup/cpu.max 2>/dev/null ||
        cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/cpu/cpu.cfs_period_us 2>/dev/null | tr '\n' ' ')
    echo "$duet_quota" | awk -v count="$duet_count" '{ if ($1 + 0 > 0 && $2 + 0 > 0 && $1 / $2 < count) count = int(($1 + $2 - 1) / $2) } END { print count }'
}
