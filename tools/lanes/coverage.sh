# Lines that the tests execute, counted by gcov, a table per folder of src/; below a floor of tests/coverage_floor.txt fails.
. tools/lanes/common.sh
folder=build/coverage
lane_packages
lane_build coverage $folder "$(lane_avx512)" # kernels that cannot run here do not count
find $folder -name '*.gcda' -exec rm -f {} +
# Left out: test_cli_install links a program without gcov, test_cli_output lets files be at most a few KiB large, gcov's too.
lane_ctest $folder -E "^test_(rules_.*|cli_docs_help|cli_install|cli_output)\$"

gcovr --root . --filter src/ --gcov-ignore-parse-errors -j "$jobs" --csv build/check/coverage.csv $folder >build/check/coverage.gcovr 2>&1 || {
    cat build/check/coverage.gcovr
    lane_stop "gcovr failed"
}
awk -f tools/lanes/coverage.awk tests/coverage_floor.txt build/check/coverage.csv
if [ $? -eq 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
lane_end
