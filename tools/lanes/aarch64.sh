# Cross build for 64-bit ARM; unit and conformance tests under qemu.
# Left out: the scripts of tests/cli and tests/rules, since they start the program themselves, which this machine's kernel cannot, and
# what takes minutes under emulation: trainings, all kernels in all their cases, and readers that are the same code everywhere.
. tools/lanes/common.sh
lane_packages
tools/sysroot.sh build/aarch64 arm64 aarch64-linux-gnu libc6-dev libgomp1 $DUET_LIBRARIES >build/check/aarch64.sysroot 2>&1 || {
    cat build/check/aarch64.sysroot
    echo "aarch64: skipped, the libraries of the other architecture cannot be had here"
    skipped=1
    lane_end
}
lane_build aarch64 build/aarch64/build
lane_ctest build/aarch64/build -R '^test_' -E '^test_(cli_.*|rules_.*|op|op_grad|train|init|auto|consistency|edit|rivals|stop|tasks|classify|denoise|recipe|meters|sampler_order|gauss|find_settings|foreign|npz|torch|real_sets|left_out|archive_cut|study|head|joint|probe_labels)$'
lane_end
