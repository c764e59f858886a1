# SPDX-License-Identifier: MIT
# csv_split(line, cells) -> number of cells. Cells may stand in double quotes, "" in them is one quote; a cell has no line break.

function csv_split(line, cells,   n, i, c, quoted, cell) {
    split("", cells)
    n = 1
    cell = ""
    for (i = 1; i <= length(line); i++) {
        c = substr(line, i, 1)
        if (quoted && c == "\"" && substr(line, i + 1, 1) == "\"") {
            cell = cell c
            i++
        } else if (c == "\"") quoted = !quoted
        else if (c == "," && !quoted) {
            cells[n++] = cell
            cell = ""
        } else if (c != "\r") cell = cell c
    }
    cells[n] = cell
    return n
}
