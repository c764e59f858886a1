# All tests with the address and the undefined-behaviour sanitizer, the corpora of tests/fuzz among them.
. tools/lanes/common.sh
lane_packages
lane_build dev build/dev "$(lane_avx512)"
# Left out, since lane gcc has them: those that look at the source or run what pages say, texts of help, and the installation.
lane_ctest build/dev -E "^test_(rules_.*|cli_docs|cli_docs_help|cli_install)\$"
lane_end
