# SPDX-License-Identifier: MIT
# Command lines of the documentation, each as
#   file:line TAB the command as it stands TAB the same with budgets cut and placeholders filled in
# From Markdown: lines of fenced blocks, and `code` that starts like a command. From pages of `duet help` (files named *.help): lines
# that start with "duet". From headers (*.h): `duet …` in comments. From CSV files: the column "command"; several stand between "; ".
# Two commands in one line stand two blanks or more apart, and so does an explanation behind a command.
# Variables: data, arch: a tiny data set and network. Needs docs/csv.awk.

function is_command(word) {
    return word ~ /^(duet|duet-bench|cmake|ctest|ninja|cc|echo|export|python3|PKG_CONFIG_PATH=.*)$/ ||
           word ~ /^(\.|build|tools|tests|bench|docs)\/[A-Za-z0-9_.\/-]*$/ && word !~ /\/$/ && word !~ /\.(md|txt|c|h|csv|def|png)$/
}

function emit(text) {
    sub(/[ \t]+#.*$/, "", text)
    gsub(/^[ \t]+|[ \t]+$/, "", text)
    if (kind == "csv" && emitted[FILENAME, text]++) return
    if (text != "") print FILENAME ":" FNR "\t" text "\t" shrink(text)
}

# Pieces of a line of a block.
function block_line(text,   parts, count, i) {
    gsub(/^[ \t*]+/, "", text)
    count = split(text, parts, /   *#?/)
    for (i = 1; i <= count; i++)
        if (is_command(first_word(parts[i])) && (i == 1 || parts[i] ~ /^duet [a-z]+ /)) emit(parts[i])
}

# A path alone in running text is a mention, not a command.
function inline_code(text,   code) {
    while (match(text, /`[^`]+`/)) {
        code = substr(text, RSTART + 1, RLENGTH - 2)
        text = substr(text, RSTART + RLENGTH)
        if (code ~ / / && is_command(first_word(code))) emit(code)
    }
}

function first_word(text) {
    sub(/ .*/, "", text)
    return text
}

# ---- what is run ----

function shrink(text,   parts, count, i, all) {
    gsub(/<[a-z ]+>/, "ddim", text) # duet help <name>
    if (text !~ /^(build\/[a-z]+\/)?duet / || text ~ /[|;&]/) {
        gsub(/network=[a-z0-9-]+/, "network=fashion-mnist", text)
        gsub(/tap=[0-9]+/, "tap=3", text)
        gsub(/mutate [0-9]+/, "mutate 10", text)
        return text
    }
    gsub(/\[[^]]*\]/, "", text)
    gsub(/…/, "", text)
    sub(/^build\/[a-z]+\//, "", text)
    count = split(text, parts, / +/)
    sub(/,$/, "", parts[2])
    if (parts[2] == "help" || parts[2] ~ /^-/) return text
    split("", given)
    places = ""
    all = ""
    for (i = 3; i <= count; i++)
        if (parts[i] ~ /^--(data|tune)$/) given[parts[i]] = 1
    for (i = 3; i <= count; i++) {
        if (parts[i] !~ /^--/) places = places " " place(parts[2], parts[i])
        else if (i < count && parts[i + 1] !~ /^--/ && parts[i] !~ /=/ && !is_flag(parts[i])) {
            all = all option(parts[i], parts[i + 1])
            i++
        } else all = all option(parts[i], "")
    }
    return "duet " parts[2] complete(parts[2]) all " --threads 1 --quiet"
}

function is_flag(name) { return name ~ /^--(plan|tensors|hash|fresh|list|tune|quick|json|quiet|exact|(no-)?(baselines|tuned|few))$/ }

function option(name, value) {
    if (name ~ /^--(minutes|images)$/) return ""
    given[name] = value == "" ? 1 : value
    if (name == "--steps") return ""
    if (name == "--data") value = data
    else if (name == "--resume" || (name == "--init" && value == "MODEL") || (name == "--reader" && value !~ /^(random|pixels)$/)) value = "run"
    else if (name == "--against" && value !~ /npz$/) value = data
    else if (name == "--count") value = 2
    else if (name == "--rows") value = 40
    else if (name == "--hold-out") value = 10
    else if (name == "--labels") value = "40"
    else if (name == "--tap") value = 3
    else if (name == "--pool") value = 2
    else if (name == "--batch") value = 2
    else if (name == "--size") value = 32
    else if (name == "--seconds") value = 0.01
    else if (name == "--networks" && given["--tune"]) return "" # all nodes of it would take long; complete() takes the run
    else if (name == "--networks") value = "fashion-mnist"
    else if (name == "--model") value = "run"
    else if (name == "--sampler") gsub(/steps=[0-9]+/, "steps=2", value)
    return " " name (value == "" ? "" : " " value)
}

function place(command, word) {
    if (command == "data" && word !~ /^(list|info|check|pack)$/) return data
    if (command == "eval" && word ~ /^(clothes|fashion-mnist|DATA|SAMPLES)$/) return data
    if (command == "classify" && word == "MODEL" && given["--data"]) return "tests/golden/vit_timm.pt" # with a classifier of its own
    if (command == "info" && word == "x.png") return "image.png"
    if (word ~ /^(RUN|MODEL|runs\/[A-Za-z0-9-]+)$/) return "run"
    if (word ~ /^FILE$|^(ddpm_[a-z]+|adm-256|ema_[0-9._]+|model[0-9]+)\.pt$/) return "foreign.pt"
    return word
}

# What a command needs beside what is written; words of `places` come first.
function complete(command,   more) {
    if (command == "train") {
        if (!given["--resume"]) more = more (given["--data"] ? "" : " --data " data) (given["--arch"] || given["--init"] || given["--task"] ~ /^(classify|vae)/ ? "" : " --arch " arch)
        return more (given["--resume"] ? " --steps 4" : " --steps 2") (given["--resume"] || given["--batch"] ? "" : " --batch 4")
    }
    if (command == "finetune") return (places == "" ? " run" : places) " --steps 2 --batch 4 --meter-minutes 0" (given["--data"] ? "" : " --data " data)
    if (command == "bench") {
        if (given["--tune"] && !given["--model"]) more = " --model run"
        if (!given["--list"] && !given["--networks"] && !given["--model"] && !given["--tune"]) more = " --networks fashion-mnist"
        if (!given["--list"] && !given["--tune"] && !given["--works"]) more = more " --works forward"
        if (given["--tune"] && !given["--seconds"]) more = more " --seconds 0.01"
        return more (given["--tune"] || given["--batch"] ? "" : " --batch 1") " --quick"
    }
    if (command ~ /^(sample|sweep|probe|classify|features|export|convert|info|report)$/ && places == "") places = " run"
    if (command == "classify" && !given["--data"] && places !~ / .* /) places = places " image.png"
    if (command == "data" && places == "") places = " list"
    if (command == "sample" && !given["--count"]) more = more " --count 2"
    if (command == "sample" && !given["--sampler"]) more = more " --sampler ddim:steps=2"
    if (command ~ /^(sweep|probe|features)$/ && !given["--data"]) more = more " --data " data
    if (command == "features" && !given["--out"]) more = more " --out rows.npz"
    if (command ~ /^(export|convert)$/ && !given["--out"]) more = more " --out again.safetensors"
    if (command ~ /^(sweep|probe|features)$/ && !given["--setting"] && !given["--t"]) more = more " --t 5"
    if (command ~ /^(sweep|probe|features)$/ && !given["--setting"] && !given["--tap"]) more = more " --tap 3"
    if (command ~ /^(sweep|probe|features)$/ && !given["--setting"] && !given["--pool"]) more = more " --pool 2"
    if (command ~ /^(sweep|probe)$/ && !given["--rows"] && !given["--labels"] && !given["--shots"]) more = more " --rows 40"
    if (command == "probe") more = more " --seeds 1 --no-baselines --neighbours 0"
    if (command == "sweep" && !given["--baselines"]) more = more " --no-baselines"
    return places more
}

# ---- files ----

FNR == 1 {
    kind = FILENAME
    sub(/.*\./, "", kind)
    fenced = 0
    commands = 0
    if (kind == "csv") for (i = csv_split($0, cells); i > 0; i--) if (cells[i] == "command") commands = i
}
kind == "md" && /^```/ { fenced = !fenced; language = substr($0, 4); next }
kind == "md" && fenced && language ~ /^(sh)?$/ { block_line($0); next }
kind == "md" && !fenced { inline_code($0) }
kind == "help" && /^ +duet / { block_line($0) }
kind == "h" && /`duet / { inline_code($0) }
kind == "csv" && FNR > 1 && commands {
    csv_split($0, cells)
    count = split(cells[commands], all_commands, /; /)
    for (i = 1; i <= count; i++) if (is_command(first_word(all_commands[i]))) emit(all_commands[i])
}
