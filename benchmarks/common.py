"What the benchmarks share."
import re, time
from pathlib import Path

def seconds(f, *args):
    "How long `f(*args)` takes"
    start = time.perf_counter()
    f(*args)
    return time.perf_counter() - start

class Batches(list):
    "A list of batches of `bs` rows, (x, y) each, that looks like a loader to all libraries"
    def __init__(self, batches, bs): super().__init__(batches); self.bs = self.batch_size = bs

def into_readme(script, text):
    "Put `text` into README.md, at the place of `script`"
    readme = Path(__file__).parent.parent/'README.md'
    old = readme.read_text(encoding='utf-8')
    new = re.sub(rf'(<!-- {re.escape(script)} -->\n).*?(<!-- end -->)', lambda m: m[1] + text + '\n' + m[2], old, flags=re.S)
    assert new.count(f'<!-- {script} -->') == 1, f'README.md has no place for the table of {script}'
    readme.write_text(new, encoding='utf-8')
