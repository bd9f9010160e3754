"""Stands in for the program `cvc5`, which PyPI ships as a library only.

Reads SMT-LIB commands from standard input and answers on standard output, as `cvc5 --lang smt` does.
Each command gets an `InputParser` of its own over one solver and symbol manager, because the
incremental input of cvc5 1.3.1 fails; `(reset)` begins with new ones.
"""

import re
import sys

import cvc5

limits = [argument[2:].split("=", 1) for argument in sys.argv[1:] if "=" in argument]
unspoken = re.compile(r'"[^"]*"|\|[^|]*\||;[^\n]*')  # texts, quoted names, comments


def fresh():
    solver = cvc5.Solver(cvc5.TermManager())
    for name, value in limits:
        solver.setOption(name, value)
    return solver, cvc5.SymbolManager(solver)


def commands():
    """A command ends with the line that closes its last bracket."""
    text = ""
    for line in sys.stdin:
        text += line
        brackets = unspoken.sub("", text)
        if brackets.count("(") == brackets.count(")"):
            yield text
            text = ""


solver, symbols = fresh()
for text in commands():
    if text.strip() == "(reset)":
        solver, symbols = fresh()
        continue
    try:
        parser = cvc5.InputParser(solver, symbols)
        parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, text, "stdin")
        command = parser.nextCommand()
        if not command.isNull():
            print(command.invoke(solver, symbols), end="", flush=True)
    except RuntimeError as fault:
        print('(error "%s")' % str(fault).replace('"', "'").replace("\n", " "), flush=True)
