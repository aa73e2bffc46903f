"""The benchmarks: `./dev bench NAME ...` runs some of them, `./dev bench` all but the longest.

To add one:

1. Write a module here with `NAME`, the word that people type, and
   `run(times: int) -> Iterable[Row]`, its docstring being the line that `--list` shows.
2. List the module in `BENCHMARKS` in `__main__.py`, in the order in which it shall run.
3. Measure everything `times` times in one call and give each figure as one
   `Row(what, unit, values)`, one value per run. Interleave what is compared (A, B, A, B, …) and
   give the second row `against=first`: its ratio is then the median of the paired ratios.
   What no list of rows can say may come as a `rich.table.Table` of its own.
4. Keep each run to a few seconds, or to a minute where a browser loads pages; one that cannot says
   how many `MINUTES` it takes, and runs only when it is named; if its size can be chosen, `run` takes
   `facts` too, which `--facts` gives. Work in a temporary folder; print nothing (a row may hold no
   host name and no path); start and stop whatever is needed within `run`.
"""
