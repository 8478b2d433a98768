"""A process that works off the items of a stage, one after another, each that no other process has begun:
`python -m bench.card.worker STAGE DEVICE [PATTERN ...]`."""

import faulthandler
import importlib
import sys
import time
import traceback

import torch

from bench.card import compilations
from bench.card.children import end_with_parent
from bench.card.journal import Journal, wanted
from bench.card.place import Place, stand_in
from bench.card.sizes import FULL, SMALL

# An item that takes longer hangs: its process ends, with a traceback. On a card, less than the limits of the stages.
ITEM_SECONDS = {"limits": 12, "smoke": 60, "compile": 45, "speed": 30, "variants": 15, "profile": 25}
ITEM_SECONDS_OF_CPU = 300
BROKEN = 3  # exit code: the card answers nothing any more in this process
ITEMS = {  # the function that gives (name, what finds it) of each item
    "limits": "limits.items",
    "smoke": "smoke.items",
    "compile": "compiling.items",
    "speed": "speed.items",
    "variants": "variants.items",
    "profile": "profiling.items",
}


def main():
    stage, device, *patterns = sys.argv[1:]
    end_with_parent()
    place = Place(device)
    if not place.is_card:
        stand_in()
    module, function = ITEMS[stage].split(".")
    items = getattr(importlib.import_module(f"bench.card.{module}"), function)
    journal, more = Journal.of_environment(), ()
    if stage == "profile":
        more = (journal.lines(),)
    compilations.listen()
    for name, find in items(place, FULL if place.is_card else SMALL, *more):
        if wanted(stage, name, patterns) and journal.claim(stage, name):
            work_on(stage, name, find, journal, place)


def work_on(stage, name, find, journal, place):
    """Ends an item with what `find` gives or raises."""
    started, before = time.perf_counter(), compilations.so_far()
    faulthandler.dump_traceback_later(ITEM_SECONDS[stage] if place.is_card else ITEM_SECONDS_OF_CPU, exit=True)
    try:
        found, ok = find() or {}, True
        place.synchronize()
    except Exception:
        found, ok = {"error": traceback.format_exc()}, False
    seconds = round(time.perf_counter() - started, 3)
    journal.end(stage, name, ok, seconds=seconds, compiled=compilations.since(before), **found)
    faulthandler.cancel_dump_traceback_later()
    print(f"{name}: {'right' if ok else 'WRONG'} in {seconds:.1f} s", found.get("error", ""), flush=True)
    if place.is_card:
        give_back(place)


def give_back(place):
    """Leaves the card's memory to others. After an error of the card nothing works any more in a process: another one
    has to go on."""
    try:
        place.synchronize()
        torch.cuda.empty_cache()
    except Exception as error:
        print(f"{error!r}: this process ends, the next one goes on", flush=True)
        sys.exit(BROKEN)


if __name__ == "__main__":
    main()
