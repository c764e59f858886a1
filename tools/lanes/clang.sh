# The tests of the release build, clang 14, but for those that start the program, which lanes gcc, dev and coverage run.
. tools/lanes/common.sh
lane_packages
lane_build clang build/clang -DCMAKE_C_COMPILER=clang-14
lane_ctest build/clang -E "^test_(rules_.*|cli_.*)\$"
lane_end
