#!/bin/sh
# Tables, figures and pictures of the documentation are what docs/data says, and docs/data says what made them.
source=$2
sh "$source/docs/make" --check
