# All tests of the release build, gcc.
. tools/lanes/common.sh
duet_install_packages
lane_build release build/release
lane_ctest build/release
lane_end
