/* SPDX-License-Identifier: MIT
 * study/budget.c: see budget.h. */
#include "study/budget.h"

double duet_cost_of_row(double few_seconds, int64_t few, double more_seconds, int64_t more) {
    if (more <= 0) return 0.0;
    const double all = more_seconds / (double)more;
    if (few >= more) return all;
    const double slope = (more_seconds - few_seconds) / (double)(more - few);
    return slope > 0.0 && slope < all ? slope : all;
}

int64_t duet_rows_within(double seconds, double fixed, double row, int64_t least, int64_t most) {
    const double left = seconds - fixed,
                 rows = row > 0.0 ? left / row : (left > 0.0 ? (double)most : 0.0);
    const int64_t low = least < most ? least : most;
    if (!(rows > (double)low)) return low;
    return rows < (double)most ? (int64_t)rows : most;
}

duet_sweep_size duet_sweep_within(const duet_sweep_cost *cost, double seconds, int64_t fewest,
                                  int64_t least, int64_t most) {
    duet_sweep_size size = {.pools = cost->pools};
    const int64_t wanted = least < most ? least : most;
    for (;; size.pools--) {
        const double row =
            1.5 * cost->pass * (double)cost->passes + cost->head * cost->features[size.pools - 1];
        size.rows = duet_rows_within(seconds, 0.0, row, fewest, most);
        size.seconds = row * (double)size.rows;
        if (size.pools == 1 || (size.rows >= wanted && size.seconds <= seconds)) return size;
    }
}
