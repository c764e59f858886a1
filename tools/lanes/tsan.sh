# The thread sanitizer over the tests in which threads of duet run: the workers of the loader, and what is built on it.
# Left out: test_train, whose last part trains for 15 minutes with instrumented kernels.
# Loops of OpenMP are off in this build, since its library is not instrumented; those of OpenBLAS and oneDNN have one thread.
. tools/lanes/common.sh
tests='test_loader|test_packed|test_view|test_dataset|test_dataset_files|test_features|test_reader|test_study'
lane_packages
lane_targets=$(echo "$tests" | tr '|' ' ')
lane_build tsan build/tsan "$(lane_avx512)"
export OMP_THREAD_LIMIT=1 TSAN_OPTIONS="halt_on_error=1 second_deadlock_stack=1"
lane_ctest build/tsan -R "^($tests)\$"
lane_end
