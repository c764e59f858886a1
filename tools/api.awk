# awk -v version=V -f tools/api.awk HEADER… >api.html: the API reference, from the public headers as they are. A header is its first
# comment, then declarations; a declaration's comment stands above it, behind it or inside it, and one above a group of lines without
# a blank line speaks for all of them. What has no comment is named, and the exit code is then 1. -v check=1: only that.

function html(text) {
    gsub(/&/, "\\&amp;", text)
    gsub(/</, "\\&lt;", text)
    gsub(/>/, "\\&gt;", text)
    return text
}

# The plain text of a comment's lines.
function plain(text) {
    gsub(/\/\*+ */, "", text)
    gsub(/ *\*\//, "", text)
    gsub(/\n \* ?/, "\n", text)
    return text
}

# The name that a declaration declares: of a function, type, object or macro; "" for what is none.
function name_of(code) {
    gsub(/\/\*([^*]|\*[^\/])*\*\//, "", code)
    if (match(code, /^#define +[A-Z0-9_]+/)) return substr(code, 9, RLENGTH - 8)
    if (code ~ /^#/) return ""
    if (code ~ /^typedef/) {
        sub(/;[ \n]*$/, "", code)
        sub(/\[[^\]]*\]$/, "", code)
        match(code, /[a-z0-9_]+$/)
        return substr(code, RSTART, RLENGTH)
    }
    if (match(code, /duet_[a-z0-9_]+ *\(/)) return substr(code, RSTART, RLENGTH - 1)
    if (match(code, /duet_[a-z0-9_]+;/)) return substr(code, RSTART, RLENGTH - 1)
    return ""
}

function end_paragraph() {
    if (body != "" && !commented) {
        printf "%s: '%s' has no comment\n", file, first >"/dev/stderr"
        failed = 1
    }
    if (body != "" && !check) printf "<div>%s\n<pre>%s</pre></div>\n", prose, html(body)
    body = prose = first = ""
    commented = 0
}

# One declaration is whole: with the comment before it where there is one.
function end_item(   name) {
    name = name_of(code)
    if (code ~ /\/\*/) commented = 1
    if (name != "" && name !~ /_H$/) {
        if (first == "") first = name
        if (!(name in seen)) count++
        if (!check && !(name in seen)) prose = prose sprintf("<a id=\"%s\"></a>", name)
        body = body (body != "" ? "\n" : "") (above != "" ? above "\n" : "") code
        if (!check && !(name in seen)) index_text = index_text sprintf("<a href=\"#%s\">%s</a> ", name, name)
        seen[name] = 1
        if (above != "") commented = 1
        above = ""
    }
    code = ""
}

function end_file() {
    if (file == "") return
    end_paragraph()
    above = code = ""
}

BEGIN {
    if (!check) {
        print "<!doctype html><meta charset=\"utf-8\"><title>duet " version ": API</title>"
        print "<style>body{font:16px/1.5 sans-serif;max-width:58em;margin:2em auto;padding:0 1em}pre{background:#f4f4f2;padding:.7em;"
        print "overflow:auto;font-size:14px}h2{margin-top:2em}nav{columns:3;font-size:14px}nav a{display:block}</style>"
        print "<h1>duet " version ": API</h1>"
    }
}

FNR == 1 {
    end_file()
    file = FILENAME
    sub(/.*include\//, "", file)
    head = 1
    depth = 0
}

{ line = $0 }

# The first comment of the file is its introduction.
head == 1 {
    text = text (text != "" ? "\n" : "") line
    if (line ~ /\*\//) {
        text = plain(text)
        sub(/SPDX-License-Identifier: [A-Za-z0-9.-]+ */, "", text)
        sub(/^[ \n]*duet\/?[a-z]*\.h: */, "", text)
        gsub(/\n\n+/, "</p><p>", text)
        if (!check) printf "<h2 id=\"%s\">%s</h2><p>%s</p>\n", file, file, text
        text = ""
        head = 2
    }
    next
}

# Guards, includes and the frame for C++ are no API.
code == "" && !note && /^#(ifndef|ifdef|if|else|elif|endif|include)/ { next }
code == "" && !note && (/^extern "C"/ || /^}$/) { next }

code == "" && !note && /^[ \t]*$/ { end_paragraph(); above = ""; next }

# A comment that begins a line at the outer level: about what follows.
code == "" && (note || /^\/\*/) {
    above = above (above != "" ? "\n" : "") line
    note = line !~ /\*\//
    next
}

{
    code = code (code != "" ? "\n" : "") line
    bare = line
    if (inside) { if (sub(/^([^*]|\*[^\/])*\*\//, "", bare)) inside = 0; else bare = "" }
    gsub(/\/\*([^*]|\*[^\/])*\*\//, "", bare)
    if (sub(/\/\*.*$/, "", bare)) inside = 1
    depth += gsub(/{/, "{", bare) - gsub(/}/, "}", bare)
    if (code ~ /^#define/) { if (line !~ /\\$/ && !inside) { depth = 0; end_item() } }
    else if (depth == 0 && !inside && code ~ /;/ && (bare ~ /;[ ]*$/ || bare ~ /^[ ]*$/)) end_item()
}

END {
    end_file()
    if (!check) printf "<h2>Names</h2><nav>%s</nav>\n", index_text
    if (check) printf "api: %d declarations, %s\n", count, failed ? "some without a comment" : "all with a comment"
    exit failed || count == 0
}
