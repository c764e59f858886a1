# SPDX-License-Identifier: MIT
# Redraws the tables of a page from CSV files; see docs/make. Variables: folder (of the CSV files). Between
#   <!-- table FILE.csv [COLUMN=VALUE | COLUMN!=VALUE] ...
#   lines that stay as they are, such as the head of a Markdown table
#   a line with {COLUMN}: once for each row of the file that fits
#   -->
# and <!-- end of table --> stands what these lines give. A VALUE has '_' for blanks.

function fits(cells,   i, parts, wanted, differs) {
    for (i = 1; i <= condition_count; i++) {
        differs = conditions[i] ~ /!=/
        split(conditions[i], parts, /!?=/)
        if (!(parts[1] in column)) die("no column '" parts[1] "' in '" path "'")
        wanted = parts[2]
        gsub(/_/, " ", wanted)
        if ((cells[column[parts[1]]] == wanted) == differs) return 0
    }
    return 1
}

function die(text) {
    printf "%s:%d: %s\n", FILENAME, FNR, text >"/dev/stderr"
    failed = 1
    exit 1
}

function fill(template, cells,   out, name) {
    while (match(template, /\{[a-z_0-9]+\}/)) {
        name = substr(template, RSTART + 1, RLENGTH - 2)
        if (!(name in column)) die("no column '" name "' in '" path "'")
        out = out substr(template, 1, RSTART - 1) cells[column[name]]
        template = substr(template, RSTART + RLENGTH)
    }
    return out template
}

function draw(template,   line, cells, names, n, i, drawn) {
    if (template !~ /\{[a-z_0-9]+\}/) {
        print template
        return
    }
    if ((getline line <path) <= 0) die("no rows in '" path "'")
    n = csv_split(line, names)
    split("", column)
    for (i = 1; i <= n; i++) column[names[i]] = i
    while ((getline line <path) > 0) {
        if (csv_split(line, cells) != n) die("'" path "' has a row with other than " n " cells: " line)
        if (fits(cells)) drawn += print_line(fill(template, cells))
    }
    close(path)
    if (!drawn) die("no row of '" path "' fits")
}

function print_line(text) {
    print text
    return 1
}

/^<!-- table / {
    if (reading) die("a table in a table")
    reading = 1
    print
    condition_count = split($0, conditions, / +/)
    path = folder "/" conditions[3]
    for (i = 4; i <= condition_count; i++) conditions[i - 3] = conditions[i]
    condition_count -= 3
    lines = 0
    next
}
reading == 1 {
    print
    if ($0 != "-->") {
        templates[++lines] = $0
        next
    }
    for (i = 1; i <= lines; i++) draw(templates[i])
    reading = 2
    next
}
reading == 2 && /^<!-- end of table -->$/ { reading = 0 }
reading == 2 { next }
{ print }
END { if (!failed && reading) { print FILENAME ": a table without '<!-- end of table -->'" >"/dev/stderr"; exit 1 } }
