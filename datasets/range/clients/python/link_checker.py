"""LinkChecker over the site, a few threads and levels, bounded in time; it keeps to robots.txt by itself."""

import os
import subprocess
import sys

from seat import URL, left, random

trust, pace, seconds = os.environ.get('RANGE_CA') or 1, random.choice([2, 4, 8]), int(max(5, left() - 3))
with open('linkcheckerrc', 'w', encoding='utf-8') as file:
    file.write(f'[checking]\nsslverify={trust}\nmaxrequestspersecond={pace}\nmaxrunseconds={seconds}\n')
words = [
    '--config',
    'linkcheckerrc',
    '-r',
    str(random.choice([1, 2, 2, 3])),
    '-t',
    str(random.choice([1, 2, 4])),
    '--no-status',
    '-o',
    'none',
]
if random.random() < 0.4:
    words += ['--user-agent', 'SiteQA-linkcheck/3.1']
tool = os.path.join(os.path.dirname(sys.executable), 'linkchecker')
try:
    subprocess.run([tool, *words, URL + '/'], timeout=max(2, left()), check=False)
except subprocess.TimeoutExpired:
    pass
