#!/bin/sh
# duet edit: holes, restoration, variations, ways between pictures; what is refused leaves nothing behind.
. "$2/tests/cli/common.sh"

tiny_run run
model=run/model-00000004.safetensors
[ -s $model ] || model=$(ls run/model-*.safetensors | tail -1)
fast='--sampler ddpm:steps=4'
ok sample $model $fast --count 2 --seed 3 --out pics --format folder
a=pics/000000.png
b=pics/000001.png
# rows 4 to 11 are white; a picture of another size, and one without white
stripe() { printf 'P5\n16 %d\n255\n' "$1"; i=0; while [ $i -lt "$1" ]; do [ $i -ge 4 ] && [ $i -lt "$2" ] && printf '\377%.0s' 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 || printf '\001%.0s' 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; i=$((i + 1)); done; }
stripe 16 12 >mask.pgm
stripe 20 12 >tall.pgm
stripe 16 0 >empty.pgm

# holes: what is known comes back as it was, and the seed decides the rest
ok edit $model $a --mask mask.pgm --answers 1 $fast --out one.png --json
object command=edit kind=inpainting pictures=1 answers=1 again=2 residual model_hash
ok edit $model $a --mask mask.pgm --answers 1 $fast --out two.png --batch 1
cmp one.png two.png || fail 'the same command gives another picture'
ok edit $model $a --mask mask.pgm --answers 1 $fast --seed 1 --out two.png
cmp -s one.png two.png && fail 'the seed changes nothing'
ok edit $model $a $b --mask mask.pgm --answers 3 $fast --out many.png --strip strip.png
exists many.png strip.png
ok info many.png --json
object picture.format=png picture.width picture.height

# restoration: pictures that were made small by another program, or by --degrade
ok edit $model $a --operator downsample:factor=4+grey --degrade --answers 2 $fast --json --out x.png
object kind=restoration operator=downsample:factor=4+grey psnr plain_psnr residual
ok edit $model --data "$data" --pictures 3 --operator blur:sigma=1 --answers 1 $fast --json --strip s.png
object pictures=3 psnr
ok edit $model mask.pgm --operator grey --answers 1 $fast --out coloured.png
ok edit $model $a --outpaint 3 --convert --answers 1 $fast --out wide.png --json
object kind=inpainting

# variations, ways, and the report
ok edit $model $a --vary 0.5 --answers 2 $fast --out v.png --walk v.gif --json
object kind=variation vary=0.5
head -c 6 v.gif | grep -q GIF89a || fail 'the way of the variations is no GIF'
ok edit $model $a --interpolate $b --frames 3 --out way.png --walk way.apng --json
exists way.apng
object kind=interpolation answers=3
ok edit run $a --mask mask.pgm --answers 2 $fast --json
object strip=strip.png columns.0=before columns.5=spread
exists run/edit-001/strip.png run/edit-001/result.json
grep -q 'Edited pictures' run/report.html || fail 'the report does not show the edit'

# a network that enlarges small pictures: trained by one command
ok train --data "$data" --arch "$arch,small_size=4" --steps 3 --batch 4 --threads 1 --out upsampler
printf 'P6\n4 4\n255\n' >small.ppm
printf '%.0s\377\020\200' 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 >>small.ppm
ok edit upsampler small.ppm $fast --answers 2 --json
object kind=upsampling strip=strip.png columns.0=known columns.4=spread
ok edit upsampler $a --degrade $fast --answers 1 --json --out large.png --plain plain.png
object kind=upsampling psnr plain_psnr
ok edit upsampler small.ppm --operator downsample:factor=4 $fast --answers 1 --out exact.png --json
cmp -s exact.png large.png && fail 'the small picture changes nothing'
wrong 1 'duet edit MODEL small.png' sample upsampler $fast --count 1 --out no.png
wrong 1 'no other operators go with it' edit upsampler small.ppm --operator blur --out no.png
wrong 1 '16 pixels, and 4 x 4 are needed' edit upsampler $a $fast --out no.png

# models with codes: what they make of a picture
ok train --data "$data" --task vae --arch vae:channels=8,latents=4,channel_mult=1/2 --steps 3 --batch 4 --threads 1 --out vae
ok edit vae $a $b --out again.npz --json
object kind=reconstruction pictures=2 answers=1 psnr strip=strip.png columns.0=before columns.1=answer
ok edit vae $a $b --seed 7 --out other.npz
cmp again.npz other.npz || fail 'a reconstruction depends on the seed'
ok edit vae --data "$data" --pictures 3 --plain same.npz --out codes.npz --json
object kind=reconstruction pictures=3 psnr

# what is refused
wrong 1 'they must be alike' edit $model $a --mask tall.pgm --out no.png
wrong 1 'nothing to fill' edit $model $a --mask empty.pgm --out no.png
wrong 1 'is grey, and one in colour is needed' edit $model mask.pgm --vary 0.5 --out no.png
wrong 1 '20 pixels, and 16 x 16 are needed; --convert' edit $model tall.pgm --vary 0.5 --out no.png
wrong 1 '--degrade puts whole pictures' edit $model $a --operator downsample:factor=2 --out no.png
wrong 1 'a factor that divides 16 can' edit $model $a --operator downsample:factor=3 --degrade --out no.png
wrong 1 "did you mean 'blur'" edit $model $a --operator blurr --out no.png
wrong 1 'nothing is to be changed' edit $model $a --out no.png
wrong 1 'mix pixels' edit $model $a --mask mask.pgm --operator blur --out no.png
wrong 1 'leaves nothing of 16 pixels' edit $model $a --outpaint 8 --out no.png
wrong 1 'cannot read' edit $model none.png --vary 0.5 --out no.png
wrong 1 'longer than the 4 steps' edit $model $a --mask mask.pgm $fast --again 1 --jump 9 --out no.png
wrong 2 'no picture' edit $model --vary 0.5
wrong 2 'given twice' edit $model $a --vary 0.5 --out w.png --walk w.png
wrong 2 'leave the others out' edit $model $a --interpolate $b --vary 0.5
wrong 2 '--degrade needs --operator' edit $model $a --degrade
wrong 2 'both what is unknown' edit $model $a --mask mask.pgm --outpaint 2
[ ! -e no.png ] || fail 'a refused edit left a picture'

finish
