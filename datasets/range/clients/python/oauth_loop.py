"""A service stuck in renewing its token, over requests-oauthlib. Forms: `clock` (its clock runs ahead, so each token seems over), `dead`
(its refresh token is gone), `unsaved` (the new token is written nowhere, so each run begins with the old one)."""

import time

from requests_oauthlib import OAuth2Session
from requests.exceptions import RequestException
from oauthlib.oauth2 import OAuth2Error

from seat import (
    CLIENT_ID,
    CLIENT_SECRET,
    EMAIL,
    FORM,
    PASSWORD,
    URL,
    at,
    around,
    chance,
    is_over,
    link,
    log,
    log_int,
    pause,
    random,
    spend,
)
import requests


def hexes(n):
    return ''.join(random.choice('0123456789abcdef') for _ in range(n))


def sign_in():
    answer = requests.post(link('login'), json={'email': EMAIL, 'password': PASSWORD}, timeout=10)
    return answer.json() if answer.ok else None


def token_of(signed, left):
    return {
        'access_token': signed['token'],
        'refresh_token': signed['refresh'],
        'expires_in': left,
        'expires_at': time.time() + left,
        'token_type': 'Bearer',
    }


def session(token, save):
    extra = {'client_id': CLIENT_ID, 'client_secret': CLIENT_SECRET} if chance(0.5) else {}
    return OAuth2Session(
        CLIENT_ID, token=token, auto_refresh_url=link('token'), auto_refresh_kwargs=extra, token_updater=save
    )


def main():
    signed = sign_in() or {'token': hexes(40), 'refresh': hexes(40)}
    if FORM == 'dead':
        signed = {'token': hexes(40), 'refresh': hexes(40)}
    kept = token_of(signed, -60)
    between = log(0.06, 4)
    client = session(dict(kept), lambda token: None)
    for _ in range(log_int(8, 250)):
        if is_over():
            return
        spend(2)
        if FORM == 'unsaved':
            client = session(dict(kept), lambda token: None)
        try:
            client.get(URL + random.choice([at('me'), at('orders') + '?limit=20']), timeout=10)
            if FORM == 'clock':
                client.token = {**client.token, 'expires_at': time.time() - 60}
        except (OAuth2Error, RequestException):
            # With the refresh token used up, the service signs in anew; one with a dead token knows no way but to ask again.
            if FORM != 'dead':
                kept = token_of(sign_in() or signed, -60)
                client = session(dict(kept), lambda token: None)
        pause(around(between))


main()
