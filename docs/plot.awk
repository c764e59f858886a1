# SPDX-License-Identifier: MIT
# A line chart as SVG, both axes logarithmic: lines "series<TAB>x<TAB>y" in, grouped by series, x growing.
#   awk -F '\t' -v title='…' -v x_title='…' -v y_title='…' -v floor=Y -f docs/plot.awk
# floor: a dashed line across ("" = none), named floor_title. Names stand at the right ends of the lines, moved apart where they collide.
function px(v) { return left + width * (log(v) - x0) / (x1 - x0) }
function py(v) { return top + height * (1 - (log(v) - y0) / (y1 - y0)) }
function text(x, y, s, more) { printf "<text x=\"%.1f\" y=\"%.1f\" %s>%s</text>\n", x, y, more, s }
$2 > 0 && $3 > 0 {
    if (!($1 in count)) name[++names] = $1
    k = ++count[$1]; X[$1, k] = $2; Y[$1, k] = $3
    if (!seen++) { xl = xh = $2; yl = yh = $3 }
    if ($2 < xl) xl = $2; if ($2 > xh) xh = $2
    if ($3 < yl) yl = $3; if ($3 > yh) yh = $3
}
END {
    split("#3b5bcc #c0392b #1e8449 #b9770e #7d3c98 #117a8b #d35400 #5d6d7e #a93279 #6c7a1f #2e4053 #8e6b4e #0b84a5 #9e2a2b #4b8f29", colour, " ")
    left = 64; top = 40; width = 600; height = 360; right = 170
    if (floor > 0 && floor < yl) yl = floor
    x0 = log(xl / 1.05); x1 = log(xh * 1.05); y0 = log(yl / 1.15); y1 = log(yh * 1.15)
    printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" font-family=\"sans-serif\" font-size=\"12\">\n", left + width + right, top + height + 50
    printf "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n"
    text(left, 22, title, "font-size=\"14\" font-weight=\"bold\"")
    for (p = -6; p <= 6; p++) for (d = 1; d <= 5; d += d == 2 ? 3 : 1) {
        v = d * exp(p * log(10))
        if (v >= exp(x0) * 0.999 && v <= exp(x1) * 1.001) {
            printf "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\" stroke=\"#e8e8ee\"/>\n", px(v), px(v), top, top + height
            text(px(v), top + height + 18, v, "text-anchor=\"middle\" fill=\"#555\"")
        }
        if (v >= exp(y0) * 0.999 && v <= exp(y1) * 1.001) {
            printf "<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"#e8e8ee\"/>\n", left, left + width, py(v), py(v)
            text(left - 8, py(v) + 4, v, "text-anchor=\"end\" fill=\"#555\"")
        }
    }
    text(left + width / 2, top + height + 40, x_title, "text-anchor=\"middle\" fill=\"#555\"")
    text(0, 0, y_title, sprintf("transform=\"translate(18,%d) rotate(-90)\" text-anchor=\"middle\" fill=\"#555\"", top + height / 2))
    if (floor > 0) {
        printf "<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"#555\" stroke-dasharray=\"5 4\"/>\n", left, left + width, py(floor), py(floor)
        text(left + 6, py(floor) - 5, floor_title, "fill=\"#555\"")
    }
    for (i = 1; i <= names; i++) {
        n = name[i]; path = ""
        for (k = 1; k <= count[n]; k++) {
            path = path sprintf("%s%.1f,%.1f", k == 1 ? "M" : "L", px(X[n, k]), py(Y[n, k]))
            printf "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"2.5\" fill=\"%s\"/>\n", px(X[n, k]), py(Y[n, k]), colour[(i - 1) % 15 + 1]
        }
        printf "<path d=\"%s\" fill=\"none\" stroke=\"%s\" stroke-width=\"1.6\"/>\n", path, colour[(i - 1) % 15 + 1]
        at[i] = py(Y[n, count[n]]); order[i] = i
    }
    for (i = 2; i <= names; i++) for (k = i; k > 1 && at[order[k]] < at[order[k - 1]]; k--) { swap = order[k]; order[k] = order[k - 1]; order[k - 1] = swap }
    last = -1000
    for (i = 1; i <= names; i++) { k = order[i]; where[k] = at[k] < last + 13 ? last + 13 : at[k]; last = where[k] }
    for (i = 1; i <= names; i++) {
        n = name[i]; c = colour[(i - 1) % 15 + 1]
        printf "<path d=\"M%.1f,%.1fL%d,%.1f\" stroke=\"%s\" stroke-width=\"0.6\" opacity=\"0.6\" fill=\"none\"/>\n", px(X[n, count[n]]), at[i], left + width + 8, where[i], c
        text(left + width + 12, where[i] + 4, n, sprintf("fill=\"%s\"", c))
    }
    print "</svg>"
}
