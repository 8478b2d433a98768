"""Mathematics of surfaces and runs that is the same for every backend."""
