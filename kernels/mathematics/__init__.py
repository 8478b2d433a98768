"""Mathematics of surfaces that no backend and no array of samples is needed for."""
