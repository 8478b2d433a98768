"""What is mutated, what not, and the tests that matter to it."""

from pathlib import Path

from tests.mutation.operators import mutants
from tests.mutation.trees import ROOT

PACKAGES = "kernels", "logreg", "viz"
GRADIENT = "gradient", "update", "linear_bce"
SURFACE = "surface", "plane"
TRITON = "triton", "triton_surface", "one_pass"
EXPLORER = "explorer", "explorer_words", "explorer_plane"
MANNERS = "manners", "interrupts", "progress"

# Test files besides that of the source's own name, the likeliest to fail first; a bare name is of the same package.
TESTS = {
    "kernels/__init__.py": ("arguments", "manners"),
    "kernels/autograd.py": ("linear_bce", "arguments", "distributed_training"),
    "kernels/backends.py": ("arguments", "surface", "gradient", *MANNERS),
    "kernels/bodies.py": ("house",),
    "kernels/ensemble.py": ("arguments", "ensemble_rates", *MANNERS),
    "kernels/evaluation.py": (*SURFACE, "samples", "compression", "torch_surface"),
    "kernels/in_graph.py": ("linear_bce", "inductor"),
    "kernels/kinds.py": ("house",),
    "kernels/linear.py": ("linear_bce", "arguments"),
    "kernels/losses.py": ("reference", "update", *SURFACE),
    "kernels/means.py": (*GRADIENT, "torch_update"),
    "kernels/planes.py": ("plane", "samples", "arguments"),
    "kernels/progress.py": ("arguments", "ensemble", "samples", "progress"),
    "kernels/quantities.py": ("arguments", *SURFACE, "samples"),
    "kernels/reference.py": (*SURFACE, *GRADIENT, "ensemble"),
    "kernels/results.py": ("reference", "update", "samples", *MANNERS),
    "kernels/surface.py": ("surface_weights", "plane", "arguments", "samples", "compression", *MANNERS),
    "kernels/update.py": ("torch_update", "update", "gradient", "arguments", "reference", *MANNERS),
    "kernels/arguments/__init__.py": ("arguments",),
    "kernels/arguments/arrays.py": ("arguments", *SURFACE, *GRADIENT, "tables", "cuda_manners"),
    "kernels/arguments/dataset.py": ("arguments", *SURFACE, *GRADIENT, "samples"),
    "kernels/arguments/devices.py": ("cuda_manners", *TRITON),
    "kernels/arguments/grids.py": ("arguments", *SURFACE, "samples"),
    "kernels/arguments/memory.py": ("arguments", "cuda_manners"),
    "kernels/arguments/models.py": ("arguments", *GRADIENT, "ensemble", "ensemble_rates"),
    "kernels/arguments/numbers.py": ("arguments", *GRADIENT, "ensemble"),
    "kernels/arguments/samples.py": ("surface_weights", "compression", "plane", "arguments", "torch_surface"),
    "kernels/arguments/weighting.py": ("surface_weights", *GRADIENT),
    "kernels/eager/__init__.py": ("reference",),
    "kernels/eager/surface.py": ("reference", *SURFACE),
    "kernels/eager/training.py": ("reference", *GRADIENT, "ensemble"),
    "kernels/mathematics/__init__.py": ("spectral_bound",),
    "kernels/mathematics/compression.py": ("spectral_bound", "far_surfaces", "plane", "surface", "contract"),
    "kernels/mathematics/divergence.py": ("divergence", "ensemble", "ensemble_rates", "update"),
    "kernels/mathematics/planning.py": ("spectral_bound", "plane", "samples", "compression", "surface"),
    "kernels/mathematics/spectral.py": (
        "spectral_bound",
        "contract",
        "interpolate",
        "plane",
        "compression",
        "surface",
        "torch_surface",
    ),
    "kernels/numba_cpu/__init__.py": ("environment", "house"),
    "kernels/numba_cpu/warmup.py": ("warmup", "manners"),
    "kernels/numba_cpu/grid/__init__.py": SURFACE,
    "kernels/numba_cpu/grid/accuracy.py": ("plane", "samples", *MANNERS),
    "kernels/numba_cpu/grid/bias_axis.py": ("plain", *SURFACE),
    "kernels/numba_cpu/grid/elementwise.py": ("plane", "samples", "surface", *MANNERS),
    "kernels/numba_cpu/grid/general_plane.py": ("plain", "plane", "samples"),
    "kernels/numba_cpu/grid/interpolate.py": ("plane", "compression", *MANNERS),
    "kernels/numba_cpu/grid/moments.py": ("compression", "far_surfaces", "samples", *MANNERS),
    "kernels/numba_cpu/grid/small.py": ("small", "manners"),
    "kernels/numba_cpu/grid/small_plane.py": ("small", "plane"),
    "kernels/numba_cpu/grid/surface.py": ("plane", "samples", "compression", *MANNERS),
    "kernels/numba_cpu/grid/tiles.py": SURFACE,
    "kernels/numba_cpu/runtime/__init__.py": ("environment",),
    "kernels/numba_cpu/runtime/cache.py": ("disk_cache", "environment"),
    "kernels/numba_cpu/runtime/launch.py": ("arguments", "surface", "gradient", *MANNERS),
    "kernels/numba_cpu/runtime/notice.py": ("notice",),
    "kernels/numba_cpu/runtime/prefault.py": ("interrupts",),
    "kernels/numba_cpu/runtime/schedule.py": ("samples", *SURFACE, *MANNERS),
    "kernels/numba_cpu/runtime/subroutine.py": ("subroutine", *MANNERS),
    "kernels/numba_cpu/runtime/target.py": ("environment", *MANNERS),
    "kernels/numba_cpu/training/__init__.py": GRADIENT,
    "kernels/numba_cpu/training/blocks.py": GRADIENT,
    "kernels/numba_cpu/training/columns.py": GRADIENT,
    "kernels/numba_cpu/training/ensemble.py": ("arguments", *MANNERS),
    "kernels/numba_cpu/training/gradient.py": ("plain", "linear_bce", "update", *MANNERS),
    "kernels/numba_cpu/training/job.py": ("plain", *GRADIENT),
    "kernels/numba_cpu/training/layouts.py": (*GRADIENT, "ensemble"),
    "kernels/numba_cpu/training/member_costs.py": ("ensemble", *MANNERS),
    "kernels/numba_cpu/training/member_rates.py": ("plain", "ensemble_rates"),
    "kernels/numba_cpu/training/members.py": ("ensemble", *MANNERS),
    "kernels/numba_cpu/training/members_of_features.py": ("ensemble", *MANNERS),
    "kernels/numba_cpu/training/members_of_one_feature.py": ("plain", "ensemble", *MANNERS),
    "kernels/numba_cpu/training/one_feature.py": ("plain", "elementary", "update", *MANNERS),
    "kernels/numba_cpu/training/packed.py": GRADIENT,
    "kernels/numba_cpu/training/pipelined.py": ("plain", *GRADIENT),
    "kernels/numba_cpu/training/residuals.py": (*GRADIENT, "elementary"),
    "kernels/numba_cpu/training/rows.py": GRADIENT,
    "kernels/numba_cpu/training/small_ensemble.py": ("small", "ensemble"),
    "kernels/numba_cpu/training/small_pass.py": ("small", *GRADIENT),
    "kernels/numba_cpu/training/small_run.py": ("small", "update"),
    "kernels/numba_cpu/training/steps.py": ("update",),
    "kernels/numba_cpu/training/streams.py": ("plain", *GRADIENT),
    "kernels/numba_cpu/training/update.py": ("gradient", *MANNERS),
    "kernels/numba_cpu/vector/__init__.py": ("simd",),
    "kernels/numba_cpu/vector/compensated.py": SURFACE,
    "kernels/numba_cpu/vector/elementary.py": ("polynomials", *SURFACE, *GRADIENT, "ensemble"),
    "kernels/numba_cpu/vector/emit.py": ("simd", "elementary", *SURFACE, *GRADIENT),
    "kernels/numba_cpu/vector/log_product.py": SURFACE,
    "kernels/numba_cpu/vector/losses.py": (*SURFACE, "update", "ensemble"),
    "kernels/numba_cpu/vector/matrices.py": ("simd", *GRADIENT),
    "kernels/numba_cpu/vector/memory.py": ("simd", *SURFACE, *GRADIENT),
    "kernels/numba_cpu/vector/operators.py": ("simd", "elementary", *SURFACE, *GRADIENT, "ensemble"),
    "kernels/numba_cpu/vector/panels.py": ("simd", *SURFACE, "interpolate"),
    "kernels/numba_cpu/vector/vector_type.py": ("simd", *SURFACE, *GRADIENT, "environment"),
    "kernels/torch_cuda/__init__.py": ("torch_update", "house"),
    "kernels/torch_cuda/sizes.py": ("torch_surface", "triton_surface"),
    "kernels/torch_cuda/graphs/__init__.py": ("torch_update",),
    "kernels/torch_cuda/graphs/compiled.py": (
        "inductor",
        "torch_surface",
        "torch_update",
        "torch_ensemble",
        "cuda_manners",
    ),
    "kernels/torch_cuda/graphs/ensemble.py": ("torch_ensemble", "ensemble", "triton", "cuda_manners", "inductor"),
    "kernels/torch_cuda/graphs/gradient.py": (
        "gradient",
        "linear_bce",
        "one_pass",
        "torch_update",
        "cuda_manners",
        "inductor",
    ),
    "kernels/torch_cuda/graphs/interpolate.py": ("torch_surface", "triton_surface", "plane", "cuda_manners"),
    "kernels/torch_cuda/graphs/losses.py": ("torch_update", "torch_ensemble", "torch_surface"),
    "kernels/torch_cuda/graphs/surface.py": ("torch_surface", "triton_surface", *SURFACE, "samples", "cuda_manners"),
    "kernels/torch_cuda/graphs/terms.py": ("torch_surface", "plane", "triton_surface"),
    "kernels/torch_cuda/graphs/update.py": ("torch_update", "triton", "update", "cuda_manners", "inductor"),
    "kernels/torch_cuda/triton/__init__.py": TRITON,
    "kernels/torch_cuda/triton/ensemble.py": ("triton", "ensemble", "cuda_manners"),
    "kernels/torch_cuda/triton/gradient.py": ("one_pass", "cuda_manners", "triton"),
    "kernels/torch_cuda/triton/interpolate.py": ("triton_surface", "triton"),
    "kernels/torch_cuda/triton/looks.py": ("cuda_manners", "torch_update", "triton"),
    "kernels/torch_cuda/triton/losses.py": TRITON,
    "kernels/torch_cuda/triton/surface.py": ("triton_surface", "triton"),
    "kernels/torch_cuda/triton/update.py": ("triton", "cuda_manners"),
    "logreg/__init__.py": ("package", "clash"),
    "logreg/__main__.py": ("command_line", "surface_command", "lab"),
    "logreg/classes.py": ("samples", "estimators", "weighted_surfaces"),
    "logreg/curvature.py": ("directions", "hessian", "weighted_surfaces", "samples"),
    "logreg/data.py": ("training", "surface"),
    "logreg/datasets.py": ("data", "surface_command", "command_line"),
    "logreg/devices.py": ("training", "surface", "plane"),
    "logreg/directions.py": ("plane", "weighted_surfaces", "estimators", "path", "surface_command"),
    "logreg/eigen.py": ("hessian", "directions"),
    "logreg/estimators.py": ("model",),
    "logreg/evaluation.py": ("surface", "weighted_surfaces", "plane"),
    "logreg/choices.py": ("lab", "command_line", "surface_command"),
    "logreg/commands/conclusion.py": ("lab",),
    "logreg/commands/convergence.py": ("rates", "command_line"),
    "logreg/commands/explore.py": ("explore_command", "command_line"),
    "logreg/commands/exploring.py": ("explore_command", "command_line"),
    "logreg/commands/options.py": ("command_line", "surface_command"),
    "logreg/commands/parser.py": ("command_line", "surface_command"),
    "logreg/commands/planes.py": ("surface_command",),
    "logreg/commands/starts.py": ("command_line",),
    "logreg/commands/surface.py": ("surface_command", "command_line"),
    "logreg/commands/trials.py": ("lab", "conclusion", "command_line"),
    "logreg/files.py": ("keeping", "surface", "plane"),
    "logreg/keeping.py": ("path", "line"),
    "logreg/commands/lab.py": ("command_line",),
    "logreg/model.py": ("surface_command", "lab", "command_line"),
    "logreg/models.py": ("model", "path", "estimators", "last_layer"),
    "logreg/objective.py": ("estimators", "weighted_surfaces", "path", "samples"),
    "logreg/optimisers.py": ("path",),
    "logreg/outputs.py": ("last_layer", "model"),
    "logreg/path.py": ("keeping",),
    "logreg/penalised.py": ("surface_command",),
    "logreg/commands/pictures.py": ("lab", "surface_command", "command_line", "clash"),
    "logreg/plane.py": ("directions", "surface", "evaluation", "surface_command", "export"),
    "logreg/rates.py": ("keeping", "devices"),
    "logreg/runs.py": ("directions", "path", "training"),
    "logreg/samples.py": ("data", "last_layer", "memory"),
    "logreg/scores.py": ("training", "model", "memory", "path"),
    "logreg/studies.py": ("starts", "rates", "keeping"),
    "logreg/surface.py": ("weighted_surfaces", "lab", "plane", "evaluation"),
    "logreg/training.py": ("model", "data", "directions", "devices", "lab"),
    "logreg/windows.py": ("surface_command", "plane", "surface", "path"),
    "viz/__init__.py": ("surface", "notebook"),
    "viz/colors.py": ("styles", "training", "surface"),
    "viz/display.py": ("notebook",),
    "viz/contour.py": ("paths", "plane", "surface", "keywords", "animation", "notebook"),
    "viz/explorer/controls.py": EXPLORER,
    "viz/explorer/hands.py": EXPLORER,
    "viz/explorer/keys.py": EXPLORER,
    "viz/explorer/layout.py": EXPLORER,
    "viz/explorer/live.py": EXPLORER,
    "viz/explorer/panels.py": EXPLORER,
    "viz/explorer/problem.py": EXPLORER,
    "viz/explorer/run.py": EXPLORER,
    "viz/explorer/web.py": ("browser",),
    "viz/explorer/window.py": EXPLORER,
    "viz/explorer/words.py": ("explorer_words", "explorer"),
    "viz/film/__init__.py": ("animation",),
    "viz/film/animation.py": ("writing",),
    "viz/film/palette.py": ("writing",),
    "viz/film/player.py": ("writing",),
    "viz/film/scene.py": ("animation",),
    "viz/film/views.py": ("spread", "animation"),
    "viz/fill.py": ("keywords", "surface", "plane", "animation"),
    "viz/foot.py": ("legends", "boxes", "layout", "styles", "surface"),
    "viz/furniture.py": ("keywords", "styles", "layout", "surface", "plane", "starts"),
    "viz/inputs.py": ("surface", "plane", "training", "starts", "rates", "animation"),
    "viz/layout.py": ("boxes", "styles", "surface", "training"),
    "viz/marks.py": ("surface", "plane", "paths", "legends"),
    "viz/losses.py": ("line", "surface", "plane", "starts", "notebook"),
    "viz/paths.py": ("surface", "plane", "boxes"),
    "viz/plane.py": ("surface", "paths", "keywords"),
    "viz/rates.py": ("keywords", "boxes"),
    "viz/starts.py": ("rates",),
    "viz/surface.py": ("keywords", "plane", "animation", "notebook"),
    "viz/training.py": ("animation", "keywords", "notebook"),
}

