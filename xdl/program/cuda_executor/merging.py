"""Merging: several kernels that may run at the same time, as one launch."""

import itertools

from xdl.program.cuda_executor.kernel import named

_POINTERS = 400  # of one launch: 4 KB hold a few more


def merged(parts):
    """Return Kernels that do what others do, of parts that need nothing of one another.

    The first kernels of all parts are one launch, if their blocks have as many threads;
    so are the second ones, and so on. What needs memory of its own stays apart.

    Args:
        parts: lists of Kernels.
    """
    apart = [part for part in parts if any(kernel.scratch for kernel in part)]
    rest = [part for part in parts if part not in apart]
    found = []
    for stage in itertools.zip_longest(*rest):
        found += _stage([kernel for kernel in stage if kernel is not None])
    return found + [kernel for part in apart for kernel in part]


def _stage(kernels):
    by_block: dict = {}
    for kernel in kernels:
        lists = by_block.setdefault(kernel.block, [[]])
        pointers = {v for other in lists[-1] for v in other.arguments}
        if len(pointers.union(kernel.arguments)) > _POINTERS:
            lists.append([])
        lists[-1].append(kernel)
    return [_one(some) for lists in by_block.values() for some in lists if some]


def _one(kernels):
    if len(kernels) == 1:
        return kernels[0]
    names: dict = {}
    types, lines, parts, first = [], [], {}, 0
    for kernel in kernels:
        for value, kind in zip(kernel.arguments, kernel.parameters, strict=True):
            if value not in names:
                names[value] = f"p{len(names)}"
                types.append(kind.replace(" __restrict__", ""))
        given = ", ".join([names[value] for value in kernel.arguments])
        at = f"blockIdx.x - {first}u" if first else "blockIdx.x"
        first += kernel.grid
        call = f"part_{kernel.name}({at}, {given})"
        lines.append(f"if (blockIdx.x < {first}u) return {call};")
        parts[kernel.name] = _part(kernel)
    before, block = "".join(parts.values()), kernels[0].block
    kernel = named(lines, types, names.values(), first, block, 0, before)
    return kernel._replace(arguments=[*names])


def _part(kernel):
    """Return the text of a kernel as a function that is told which block it is."""
    begin = (
        f'extern "C" __global__ void __launch_bounds__({kernel.block}) {kernel.name}('
    )
    function = f"static __device__ __noinline__ void part_{kernel.name}("
    function += "const unsigned block_, "
    text = kernel.source.replace(begin, function).replace("blockIdx.x", "block_")
    once = f"HAS_{kernel.name}"  # several kernels of a module may hold it
    return f"#ifndef {once}\n#define {once}\n{text}#endif\n"
