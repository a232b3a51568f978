# What the solution gets, and what it has to print. The solver sees none of it.
CASES = {
    "one payment each": ("Jin,45\nIda,120\n", "Ida 120\nJin 45\n"),
    "several payments": ("Ida,1\nSam,5\nIda,2\nIda,4\n", "Ida 7\nSam 5\n"),
    "amounts below zero": ("Sam,-5\nIda,10\nSam,3\nIda,-10\n", "Ida 0\nSam -2\n"),
    "blank lines": ("\nIda,1\n\n   \nIda,1\n", "Ida 2\n"),
}


def right(given, expected):
    """Runs the solution in a process and a directory of its own, and compares what it prints."""
    with tempfile.TemporaryDirectory(prefix="case-", ignore_cleanup_errors=True) as folder:
        with open(os.path.join(folder, "payments.csv"), "w") as file:
            file.write(given)
        answer = run(["/usr/bin/python3", os.path.join(os.getcwd(), "totals.py"), "payments.csv"], folder)
    return answer == (0, expected.encode())


def main():
    protect()
@forget@
    found = {name: right(*case) for name, case in CASES.items()}
    for name, ok in found.items():
        print("ok    " if ok else "FAILED", name)
@verdict@


main()