# Names that decide nothing but how the work is cut, how much is kept or fetched ahead, or which of two right methods is
# taken: whatever their values, results keep to the same promises. What they define and are compared with isn't mutated.
SPEED = {
    "kernels/arguments/arrays.py": "MANY LOOKED_AT",
    "kernels/arguments/memory.py": "SURELY_FREE",
    "kernels/arguments/numbers.py": "MOST_STEPS",
    "kernels/arguments/samples.py": "AT_ONCE",
    "kernels/mathematics/compression.py": "PIECE",
    "kernels/mathematics/planning.py": (
        "POLYNOMIAL PRODUCT ELEMENTWISE LOGARITHM SUMS WRITE MOMENT SPECTRAL_FIXED_COST DIRECT_BIAS QUICKLY_DONE "
        "NESTED_FROM_COST BAND KEPT MOST_KEPT cost_of cost_of_fill cost_of_point compressed_cost compressing"
    ),
    "kernels/mathematics/spectral.py": "TILE_POINTS",
    "kernels/planes.py": "FEATURES_AT_ONCE",
    "kernels/numba_cpu/grid/accuracy.py": "JOBS_PER_THREAD SEARCHES_PER_THREAD cost",
    "kernels/numba_cpu/grid/bias_axis.py": "CHUNK FEWEST_ROWS STRIDE GROUPS JOBS_OF_THREAD",
    "kernels/numba_cpu/grid/elementwise.py": "ROWS_PER_THREAD WIDEST EVALUATIONS_PER_THREAD cost",
    "kernels/numba_cpu/grid/general_plane.py": "CHUNK",
    "kernels/numba_cpu/grid/interpolate.py": (
        "BLOCK OPERATIONS_PER_THREAD SCATTERED FIRST_TOUCH operations work at_once"
    ),
    "kernels/numba_cpu/grid/moments.py": "JOB OPERATIONS_PER_THREAD",
    "kernels/numba_cpu/grid/surface.py": "JOBS_PER_THREAD EVALUATIONS_PER_THREAD COPIED cost",
    "kernels/numba_cpu/runtime/launch.py": "SERIAL_WORK parallel",
    "kernels/numba_cpu/runtime/prefault.py": "LARGE PAGE JOB JOBS write_to_pages prefault touch_pages",
    "kernels/numba_cpu/runtime/schedule.py": "KEPT_BYTES samples_at_once jobs_at_once alone",
    "kernels/numba_cpu/training/ensemble.py": "OPERATIONS_PER_SAMPLE PATH_BYTES at_once",
    "kernels/numba_cpu/training/gradient.py": "JOBS JOB_OPERATIONS LAUNCH_OPERATIONS",
    "kernels/numba_cpu/training/job.py": "OPERATIONS_PER_SAMPLE ahead are_pipelined operations prefetch",
    "kernels/numba_cpu/training/layouts.py": "FewRows HOLD_TWO_GROUPS LONG_ROW_BYTES STREAMED are_pipelined",
    "kernels/numba_cpu/training/member_costs.py": "OPERATIONS_PER_COST at_once",
    "kernels/numba_cpu/training/members.py": "OPERATIONS_PER_THREAD",
    "kernels/numba_cpu/training/members_of_one_feature.py": "SIDE_BY_SIDE",
    "kernels/numba_cpu/training/packed.py": "prefetch",
    "kernels/numba_cpu/training/pipelined.py": "FETCHED prefetch fetched",
    "kernels/numba_cpu/training/streams.py": "LINES_AHEAD ask_for_next prefetch",
    "kernels/numba_cpu/training/rows.py": "PREFETCH_LINES LABELS_AHEAD prefetch elements_ahead ahead",
    "kernels/numba_cpu/grid/small.py": "MANY_POINTS",
    "kernels/numba_cpu/training/small_pass.py": "MOST_OPERATIONS",
    "kernels/numba_cpu/training/small_run.py": "MOST_RECORDED",
    "kernels/numba_cpu/training/update.py": "LAUNCH_OPERATIONS LARGE_BATCH GATHERED",
    "kernels/numba_cpu/vector/memory.py": "prefetch",
    "kernels/torch_cuda/graphs/compiled.py": "INLINED VECTORS WHOLE_SUMS SUGGESTIONS vectors",
    "kernels/torch_cuda/graphs/ensemble.py": "LOGITS LIKELY FEW_FEATURES",
    "kernels/torch_cuda/graphs/gradient.py": "LONG_ROWS ROWS MOST_ROWS BLOCK_BYTES LIKELY_ROWS LIKELY_BLOCK",
    "kernels/torch_cuda/graphs/interpolate.py": "KEPT MOST_KEPT",
    "kernels/torch_cuda/graphs/surface.py": (
        "EVALUATIONS MOST_SAMPLES TABLE MOMENT_SAMPLES MOMENT_PARTS TABLE_OF_ROWS samples_at_once rows_at_once"
    ),
    "kernels/torch_cuda/graphs/terms.py": "LIKELY_GRID LIKELY_MOMENTS",
    "kernels/torch_cuda/graphs/update.py": "STEPS VALUES SMALL_BATCH FEW_COLUMNS LIKELY_BATCH",
    "kernels/torch_cuda/triton/ensemble.py": (
        "OPERATIONS OPERATIONS_PER_SAMPLE OPERATIONS_PER_LOSS LEAST_MEMBERS FEW_PARAMETERS WARPS at_once "
        "MOST_REGISTERS maxnreg spills"
    ),
    "kernels/torch_cuda/triton/gradient.py": "TILE_BYTES LABELS WARPS PROGRAMS REGISTERS num_warps maxnreg",
    "kernels/torch_cuda/triton/surface.py": "WARPS PROGRAMS PART",
    "kernels/torch_cuda/triton/update.py": "TILE VALUES STEPS non_blocking",
    "logreg/data.py": "VALUES_AT_ONCE",
    "logreg/samples.py": "ITEMS_AT_ONCE",
    "logreg/scores.py": "LOGITS_AT_ONCE LEAST_ROWS",
    "logreg/curvature.py": "MOST_DENSE MOST_SPARSE MOST_STREAMED",
    "logreg/eigen.py": "MOST_VECTORS VECTORS_KEPT",
    "logreg/evaluation.py": "BAND",
    "logreg/files.py": "READ_AT_ONCE",
    "logreg/commands/trials.py": "TIMED_RUNS",
    "viz/explorer/run.py": "MOST_EVALUATIONS MOST_VALUES FEWEST_POINTS",
    "logreg/commands/parser.py": "WIDTH",
}

