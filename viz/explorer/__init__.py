"""A loss surface under the mouse: drag the start, and the whole path of training follows."""
