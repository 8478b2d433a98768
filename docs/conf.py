"""How the pages are made: `make docs` builds them without a network, and without one they can be read."""

import os
import shutil
import sys
from pathlib import Path

DOCS = Path(__file__).parent
ROOT = DOCS.parent
sys.path.insert(0, str(ROOT))
os.environ["PYTHONPATH"] = str(ROOT)  # of the processes in which cells of pages run

import kernels

for notebook in ROOT.glob("notebooks/*.ipynb"):
    shutil.copy2(notebook, DOCS / "lab")

project = "logreg-kernels"
author = copyright = "The logreg-kernels authors"
version = release = kernels.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
    "sphinx-mathjax-offline",
    "myst_nb",
    "numpydoc",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "examples", "gallery/**/*.ipynb", "gallery/**/*.py"]
templates_path = ["_templates"]

# `name` in a docstring is a link where a page has it, and code elsewhere
default_role = "py:obj"
smartquotes = False  # "bce" is what is typed
nitpicky = True
nitpick_ignore_regex = [("py:obj", ".*")]  # tests/docs hold "See Also" to names that there are

autodoc_typehints = "none"  # docstrings say more
autodoc_member_order = "bysource"
numpydoc_show_class_members = False  # by the template of classes
numpydoc_attributes_as_param_list = True
numpydoc_use_plots = False

myst_enable_extensions = ["amsmath", "attrs_block", "attrs_inline", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "force"
nb_execution_show_tb = True  # a cell that fails is a warning, with this
nb_execution_timeout = 120
nb_merge_streams = True
nb_ipywidgets_js = {}  # would be fetched: of the explorer a page shows the picture that goes with it
nb_mime_priority_overrides = [("html", "application/vnd.jupyter.widget-view+json", None)]

sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "gallery",
    "subsection_order": [f"examples/{group}" for group in ("surfaces", "training", "maps", "models", "planes")],
    "backreferences_dir": "gallery/uses",
    "doc_module": ("kernels", "logreg", "viz"),
    "abort_on_example_error": True,
    "capture_repr": ("_repr_html_",),
    "download_all_examples": False,
    "min_reported_time": 0,
    "show_memory": False,
    "show_signature": False,
    "write_computation_times": False,
}

html_theme = "pydata_sphinx_theme"
html_title = project
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_sidebars = {"start": []}  # a page without pages below it
html_context = {"default_mode": "auto"}
html_theme_options = {
    "logo": {"text": project},
    "navbar_align": "left",
    "header_links_before_dropdown": 7,
    "navigation_with_keys": True,
    "show_toc_level": 2,
    "show_prev_next": True,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "back_to_top_button": False,
}
