"""An identity provider that keeps accounts in step: looks people up, creates, changes, retires and groups them."""

import uuid

import requests

from seat import KEY, around, chance, is_over, link, log, log_int, pause, random, retry_after

http = requests.Session()
name = random.choice(['Okta SCIM Client 1.0.0', 'AzureAD-SCIM/2.1', 'onelogin-provisioning/4.2', None])
if name:
    http.headers['User-Agent'] = name
http.headers['Authorization'] = f'Bearer {KEY}'
http.headers['Accept'] = 'application/scim+json'
USER = 'urn:ietf:params:scim:schemas:core:2.0:User'
PATCH = 'urn:ietf:params:scim:api:messages:2.0:PatchOp'
GROUP = 'urn:ietf:params:scim:schemas:core:2.0:Group'


def call(method, url, **more):
    answer = None
    for tries in range(4):
        answer = http.request(method, url, timeout=20, **more)
        if answer.status_code not in (429, 503) or is_over():
            break
        pause(retry_after(answer, 2**tries))
    return answer


def find(person):
    answer = call('GET', link('scimUsers'), params={'filter': f'userName eq "{person}"', 'startIndex': 1, 'count': 1})
    found = answer.json().get('Resources', []) if answer.status_code == 200 else []
    return found[0]['id'] if found else None


def operations(*changes):
    return {'schemas': [PATCH], 'Operations': list(changes)}


def create(person):
    body = {
        'schemas': [USER],
        'userName': person,
        'active': True,
        'emails': [{'value': person, 'primary': True}],
        'name': {'givenName': person.split('.')[0], 'familyName': person.split('.')[1].split('@')[0]},
    }
    answer = call('POST', link('scimUsers'), json=body)
    return answer.json().get('id') if answer.status_code == 201 else None


def provision(person, known):
    id = known.get(person)
    if id is not None and chance(0.7):
        id = id if call('GET', link('scimUser', id)).status_code == 200 else None
    else:
        id = find(person)
    if id is None:
        id = create(person)
    elif chance(0.6):
        change = random.choice(
            [
                {'op': 'replace', 'path': 'title', 'value': 'Engineer'},
                {'op': 'replace', 'value': {'active': False}},
                {'op': 'Add', 'path': 'emails[type eq "work"].value', 'value': person},
            ]
        )
        call('PATCH', link('scimUser', id), json=operations(change))
    elif chance(0.1):
        call('DELETE', link('scimUser', id))
        id = None
    if id is not None:
        known[person] = id


def groups(known):
    answer = call('GET', link('scimGroups'), params={'filter': f'displayName eq "Team {random.randint(1, 9)}"'})
    members = [{'value': id} for id in list(known.values())[:20]]
    found = answer.json().get('Resources', []) if answer.status_code == 200 else []
    if found:
        change = {'op': 'add', 'path': 'members', 'value': members}
        call('PATCH', f'{link("scimGroups")}/{found[0]["id"]}', json=operations(change))
    elif chance(0.5):
        call(
            'POST',
            link('scimGroups'),
            json={'schemas': [GROUP], 'displayName': f'Team {random.randint(1, 9)}', 'members': members},
        )


FIRST, LAST = 'ann bo cem dora egon fay'.split(), 'lund marsh okoro petit'.split()
people = [f'{random.choice(FIRST)}.{random.choice(LAST)}{n}@corp.example' for n in range(log_int(3, 120))]
# What an earlier run left behind; some of them have been removed on the other side since.
remembered = {person: str(uuid.UUID(int=random.getrandbits(128), version=4)) for person in people if chance(0.25)}
between = log(0.02, 1.5)
for cycle in range(random.randint(1, 3)):
    if chance(0.4):
        call('GET', link('scimUsers'), params={'startIndex': 1, 'count': 100})
    for person in people if cycle == 0 else random.sample(people, max(1, len(people) // 3)):
        if is_over():
            break
        provision(person, remembered)
        pause(around(between))
    if not is_over() and chance(0.7):
        groups(remembered)
    pause(around(12))
