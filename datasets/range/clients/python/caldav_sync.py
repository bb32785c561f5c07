"""A calendar kept in step by vdirsyncer: appointments in a folder here, a CalDAV server there, changes here between runs."""

import os
import subprocess
import sys
import time

from seat import EMAIL, PASSWORD, around, chance, is_over, left, link, log, log_int, pause, random

CONFIG = """[general]
status_path = "status"

[pair calendars]
a = "here"
b = "there"
collections = {collections}
conflict_resolution = "b wins"

[storage here]
type = "filesystem"
path = "calendars"
fileext = ".ics"

[storage there]
type = "caldav"
url = "{url}"
username = "{user}"
password = "{password}"
{verify}
{agent}
"""

EVENT = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//desk//calendar 3//EN
BEGIN:VEVENT
UID:{uid}
DTSTAMP:20260120T080000Z
DTSTART:202602{day:02d}T{hour:02d}0000Z
DTEND:202602{day:02d}T{hour:02d}3000Z
SUMMARY:{summary}
END:VEVENT
END:VCALENDAR
"""


def write(path, uid):
    text = EVENT.format(
        uid=uid,
        day=random.randint(1, 28),
        hour=random.randint(7, 18),
        summary=random.choice(['Meeting', 'Dentist', 'Call', 'Review']),
    )
    with open(path, 'w', encoding='utf-8', newline='') as file:
        file.write(text.replace('\n', '\r\n'))
    # vdirsyncer compares times of change; two writes within its grain must differ.
    now = time.time() + random.random()
    os.utime(path, (now, now))


def change(folder, count):
    files = sorted(os.listdir(folder))
    for _ in range(count):
        uid = f'{random.getrandbits(64):016x}'
        what = random.choice(['new', 'new', 'edit', 'drop']) if files else 'new'
        if what == 'new':
            write(os.path.join(folder, f'{uid}.ics'), uid)
        elif what == 'edit':
            name = random.choice(files)
            write(os.path.join(folder, name), name.removesuffix('.ics'))
        else:
            os.remove(os.path.join(folder, files.pop(random.randrange(len(files)))))


def run(*words):
    tool = os.path.join(os.path.dirname(sys.executable), 'vdirsyncer')
    subprocess.run([tool, '-c', 'config', *words], timeout=max(2, left()), input='y\n' * 20, text=True, check=False)


calendar = random.choice(['calendar', 'calendar', 'work', 'team'])
agent = random.choice(['', '', 'useragent = "CalSync/2.1"'])
verify = f'verify = "{os.environ["RANGE_CA"]}"' if os.environ.get('RANGE_CA') else ''
collections = f'["{calendar}"]'
with open('config', 'w', encoding='utf-8') as file:
    file.write(
        CONFIG.format(collections=collections, url=link('caldav'), user=EMAIL, password=PASSWORD, verify=verify, agent=agent)
    )
folder = os.path.join('calendars', calendar)
os.makedirs(folder, exist_ok=True)
change(folder, log_int(2, 60))
try:
    run('discover', 'calendars')
    for _ in range(log_int(2, 12)):
        if is_over():
            break
        run('sync')
        pause(around(log(2, 15)))
        if chance(0.6):
            change(folder, log_int(1, 12))
except subprocess.TimeoutExpired:
    pass
