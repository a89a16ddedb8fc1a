"""Dead code: what nothing reads is left out."""


def needed(program, xp):
    """Leave out what nothing reads."""
    wanted = set(program.lasting())
    wanted.update(number for number, _, _ in program.guards)
    kept = []
    for instruction in reversed(program.instructions):
        if instruction.row.is_check or instruction.result in wanted:
            wanted.update(instruction.operands())
            kept.append(instruction)
    program.instructions = kept[::-1]
