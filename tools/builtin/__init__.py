"""The built-in tools, one module per category."""

from tools.builtin.calculator import calculator
from tools.builtin.clock import current_time
from tools.builtin.files import list_files, read_file, write_file
from tools.registry import ToolRegistry


def builtin_registry() -> ToolRegistry:
    """Returns a new registry with all built-in tools."""
    return ToolRegistry([calculator, current_time, list_files, read_file, write_file])
