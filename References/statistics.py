"""Prints the tables that Tests/DescentLabTests/StatisticsTests.swift holds, as Swift: Student's t by scipy's
`t`, the power of the paired t-test by its noncentral `nct`, and its `ttest_rel`."""

import numpy as np
from scipy import stats

print("// (ν, t, P(|T| ≥ t))")
for v in (1, 2, 3, 5, 9, 30, 1000):
    for t in (0.1, 1.0, 2.5, 12.0, 80.0):
        if (v, t) != (1000, 80.0):  # too small for a double
            print(f"({v}, {t}, {2 * stats.t.sf(t, v):.15e}),")
print("// (ν, p, the t with P(|T| ≥ t) = p)")
for v in (1, 2, 4, 20, 100):
    for p in (0.05, 0.05 / 6, 1e-4):
        print(f"({v}, {p}, {stats.t.isf(p / 2, v):.15e}),")
print("// (effect, pairs, level, power)")
for effect in (0.2, 1.0, 4.0):
    for n in (2, 3, 10, 100):
        for level in (0.05, 0.05 / 6):
            c, shift = stats.t.isf(level / 2, n - 1), effect * np.sqrt(n)
            power = stats.nct.sf(c, n - 1, shift) + stats.nct.cdf(-c, n - 1, shift)
            if power == power:
                print(f"({effect}, {n}, {level}, {power:.9f}),")
a = [1.52, 1.48, 1.61, 1.57]
b = [1.49, 1.47, 1.55, 1.5]
test = stats.ttest_rel(a, b)
low, high = test.confidence_interval(0.95)
print(f"// paired: p {test.pvalue:.15e}, interval {low:.15e} to {high:.15e}")
