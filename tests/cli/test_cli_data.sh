#!/bin/sh
# duet data check: what of a published set is there; options of layouts; classes in the names of files.
. "$2/tests/cli/common.sh"

# picture FILE BYTE: 2 x 2, read by its content
picture() {
    (printf 'P6 2 2 255\n'; printf "$2%.0s" 1 2 3 4 5 6 7 8 9 10 11 12) >"$1"
}

mkdir -p pet/images pet/annotations
printf 'Abyssinian_100 1 1 1\nbeagle_1 2 2 1\nbeagle_2 2 2 1\npug_1 3 2 2\n' >pet/annotations/trainval.txt
printf 'beagle_3 2 2 1\n' >pet/annotations/test.txt
picture pet/images/Abyssinian_100.jpg a
picture pet/images/beagle_1.jpg b
picture pet/images/beagle_3.jpg c
picture pet/images/pug_1.jpg d

go data check pet
[ "$code" -eq 1 ] || fail "an incomplete set ended with $code"
says 'pet: Oxford-IIIT Pets, layout pets' 'train         3 of     3680 images, 3 of 37 classes' \
    "missing 1, such as 'images/beagle_2.jpg'" 'test          1 of     3669 images' 'mean-per-class accuracy'
grep -qF "'pet' is incomplete: images missing 1, not readable 0" "$top/err" || fail "not told what is missing: $(cat "$top/err")"
go data check pet --json
[ "$code" -eq 1 ] || fail "an incomplete set with --json ended with $code"
object layout=pets official splits.train.images=3 splits.train.expected=3680 splits.train.missing=1 \
    splits.train.examples.0=images/beagle_2.jpg splits.test.classes=1 decoded=false complete=false expected_classes=37
printf 'P6 2 2 255\n' >pet/images/beagle_3.jpg
go data check pet --decode
[ "$code" -eq 1 ] || fail "a set with a broken image ended with $code"
says '1 cannot be read:' 'pet/images/beagle_3.jpg'
go data check pet --decode --json
object decoded=true splits.test.unreadable=1 splits.test.reasons.0 splits.train.unreadable=0
ok data info pets:label=species:pet
says '2 classes: cat, dog'
wrong 2 "no data set; use 'duet data check DATA'" data check
wrong 1 "'label' in layout 'pets' must be one of breed|species" data info pets:label=wing:pet
wrong 1 'it takes label' data info pets:box=1:pet
wrong 1 "no file or folder 'nothing'" data check nothing
rm pet/images/*.jpg
wrong 1 'nor one of the others that its lists name (5 images)' data check pet

# a set that is not known is complete when nothing was left out
mkdir -p plain/cat plain/dog flat
picture plain/cat/1.ppm a
picture plain/dog/1.ppm b
ok data check plain --decode
says 'no published set that is known, layout image_folder' 'train         2 images, 2 classes' 'complete; all images can be read'
ok data check plain --json
object official=null measure=null complete=true
printf 'GIF89a' >plain/dog/2.gif
go data check plain
[ "$code" -eq 1 ] || fail "a set with images left out ended with $code"
ok data check "$data"

for i in 1 2; do
    picture "flat/cat_$i.ppm" a
    picture "flat/dog_$i.ppm" b
done
ok data info flat
says 'no labels' "words before '_'"
ok data info prefix_folder:flat
says '2 classes: cat, dog'
finish