# Arguments and entries of dictionaries that are a matter of taste: how thick, large, dense or far apart what is drawn
# is, how fast a film runs, what a placeholder is called; and `strict`, by which the code checks itself.
TASTE = (
    "DPI MILLISECONDS alpha arrowsize clip_on density dpi figsize fontsize fps framealpha headaxislength "
    "headlength headwidth labelpad leave linewidth linewidths markeredgewidth markersize metavar nbins ncols pad "
    "rasterized antialiased strict scale width xy zoom zorder"
)


def sources():
    """Paths, from the root, of what is mutated."""
    return sorted(path.relative_to(ROOT).as_posix() for name in PACKAGES for path in (ROOT / name).rglob("*.py"))


def left_out(path):
    """Names that aren't mutated in a source."""
    return frozenset(f"{SPEED.get(path, '')} {TASTE}".split())


def mutants_of(path):
    return mutants((ROOT / path).read_bytes(), left_out(path))


def tests_of(path):
    """The test files that matter to a source, in the order in which they are run."""
    package, own = path.split("/")[0], Path(path).stem
    names = dict.fromkeys((own, *TESTS.get(path, ())) if own not in TESTS.get(path, ()) else TESTS[path])
    files = (f"tests/{package}/test_{name}.py" for name in names)
    return [file for file in files if (ROOT / file).exists()]
