"""The benchmarks: `./dev bench` runs them all, `./dev bench NAME ...` some of them.

To add one:

1. Write a module here with `NAME`, the word that people type, and
   `run(times: int) -> Iterable[Row]`, its docstring being the line that `--list` shows.
2. List the module in `BENCHMARKS` in `__main__.py`, in the order in which it shall run.
3. Measure everything `times` times in one call and give each figure as one
   `Row(what, unit, values)`, one value per run. Interleave what is compared (A, B, A, B, …) and
   give the second row `against=first`: its ratio is then the median of the paired ratios.
4. Keep each run to a few seconds; work in a temporary folder; print nothing (a row may hold no
   host name and no path); start and stop whatever is needed within `run`.
"""
