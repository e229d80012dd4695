"""A command whose files may have so many bytes at most.

python -m tests.limited BYTES MODULE WORDS...
"""

import resource
import runpy
import sys

if __name__ == "__main__":
    _, most, module, *words = sys.argv
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(most), int(most)))
    sys.argv[1:] = words
    sys.modules.pop(module, None)  # else runpy warns that it was loaded before
    runpy.run_module(module, run_name="__main__", alter_sys=True)
