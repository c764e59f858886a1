# All tests of the release build, clang 14.
. tools/lanes/common.sh
lane_packages
lane_build clang build/clang -DCMAKE_C_COMPILER=clang-14
lane_ctest build/clang -E "^test_(rules_.*|cli_docs|cli_docs_help)\$" # they look at the source and at pages, the same in lane gcc
lane_end
