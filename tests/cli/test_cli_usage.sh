#!/bin/sh
# Wrong command lines: exit code 2, or 1 where the words are fine but the thing is impossible; one line that says what is
# wrong and what to do; nothing half-written.
. "$2/tests/cli/common.sh"

tiny_run run
t="train --data $data --arch $arch --steps 4 --batch 8 --threads 1"

wrong 2 "did you mean 'train'" trian
wrong 2 "'duet help' lists" frobnicate
wrong 2 'a command comes first' --steps 3 train
wrong 2 "did you mean '--count'" sample run --cuont 3
wrong 2 "did you mean '--save-minutes'" train --save-minute 3
wrong 2 "flags start with '--'" sample run -n 3
wrong 2 'no model' sample
wrong 2 'give images, or --data' classify run
wrong 2 'an argument is empty' info ''
wrong 2 "unexpected argument 'extra'" $t extra
wrong 2 "'--data' needs a value" train --steps 4 --data
wrong 2 'no data set' train
wrong 2 'no budget' train --data "$data"
wrong 2 "'--steps' must be a whole number" train --data "$data" --steps x
wrong 2 "'--steps' must be between 0 and 1000000000000, got '99999999999999999999'" train --data "$data" --steps 99999999999999999999
wrong 2 "'--steps' must be a whole number" train --data "$data" --steps 1.5
wrong 2 "'--steps' must be" train --data "$data" --steps=-4
wrong 2 "'--minutes' must be a number" train --data "$data" --minutes nan
wrong 2 "'--batch' must be between 1" $t --batch 0
wrong 2 'must be one of stop|skip' $t --on-bad perhaps
wrong 2 "'--exact' must be true or false" $t --exact=perhaps
wrong 2 "'--threads'" $t --threads 5000
wrong 2 "'--t' must be whole numbers" sweep run --data "$data" --t 5,x
wrong 2 'no data set' features run
wrong 2 '--out f.npz' features run --data "$data"
wrong 2 'no data set' sweep run
wrong 2 'no data set' probe run
wrong 2 "unknown action 'lst'" data lst
wrong 2 'no data set' data info
wrong 2 "'--rows' must be a whole number, got 'few'; 'all' takes all" sweep run --data "$data" --rows few
wrong 2 "'--rows' must be between 10 and 1000000000, got '3'" sweep run --data "$data" --rows 3
wrong 2 "'--seed' must be between 0 and 18446744073709551615, got '-1'" sweep run --data "$data" --seed -1
wrong 2 '.npz .npy .safetensors' features run --data "$data" --t 5 --tap 3 --pool 2 --out f.txt
wrong 2 '.png .npz' sample run --out x.jpg

# specs
wrong 1 "did you mean 'num_channels'" train --data "$data" --steps 4 --arch adm_unet:num_chanels=3
wrong 1 'norm_groups 32 does not divide' train --data "$data" --steps 4 --arch adm_unet:num_channels=7
wrong 1 "no arch 'swin'" train --data "$data" --steps 4 --arch swin
wrong 1 'channel_mult has 9 levels' train --data "$data" --steps 4 --arch adm_unet:channel_mult=1/2/2/2/2/2/2/2/2
wrong 1 'between 4 and 4096' train --data "$data" --steps 4 --arch adm_unet:num_channels=99999
wrong 1 'cannot be halved' train --data "$data" --steps 4 --size 30
wrong 1 "no noise 'cosinus'" train --data "$data" --steps 4 --noise cosinus
wrong 1 "did you mean 'cosine'" $t --lr cosin
wrong 1 "'rate' in optim 'adamw' must be a number" $t --optim adamw:rate=x
wrong 1 "did you mean 'crop'" $t --augment flip+crp
wrong 1 "did you mean 'ddim'" sample run --sampler dim
wrong 1 "did you mean 'eta'" sample run --sampler ddim:etaa=1
wrong 1 'nowhere' sample run --sampler ddim:steps=1 --data nowhere
wrong 1 '5000 sampling steps' sample run --sampler ddim:steps=5000
wrong 1 "did you mean 'linear'" probe run --data "$data" --t 5 --tap 3 --pool 2 --head linar
wrong 1 "did you mean 'size'" data info synth:sise=8
wrong 1 "did you mean 'synth'" data info synt

# settings the model does not have
f="features run --data $data --out f.npz"
wrong 1 'no recommended setting' $f
wrong 1 'noise are 0 to 999' $f --t 5000 --tap 3 --pool 2
wrong 1 'taps 1 to 9' $f --t 5 --tap 55 --pool 2
wrong 1 'larger than the map of tap 3, which is 8 x 8' $f --t 5 --tap 3 --pool 9
wrong 2 'must be one of train|val|test' $f --t 5 --tap 3 --pool 2 --split tset
wrong 1 "no split 'val'" $f --t 5 --tap 3 --pool 2 --split val
wrong 1 'taps 1 to 9' sweep run --data "$data" --tap 3,99
wrong 1 'larger than the map of every tap' sweep run --data "$data" --pool 50
wrong 1 'noise are 0 to 999' sweep run --data "$data" --t 5000
wrong 1 'give --t' sweep run --data "$data" --t ''
wrong 1 'taps 1 to 9' probe run --data "$data" --t 5 --tap 77 --pool 2
wrong 1 'larger than the map of tap 3' probe run --data "$data" --t 5 --tap 3 --pool 40
wrong 1 'noise are 0 to 999' probe run --data "$data" --t 7000 --tap 3 --pool 2
wrong 1 'taps 1 to 9' info run --plan --tap 99
finish
