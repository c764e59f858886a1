#!/bin/sh
# An own model in PyTorch's and numpy's formats keeps its card, and opens the same; without the card flags as guided-diffusion has them
# draw the same picture; third-party files, where they are at hand, open, draw and are exported.
. "$2/tests/cli/common.sh"

tiny_run run
ok export run --dtype f32 --out own.safetensors
ok sample run --sampler ddim:steps=3 --count 2 --seed 5 --out images.npz # a png names its model
flags="--image_size 16 --norm_groups 4 --num_head_channels 8 --noise_schedule linear --diffusion_steps 1000 --use_fp16 True --attention_resolutions 8"
for ending in pt npz; do
    ok export run --dtype f32 --out "with.$ending"
    ok info "with.$ending"
    says adm_unet 'norm_groups=4' 'image_size=16' 'trained on'
    if grep -q assumed "$top/out"; then fail "with.$ending: something is assumed"; fi
    ok sample "with.$ending" --sampler ddim:steps=3 --count 2 --seed 5 --out images-again.npz
    cmp -s images.npz images-again.npz || fail "with.$ending draws another picture"
    rm -f images-again.npz
    wrong 1 'flags of a network are for files of other programs' info "with.$ending" --num_heads 2
    LC_ALL=C sed 's/duet\.card/duet.none/g' "with.$ending" >"own.$ending" # the same without its card
    ok info "own.$ending"
    says 'norm_groups (8)' 'use_new_attention_order' 'timesteps (not rescaled)' 'colours (-1 to 1)'
    ok info "own.$ending" $flags
    says adm_unet 'assumed' 'norm_groups=4' 'image_size=16'
    ok info "own.$ending" $flags --json
    object arch assumed foreign taps
    ok sample "own.$ending" $flags --sampler ddim:steps=3 --count 2 --seed 5 --out "$ending.png"
    ok export "own.$ending" $flags --dtype f32 --out "$ending.safetensors"
    ok sample "$ending.safetensors" --sampler ddim:steps=3 --count 2 --seed 5 --out "$ending.safetensors.png"
    ok features own.safetensors --data "$data" --t 5 --tap 3 --pool 1 --out rows.npz
    ok features "$ending.safetensors" --data "$data" --t 5 --tap 3 --pool 1 --out again.npz
    cmp -s rows.npz again.npz || fail "features of own.safetensors and of $ending.safetensors are not the same"
    rm -f rows.npz again.npz
done
wrong 1 'give --num_channels 8' info own.pt --num_channels 16
wrong 1 "no flag '--base_channels'" info own.pt --base_channels 16
wrong 2 "did you mean '--batch'" info own.pt --bach 16
wrong 1 'flags of a network are for files of other programs' info own.safetensors --num_heads 2
golden=$source/tests/golden
ok info "$golden/vit_torchvision.pt"
says vit 'patch=8' '5 classes' 'ImageNet' 'say otherwise by --heads'
says 'features    tap 3, pool 1: 32 numbers'
ok features "$golden/vit_torchvision.pt" --data "$data" --out own.npz
says 'x 32 (clean images, tap 3, pool 1)'
for way in torch tensorflow clean; do
    ok features "$golden/vit_torchvision.pt" --data "$data" --reader "model:resize=$way" --out "$way.npz"
    cmp -s own.npz "$way.npz" && fail "resize=$way changes nothing"
done
ok features "$golden/vit_torchvision.pt" --data "$data" --setting tap=2,pool=3,channels=5 --out channels.npz
says 'x 45 (clean images, tap 2, pool 3, first 5 channels)'
rm -f own.npz torch.npz tensorflow.npz clean.npz channels.npz
ok info "$golden/vit_torchvision.pt" --heads 2
says 'heads=2'
ok classify "$golden/vit_timm.pt" "$golden/images/"*.png
says 'class '
ok export "$golden/vit_torchvision.pt" --dtype f32 --out vit.safetensors
ok classify "$golden/vit_torchvision.pt" "$golden/images/"*.png
cp "$top/out" first
ok classify vit.safetensors "$golden/images/"*.png
cmp -s first "$top/out" || fail "the exported transformer answers otherwise"
ok probe vit.safetensors --data "$data" --tap 3 --pool 1 --seeds 1 --no-baselines --neighbours 0
wrong 2 'give images, or --data' classify vit.safetensors
wrong 1 'no classifier of its own' classify own.safetensors --data "$data"
wrong 1 'recognises images and cannot generate them' train --data "$data" --arch resnet:image_size=16,small=true,blocks=1/1 --steps 1 --out never
printf '\200\002cos\nsystem\nX\002\000\000\000id\205R.' >evil.pt
wrong 1 "a pickle, but not of PyTorch's tensors" info evil.pt
head -c 3000 "$golden/vit_timm.pt" >cut.pt
wrong 1 'damaged or cut-off zip archive' info cut.pt
wrong 1 "PyTorch's .pt and .pth" info cut.pt
ok features own.safetensors --data "$data" --t 5 --tap 3 --pool 1 --out rows.npz
wrong 1 'no known architecture has them' sample rows.npz

weights=${DUET_DATA:-$source/../shared/data}/weights
if [ -d "$weights" ]; then
    for name in ddpm_fashion ddpm_mnist; do
        ok info "$weights/$name.pt"
        says ddpm_little 'image_size=28' 'assumed' 'b_mid'
        ok sample "$weights/$name.pt" --sampler ddim:steps=2 --count 2 --seed 1 --out "$name.png"
        ok export "$weights/$name.pt" --dtype f32 --out "$name.safetensors"
        ok info "$name.safetensors"
        says ddpm_little
    done
    resnet=$weights/resnet20-12fca82f.th
    ok info "$resnet"
    says resnet 'blocks=3/3/3' '10 classes' 'assumed'
    wrong 1 'recognises images and cannot generate them' sample "$resnet" --count 1 --out none.png
    case ${LANE:-gcc} in
    dev | coverage) ;; # 10,000 images take minutes there
    *)
        if [ -d "$weights/../cifar10" ]; then
            ok classify "$resnet" --data "$weights/../cifar10" --json # README of the weights: 81.0 %
            object top1 top5 rows
            grep -q '"top1": 8[01]\.' "$top/out" || fail "ResNet-20 reaches something else: $(cat "$top/out")"
        fi
        ;;
    esac
    if [ -d "$weights/../mnist" ]; then # 32 training images a class tell digits apart far better than chance
        ok sweep ddpm_mnist.safetensors --data "$weights/../mnist" --t 10 --tap 2 --pool 4 --rows 320 --no-baselines
        grep -q 'pool 4: [789][0-9]' "$top/out" || fail "digits are not told apart: $(head -2 "$top/out")"
        ok info ddpm_mnist.safetensors
        says 'tap 2'
    fi
else
    echo "no third-party weights at '$weights': their part is left out"
fi
finish
