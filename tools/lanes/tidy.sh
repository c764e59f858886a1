# Static analysis of src/ by clang-tidy 14 with the checks of .clang-tidy: every finding fails.
. tools/lanes/common.sh
lane_packages
folder=build/tidy
cmake --preset clang -B $folder -DCMAKE_C_COMPILER=clang-14 -DCMAKE_EXPORT_COMPILE_COMMANDS=ON >build/check/tidy.configure 2>&1 || {
    cat build/check/tidy.configure
    lane_stop "the configuration failed"
}
# A file is analysed once: of the kernels, which are compiled for each instruction set and storage, AVX2 with f32.
mkdir -p $folder/once
awk -v list=$folder/once/files '
    /^[{]/ { entry = $0; file = ""; next }
    /^[}]/ {
        if (file ~ /\/src\// && entry !~ /DUET_STORE_BF16|DUET_ISA_(base|avx512)=/) {
            all = all (all == "" ? "" : ",\n") entry "\n}"
            print file >list
        }
    }
    /^  "file"/ { file = $2; gsub(/"/, "", file) }
    { entry = entry "\n" $0 }
    END { printf "[\n%s\n]\n", all }' $folder/compile_commands.json >$folder/once/compile_commands.json

# The slowest first, so that no processor waits for one at the end: by size.
rm -rf $folder/found
mkdir -p $folder/found
ls -S $(cat $folder/once/files) | xargs -P "$jobs" -I '{}' sh -c '
    case $1 in
    */base/error.c | */base/system.c | */cli/term.c) set -- "$1" ;; # they define what analyse.h redefines
    */src/cli/*) set -- "$1" --extra-arg-before=-DDUET_ANALYSE_CLI --extra-arg-before=-include"$PWD"/tools/lanes/analyse.h ;;
    *) set -- "$1" --extra-arg-before=-include"$PWD"/tools/lanes/analyse.h ;;
    esac
    name=$(basename "$1")
    clang-tidy-14 -p "$0/once" --quiet "$@" >"$0/found/$name" 2>"$0/found/$name.errors" || echo "$1" >>"$0/found/failed"
' $folder '{}'
total=$(wc -l <$folder/once/files)
failed=$( [ -f $folder/found/failed ] && wc -l <$folder/found/failed || echo 0)
passed=$((total - failed))
[ "$failed" -eq 0 ] || for file in $(cat $folder/found/failed); do
    cat "$folder/found/$(basename "$file")"
    grep 'error' "$folder/found/$(basename "$file").errors"
done
[ "$total" -gt 0 ] || lane_stop "no file was analysed"
lane_end
