# All tests with the address and the undefined-behaviour sanitizer, the corpora of tests/fuzz among them.
. tools/lanes/common.sh
lane_packages
lane_build dev build/dev "$(lane_avx512)"
lane_ctest build/dev -E "^test_rules_" # they look at the source, which is the same in lane gcc
lane_end
