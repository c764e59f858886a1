# coverage.awk FLOORS CSV: a table of covered lines per folder of src/ from the CSV of gcovr (file, lines, covered, …), with
# the floors in percent. Fails when a floor is not reached.
BEGIN { FS = "[ ,]+" }
NR == FNR { if (!/^#/ && NF >= 2) floor[$1] = $2; next }
FNR > 1 {
    split($1, part, "/")
    lines[part[2]] += $2; hit[part[2]] += $3
    lines["all"] += $2; hit["all"] += $3
}
END {
    printf "%-10s %8s %8s %7s %6s\n", "folder", "lines", "covered", "%", "floor"
    for (name in floor) if (!(name in lines)) { print "coverage: no lines of '" name "', which has a floor"; failed++ }
    for (name in lines) {
        percent = 100 * hit[name] / lines[name]
        low = name in floor && percent < floor[name]
        failed += low
        row = sprintf("%-10s %8d %8d %7.1f %6s%s", name, lines[name], hit[name], percent, floor[name], low ? "  too low" : "")
        if (name == "all") last = row
        else print row | "LC_ALL=C sort"
    }
    close("LC_ALL=C sort")
    print last
    exit failed > 0
}
