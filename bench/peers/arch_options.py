# SPDX-License-Identifier: MIT
"""Options of an architecture as a model's card writes them (key=value,key=value), read by their keys: type and default of each are
those that `duet help arch --json` tells. Needs Python alone."""
import json
import subprocess
from dataclasses import fields


def ask_table(duet):
    """{arch: {key: (type, default as text)}} of the program."""
    said = json.loads(subprocess.run([duet, "help", "arch", "--json"], check=True, capture_output=True, text=True).stdout)
    family = next(f for f in said["families"] if f["name"] == "arch")
    return {m["name"]: {p["name"]: (p["type"], p["default"]) for p in m["parameters"]} for m in family["members"]}


def value_of(kind, text):
    """kind: int, float, bool, text or ints; numbers of a list stand between '/' in a card and between ',' in the table."""
    if kind == "ints":
        return tuple(int(v) for v in text.replace(",", "/").split("/") if v)
    if kind == "bool":
        return {"true": True, "false": False}[text]
    return {"int": int, "float": float, "text": str}[kind](text)


def read_options(arch, text, table, config):
    """{key: value} for the fields of `config`, a data class with the options that the peer builds. A key that the card leaves out has
    its default. A key that `config` lacks does not matter while it has its default; else it is refused by name."""
    if arch != "adm_unet":
        raise ValueError(f"the peer has no architecture '{arch}'; it has adm_unet")
    known, built = table[arch], {f.name for f in fields(config)}
    values = {key: value_of(*entry) for key, entry in known.items()}
    for pair in filter(None, text.split(",")):
        key, _, value = pair.partition("=")
        if key not in known:
            raise ValueError(f"the card has an option '{key}' of {arch}, which this duet does not know")
        values[key] = value_of(known[key][0], value)
    for key in known.keys() - built:
        if values[key] != value_of(*known[key]):
            raise ValueError(f"the peer does not build '{key}' of {arch}, which is '{values[key]}' here; add it to tests/oracle/adm_unet.py")
    return {key: value for key, value in values.items() if key in built}


def left_out(arch, table, config):
    """Options of the program that the peer does not build."""
    return sorted(table[arch].keys() - {f.name for f in fields(config)})
