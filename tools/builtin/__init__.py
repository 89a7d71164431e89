"""The tools that come with the product, one module per family."""

from tools.builtin.calculator import calculator
from tools.builtin.clock import current_time
from tools.builtin.files import list_files, read_file, write_file
from tools.registry import ToolRegistry


def builtin_registry() -> ToolRegistry:
    """A new registry of all of them."""
    return ToolRegistry([calculator, current_time, list_files, read_file, write_file])
