"""What the diagnosis of `initcourse.gradcheck` says of wrong gradients, for the table of notebook 91.

    python studies/diagnosis.py            both sets, mistakes.py and mistakes_heldout.py, some 10 seconds -> studies/diagnosis.csv
    python studies/diagnosis.py --quick    every tenth mistake, nothing is written

A row of the file is one mistake: the set, its id, what was done wrong, whether it was rejected, the names of the causes that were given, and a verdict on them. The verdicts are a reader's, who saw the mistake and the message, and
not the code: 'right' (the mistake is named, or the place with what is wrong there, and nothing else), 'fact' (true, but too general), 'silent' (no cause was given), 'wrong' (a cause was given that misleads). A verdict holds for
the causes that it was given for: where these change, it becomes '?', and must be given anew.
"""
import csv, sys
from pathlib import Path
sys.path.insert(0, str(Path(__file__).parent))
import mistakes, mistakes_heldout
from initcourse.gradcheck import GradientError, check_grads

OUT = Path(__file__).with_name('diagnosis.csv')
SETS = {'seen': mistakes.MISTAKES, 'held out': mistakes_heldout.MISTAKES}

def diagnose(entry):
    "(rejected?, message, names of the causes) for one entry of a set"
    _, _, _, forward, _, wrong, inputs, names = entry
    try: check_grads(forward, wrong, *inputs, names=names, max_entries=5)
    except GradientError as e: return True, str(e), [c.name for c in e.causes if c.name]
    return False, 'accepted', []

def results(every=1):
    "One row for each mistake: set, id, mistake, rejected, causes"
    return [[name, e[0], e[2], 'yes' if ok else 'no', ' + '.join(causes)] for name,entries in SETS.items() for e in entries[::every] for ok,_,causes in [diagnose(e)]]

def verdicts():
    "(set, id, causes) -> verdict, as the file has them"
    if not OUT.exists(): return {}
    with open(OUT, newline='') as f: return {(r['set'], r['id'], r['causes']): r['verdict'] for r in csv.DictReader(f)}

if __name__ == '__main__':
    if '--quick' in sys.argv:
        for row in results(every=10): print(*row[:2], row[4], sep=': ')
        sys.exit()
    known = verdicts()
    with open(OUT, 'w', newline='') as f:
        out = csv.writer(f, lineterminator='\n')
        out.writerow(['set', 'id', 'mistake', 'rejected', 'causes', 'verdict'])
        for row in results(): out.writerow([*row, known.get((row[0], row[1], row[4])) or ('?' if row[4] else 'silent')])
