"""A verdict on the CUDA half in the minutes that a card can be had: `python3 -m bench.card --out DIR`.

Stages run in processes of their own, each within a limit of its own. What they find is a line each of DIR/results.jsonl
the moment it is known, so that whatever fails, hangs or is killed costs only itself; a later run goes on from there.
"""
