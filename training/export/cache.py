"""Keys and values of what a language model's graph has seen, in whatever order of axes the graph wants them: the axis of positions is the one that its inputs
`past_*` leave open. Knows numpy and a session's inputs; no model."""
import numpy as np


class Cache:
    """Inputs `past_*` of an onnxruntime session, empty at first; `feeds` by name."""

    def __init__(self, session):
        ports = [port for port in session.get_inputs() if port.name.startswith('past_')]
        self.axes = {port.name: next(axis for axis, size in enumerate(port.shape) if not isinstance(size, int)) for port in ports}
        self.feeds = {port.name: np.zeros([size if isinstance(size, int) else 0 for size in port.shape], np.float32) for port in ports}

    @property
    def names(self) -> list[str]:
        """Outputs with the new slices."""
        return [name.replace('past_', 'new_', 1) for name in self.feeds]

    def __len__(self) -> int:
        name, axis = next(iter(self.axes.items()))
        return self.feeds[name].shape[axis]

    def append(self, slices) -> None:
        """Takes what a run gave for `names`."""
        for (name, axis), part in zip(self.axes.items(), slices, strict=True):
            self.feeds[name] = np.concatenate([self.feeds[name], part], axis)

    def copy(self) -> 'Cache':
        """Of the same positions; what one of both appends the other has not."""
        other = object.__new__(Cache)
        other.axes, other.feeds = self.axes, dict(self.feeds)
        return other
