#!/bin/sh
# The first two commands of README.md: the model in models/ draws clothes, and its head, of the same weights, names them.
. "$2/tests/cli/common.sh"

model=$source/models/fashion-mnist.safetensors
ok sample "$model" --sampler ddim:steps=2 --count 2 --seed 7 --out clothes/
exists clothes/000000.png clothes/000001.png
ok classify "$model" clothes
says '000000.png' '000001.png' '%'
finish
