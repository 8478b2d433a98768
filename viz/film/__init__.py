"""The training run as a film: which steps are its frames, how they are drawn, and the files that hold them."""
