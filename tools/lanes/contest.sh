# duet compare as a whole: 20 seconds a learner, each must learn; a comparison that is stopped goes on; a folder without a test split.
. tools/lanes/common.sh
lane_packages
lane_build release build/release
sh tests/contest.sh build/release/duet
if [ $? -eq 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
lane_end
