# Sourced by the lanes, which ./check starts with their name as LANE: how a lane builds, runs tests and counts. A lane ends with
# lane_end; what it counted stands in build/check/LANE.result as "passed failed skipped".
. tools/packages.sh
jobs=$(duet_jobs)
passed=0 failed=0 skipped=0
lane_targets=

# Test programs share the processors: threads that wait must not spin.
export OMP_WAIT_POLICY=passive

lane_end() {
    echo "$passed $failed $skipped" >"build/check/$LANE.result"
    echo "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" -eq 0 ]
    exit
}

# Counts one failure, says why and ends the lane.
lane_stop() {
    echo "$LANE: $*"
    failed=$((failed + 1))
    lane_end
}

# The packages of the lane; a lane that lacks them is skipped.
lane_packages() {
    duet_install $(duet_lane_packages "$LANE") && return
    echo "$LANE: skipped, packages are missing"
    skipped=1
    lane_end
}

# Kernels that this machine cannot run are built by the release lanes only: with sanitizers they take minutes.
lane_avx512() {
    if grep -qw avx512bw /proc/cpuinfo; then echo -DDUET_AVX512=ON; else echo -DDUET_AVX512=OFF; fi
}

# lane_build PRESET FOLDER [OPTION…]: everything, or the targets in $lane_targets
lane_build() {
    lane_preset=$1 lane_folder=$2
    shift 2
    cmake --preset "$lane_preset" "$@" >"build/check/$LANE.configure" 2>&1 || {
        cat "build/check/$LANE.configure"
        lane_stop "the configuration failed, no test was run"
    }
    # shellcheck disable=SC2086
    ninja --quiet -C "$lane_folder" -j "$jobs" $lane_targets || lane_stop "the build failed, no test was run"
}

# lane_ctest FOLDER [ARGUMENT of ctest…]: adds what the tests did to the counts. A skip that tests/skips.txt does not allow
# fails.
lane_ctest() {
    lane_folder=$1
    shift
    lane_out=build/check/$LANE.ctest
    # A pipe would hide the exit status of ctest, so the status goes into what it prints.
    { ctest --test-dir "$lane_folder" --output-on-failure -j "$jobs" "$@" 2>&1; echo "ctest exit status $?"; } | tee "$lane_out"
    lane_counts=$(awk '
        /^ *[0-9]+\/[0-9]+ Test +#[0-9]+: / {
            if (/ Passed +[0-9.]+ sec/) passed++
            else if (/\*\*\*Skipped/) skipped++
            else failed++
        }
        /^ctest exit status / { status = $4 }
        END {
            if (status != 0 && failed == 0) failed = 1 # ctest itself failed
            if (passed + failed + skipped == 0) failed = 1
            print passed + 0, failed + 0, skipped + 0
        }' "$lane_out")
    set -- $lane_counts
    passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
    lane_skips "$lane_folder"
}

# Prints "test" or "test/part" of everything that the last ctest in folder $1 skipped.
lane_skipped() {
    sed -n 's/^ *[0-9]*\/[0-9]* Test *#[0-9]*: \([a-z0-9_]*\) .*\*\*\*Skipped.*/\1/p' "$lane_out"
    awk '/^[0-9]+\/[0-9]+ Test: / { test = $3 }
         /^\[  SKIPPED \] [a-z0-9_]+$/ { if (!seen[test "/" $4]++) print test "/" $4 }' "$1/Testing/Temporary/LastTest.log"
}

# Prints the conditions of tests/skips.txt that hold here.
lane_conditions() {
    echo "always lane=$LANE"
    [ -d "${DUET_DATA:-../shared/data}" ] || echo no-data
    git rev-parse --git-dir >/dev/null 2>&1 || echo no-git
    python3 -c 'import numpy, safetensors' 2>/dev/null || echo no-safetensors
}

lane_skips() {
    lane_holds=" $(echo $(lane_conditions)) "
    for lane_test in $(lane_skipped "$1"); do
        lane_reason=$(awk -v test="$lane_test" -v holds="$lane_holds" '
            !/^#/ && $1 == test && index(holds, " " $2 " ") { sub(/^[^ ]+ +[^ ]+ +/, ""); print; exit }' tests/skips.txt)
        if [ -n "$lane_reason" ]; then
            echo "$LANE: '$lane_test' is skipped: $lane_reason"
        else
            echo "$LANE: '$lane_test' was skipped, and tests/skips.txt has no line that allows it here ($lane_holds)"
            failed=$((failed + 1))
        fi
    done
}
