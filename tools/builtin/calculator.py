from tools.arithmetic import evaluate, shown
from tools.registry import tool


@tool(read_only=True, category="math", timeout=10)
def calculator(expression: str) -> str:
    """Calculate an expression exactly. Use it for all arithmetic rather than calculating yourself.

    Whole numbers, decimals and fractions are exact (0.1 + 0.2 is 0.3, 1/3 is a fraction); roots, logarithms and
    trigonometry (in radians) have 15 digits. Operators: + - * / // (floor division) % (remainder, or percent: 20% is
    0.2) ** or ^ (power) ! (factorial). Functions: sqrt cbrt pow abs round(x, places) floor ceil trunc min max sum mean
    gcd lcm factorial comb perm exp ln log(x, base) log10 log2 sin cos tan asin acos atan degrees radians; log(x) is the
    natural logarithm, round takes halves away from zero. Constants: pi e tau.

    Args:
        expression: One expression without variables, for example "(1,250 * 1.19 - 80) / 12" or "sqrt(2) * 10**3".
    """
    return shown(evaluate(expression))
