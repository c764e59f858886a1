# All tests of the release build, clang 14.
. tools/lanes/common.sh
lane_packages
lane_build clang build/clang -DCMAKE_C_COMPILER=clang-14
lane_ctest build/clang
lane_end
