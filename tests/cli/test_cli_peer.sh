#!/bin/sh
# The network that bench/compare.py holds against duet builds every option of adm_unet; where Python has PyTorch (DUET_PYTHON, python3)
# and duet-bench is built, its values are compared too (tools/parity/peer.py).
. "$2/tests/cli/common.sh"

build=$(dirname "$duet")
python=${DUET_PYTHON:-python3}
ok help arch adm_unet --json
names=$(sed -n '/"parameters"/,$s/^ *"name": "\([a-z_]*\)",*$/\1/p' "$top/out")
[ "$(echo "$names" | wc -w)" -ge 20 ] || fail "duet help arch adm_unet --json has fewer options than expected: $names"
for name in $names; do
    grep -q "^    $name: " "$source/tests/oracle/adm_unet.py" || fail "tests/oracle/adm_unet.py does not build the option '$name' of adm_unet"
done
if ! [ -x "$build/duet-bench" ] || ! "$python" -c 'import torch, safetensors' 2>/dev/null; then
    echo "values are not compared: needs PyTorch, safetensors and duet-bench"
    finish
fi
PYTHONPYCACHEPREFIX=$top/cache
export PYTHONPYCACHEPREFIX
checked=$((checked + 1))
"$python" "$source/tools/parity/peer.py" "$build" || fail 'tools/parity/peer.py'
finish
