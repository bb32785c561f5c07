import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { isInjection, PEOPLE, PURPOSES, readPath, readQuery, routeTemplate, segmentKind } from './path.ts';

describe('segmentKind', () => {
  const table: [string, string][] = [
    ['orders', 'literal'],
    ['v1', 'literal'],
    ['v60.0', 'literal'],
    ['oauth2', 'literal'],
    ['1.1', 'literal'],
    ['utf8', 'literal'],
    ['jquery-3.6.0.min.js', 'literal'],
    ['17', 'number'],
    ['00017', 'number'],
    ['17.json', 'number'],
    ['2025-06-01', 'date'],
    ['2025-06-01T12:00:00Z', 'date'],
    ['3f2504e0-4f89-11d3-9a0c-0305e82c3301', 'uuid'],
    ['3F2504E0-4F89-11D3-9A0C-0305E82C3301', 'uuid'],
    ['507f1f77bcf86cd799439011', 'hex'],
    ['deadbeef', 'literal'],
    ['AB-17', 'key'],
    ['ord_00017', 'key'],
    ['cus_9s6XKzkNRiz8i3', 'token'],
    ['01ARZ3NDEKTSV4RRFFQ69G5FAV', 'token'],
    ['dGhpcyBpcyBhIHRlc3Q0Mg==', 'token'],
    ['eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc', 'token'],
    ['20250601', 'date'],
    ['puppetconf-2012', 'literal'],
    ['logstash-puppetconf-2012', 'slug'],
    ['x'.repeat(201), 'token'],
  ];
  for (const [segment, kind] of table) test(`${segment.slice(0, 40)} is ${kind}`, () => assert.equal(segmentKind(segment), kind));
});

describe('routeTemplate', () => {
  const table: [string, string][] = [
    ['/v1/orders/17', '/v1/orders/{number}'],
    ['/v1/orders/17/items/4', '/v1/orders/{number}/items/{number}'],
    ['/v1/%6Frders/1%37', '/v1/orders/{number}'],
    ['/rest/api/3/issue/AB-4/comment', '/rest/api/3/issue/{key}/comment'],
    ['/2/tweets', '/2/tweets'],
    ['/api/17', '/api/{number}'],
    ['/odata/Products(17)/Name', '/odata/Products/{number}/Name'],
    ['/a;jsessionid=1F2A/b', '/a/b'],
    ['/tags/hope%20is%20not%20a%20strategy', '/tags/hope%20is%20not%20a%20strategy'],
    ['/tokens/dGhpcyBpcyBhIHRlc3Q0Mg%3D%3D', '/tokens/{token}'],
    ['//v1///orders/', '/v1/orders'],
    ['', '/'],
    ['/', '/'],
  ];
  for (const [path, template] of table) test(`${path} → ${template}`, () => assert.equal(routeTemplate(path), template));
});

describe('readPath', () => {
  test('objects of one collection share a route and differ as objects', () => {
    const [a, b] = [readPath('/v1/orders/17'), readPath('/v1/orders/18')];
    assert.equal(a.route, b.route);
    assert.notEqual(a.object, b.object);
    assert.deepEqual([a.objectNumber, b.objectNumber], [17, 18]);
    assert.notEqual(a.route, readPath('/v1/users/17').route);
  });

  test('the collection is the route of the list that would show the object, wherever it stands', () => {
    const list = readPath('/v1/orders').route;
    assert.equal(readPath('/v1/orders/17').collection, list);
    assert.equal(readPath('/v1/orders/17/items').collection, list);
    assert.equal(readPath('/v1/orders/ORD-17').collection, list);
    assert.equal(readPath('/17').collection, 0);
  });

  test('needless escapes and matrix parameters hide nothing', () => {
    assert.equal(readPath('/v1/%6Frders').full, readPath('/v1/orders').full);
    assert.equal(readPath('/v1/%6frders/%31').route, readPath('/v1/orders/1').route);
    assert.equal(readPath('/%2Eenv').probe, 'hard');
    assert.notEqual(readPath('/a%2Fb').route, readPath('/a/b').route);
    assert.notEqual(readPath('/caf%C3%A9').full, readPath('/cafe').full);
  });

  test('the gateway knows better: a told route decides what is an object', () => {
    const told = readPath('/v1/users/alice', '/v1/users/{name}');
    assert.equal(told.object, readPath('/v1/users/alice').leaf);
    assert.equal(told.route, readPath('/v1/users/bob', '/v1/users/:name').route);
    assert.equal(readPath('/2010-04-01/Calls', '/2010-04-01/Calls').object, 0);
    assert.equal(readPath('/v1/orders/17', '/v1/orders/{id}').route, readPath('/v1/orders/17').route);
    assert.equal(readPath('/v1/orders/17', '/too/many/segments/{id}/here').route, readPath('/v1/orders/17').route);
  });

  test('no number of slashes, dots or folders hides the end of a path', () => {
    for (const prefix of ['/'.repeat(500), '/./'.repeat(100), '/a'.repeat(100)])
      assert.equal(readPath(`${prefix}/.env`).probe, 'hard');
    assert.equal(readPath('/./v1/.//orders/17').route, readPath('/v1/orders/17').route);
  });

  test('dates are no objects, nor are pictures', () => {
    assert.equal(readPath('/reports/2025-06-01').object, 0);
    assert.equal(readPath('/images/17/photo.jpg').object, 0);
    assert.ok(readPath('/images/17/photo.jpg').isAsset);
  });

  test('a number too long to be one is no number', () => {
    assert.ok(Number.isFinite(readPath(`/orders/${'9'.repeat(19)}`).objectNumber));
    assert.ok(Number.isNaN(readPath(`/orders/${'9'.repeat(400)}`).objectNumber));
  });

  const logins = [
    '/login',
    '/v1/login',
    '/users/login',
    '/v1/users/sign-in',
    '/signin',
    '/wp-login.php',
    '/user_login',
    '/api/doLogin',
    '/oauth2/token',
    '/oauth/token',
    '/v1/oauth2/token',
    '/oauth2/v2.0/token',
    '/auth/realms/x/protocol/openid-connect/token',
    '/connect/token',
    '/api/token',
    '/api/auth',
    '/auth/tokens',
    '/v3/auth/tokens',
    '/v1/sessions',
    '/session',
    '/auth/verify',
    '/verify-otp',
    '/v1/otp/check',
    '/mfa',
    '/j_security_check',
    '/acme.auth.v1.AuthService/Login',
    '/login/oauth/access_token',
  ];
  for (const path of logins) test(`${path} is a login`, () => assert.ok(readPath(path).isLogin));

  const others = [
    '/v1/auth/otp',
    '/otp/send',
    '/v1/author',
    '/v1/authors/17',
    '/verify-email',
    '/v1/bloginfo',
    '/plugin',
    '/v1/tokens',
    '/push/token',
    '/devices/17/token',
    '/checkout/sessions',
    '/v1/conference/sessions',
    '/v1/sessions/17',
    '/webhooks/verify',
    '/v1/authorizations',
    '/passwords',
    '/oauth2/keys',
    '/v1/logins',
    '/auth/logout',
    '/v1/users/17/password',
    '/csrf-token',
    '/tokenize',
  ];
  for (const path of others) test(`${path} is no login`, () => assert.ok(!readPath(path).isLogin));
});

describe('probes', () => {
  const probes: [string, string[]][] = [
    [
      'hard',
      [
        '/.env',
        '/.env.production',
        '/api/.env',
        '/.git/config',
        '/.aws/credentials',
        '/.ssh/id_rsa',
        '/wp-config.php.bak',
        '/phpinfo.php',
        '/backup.sql',
        '/dump.zip',
        '/db.tar.gz',
        '/actuator/heapdump',
        '/HNAP1',
        '/shell.php',
        '/a/../../etc/passwd',
        '/web.config',
      ],
    ],
    [
      'soft',
      [
        '/wp-login.php',
        '/wp-admin/',
        '/xmlrpc.php',
        '/phpmyadmin/',
        '/phpMyAdmin-4.9/index.php',
        '/admin.php',
        '/cgi-bin/test.cgi',
        '/server-status',
        '/config.yml',
        '/old/orders.sql',
        '/manager/html',
        '/wp-content/plugins/x/readme.txt',
        '/index.php.bak',
      ],
    ],
    [
      'none',
      [
        '/admin',
        '/v1/admin/users',
        '/v1/backup',
        '/backups/17',
        '/v1/dump',
        '/install',
        '/v1/config',
        '/config.json',
        '/actuator/health',
        '/jenkins/job/x/build',
        '/solr/orders/select',
        '/.well-known/openid-configuration',
        '/wp-json/wp/v2/posts/11',
        '/repo.git/info/refs',
        '/wp-content/themes/x/style.css',
        '/v1/shell',
        '/manager',
        '/mysql',
        '/environment',
        '/v1/env',
        '/v1/dump.json',
        '/setup',
      ],
    ],
  ];
  for (const [probe, list] of probes)
    for (const path of list) test(`${path}: ${probe}`, () => assert.equal(readPath(path).probe, probe));
});

describe('readQuery', () => {
  const objects = [
    'id=17',
    'user_id=17',
    'userId=17',
    'orderID=17',
    'uid=17',
    'user=17',
    'account=AB-17',
    'order=17',
    'number=0017',
    'page=3&id=17',
    'id=3f2504e0-4f89-11d3-9a0c-0305e82c3301',
    'username=alice',
    'email=a%40b.test',
    'invoice=17',
    'customer-id=17',
  ];
  for (const query of objects) test(`${query} names an object`, () => assert.notEqual(readQuery(query).object, 0));

  const none = [
    'page=3',
    'offset=100',
    'limit=50',
    'cursor=eyJpZCI6MTcsImEiOjE3fQ',
    'ts=1748779200',
    'since_id=17',
    'max_id=17',
    'last_id=17',
    'order=asc',
    'sort=id',
    'request_id=17',
    'trace_id=507f1f77bcf86cd799439011',
    'session_id=17',
    'client_id=17',
    'clientId=17',
    'id=',
    '=17',
    '',
    'id',
    'grid=17',
    'query=%7Buser(id%3A17)%7D',
    'valid=1',
    'from=2025-06-01',
    'number=two',
    `${'x'.repeat(50)}_id=17`,
  ];
  for (const query of none) test(`${query.slice(0, 40)} names none`, () => assert.equal(readQuery(query).object, 0));

  test('knows the number and tells parameters apart', () => {
    assert.equal(readQuery('id=101').objectNumber, 101);
    assert.ok(Number.isNaN(readQuery('user=alice').objectNumber));
    assert.equal(readQuery('id=101').objectName, readQuery('id=102').objectName);
    assert.notEqual(readQuery('id=101').objectName, readQuery('user_id=101').objectName);
    assert.equal(readQuery('id=1%301').object, readQuery('id=101').object);
  });

  test('knows pages', () => {
    for (const query of [
      'page=2',
      'pageToken=x',
      'page_number=2',
      '$skip=100',
      'a=1&offset=20',
      'cursor=abc',
      'start=10',
      'startIndex=1',
      'marker=x',
    ])
      assert.ok(readQuery(query).isPaged, query);
    for (const query of ['pages=2', 'id=2', 'q=page', 'per_page=50', 'limit=10']) assert.ok(!readQuery(query).isPaged, query);
  });
});

describe('isInjection', () => {
  const bad = [
    "id=1' OR '1'='1",
    'id=1%27%20or%201=1--',
    'q=1+UNION+ALL+SELECT+password+FROM+users',
    'f=../../etc/passwd',
    'f=%252e%252e%252fetc%252fpasswd',
    'q=<script>alert(1)</script>',
    'q=%3Cimg%20src=x%20onerror=alert(1)%3E',
    `x=$${'{jndi:ldap://x/a}'}`,
    't={{7*7}}',
    'c=;cat /etc/hosts',
    'x=1;DROP TABLE users',
    'q=1 AND sleep(5)',
    'url=http://169.254.169.254/latest',
    'x=a%0d%0aSet-Cookie: b=c',
    '{"user":{"$gt": ""}}',
  ];
  for (const text of bad) test(`${text} is one`, () => assert.ok(isInjection(text)));

  const good = [
    "name=O'Brien and Sons",
    "q=SELECT Id FROM User WHERE Name = 'a' OR Email = 'b'",
    'q=select the union',
    "filter=name eq 'x' and price gt 10",
    'redirect_uri=http%3A%2F%2Flocalhost%3A3000%2Fcb',
    'next=https://app.example.test/a?b=c',
    'filter={"price":{"$gte": 10}}',
    'q=a;b;c',
    'q=100%',
    'q=%zz',
    '/v1/orders/17',
    'q=rock+%26+roll',
    'text=it%27s+--+fine',
    '/v1/etc/hosts.json',
    '/x//%22file://$file/%22',
  ];
  for (const text of good) test(`${text} is none`, () => assert.ok(!isInjection(text)));
});

describe('bounds', () => {
  test('reads anything', () => {
    const text = fc.string({ unit: 'binary', maxLength: 400 });
    fc.assert(
      fc.property(text, fc.option(text), (path, route) => {
        const facts = readPath(path, route);
        assert.ok(facts.depth <= 32 && Number.isInteger(facts.route) && Number.isInteger(facts.full));
        assert.ok(Number.isInteger(readQuery(path).full));
        assert.equal(typeof routeTemplate(path), 'string');
      }),
    );
  });

  test('reading twice gives the same facts', () => assert.deepEqual(readPath('/v1/orders/9'), readPath('/v1/orders/9')));

  // One text of 8,192 characters may take as long as sixteen of 512. Backtracking would take sixteen times as long and more.
  const pieces = [
    'a',
    '1',
    '/',
    '.',
    '%',
    '%25',
    "'",
    "' or ",
    "' or '",
    "'='",
    ' ',
    'union ',
    'union(',
    '{{1',
    '{{',
    ';',
    '$',
    '..',
    '<',
    '(',
    '()',
    ')(',
    '%27+or+',
    'aA1',
    'aA1-',
    '/v1',
    '/auth',
    'log-in',
    '/.env',
    '/wp-',
    'eyJ',
    '1a',
    '\u{1f600}',
    '%c0%ae',
    '\r',
    'id=1&',
    '_id',
    'Id',
    '/wp-content/plugins/',
    '\0',
    ' on',
    '"$gt": ',
  ];
  for (const piece of pieces)
    test(`time grows in step with length: ${JSON.stringify(piece)}`, () => {
      const text = `/${piece.repeat(8192)}`.slice(0, 8190);
      const ratio = timeOf(`${text}!`, 1) / timeOf(`${text.slice(0, 510)}!`, 16);
      assert.ok(ratio < 6, `${ratio.toFixed(1)} times as long`);
    });
});

describe('purposes', () => {
  const table: [string, (typeof PURPOSES)[number] | 'people' | 'none'][] = [
    ['/v1/payments', 'money'],
    ['/v1/carts/5/checkout', 'money'],
    ['/api/creditCards/add-card', 'money'],
    ['/v1/carts/5/coupon', 'code'],
    ['/v1/giftCards/AAAA1111BBBB/balance', 'code'],
    ['/promo_codes/redeem', 'code'],
    ['/v1/auth/otp', 'message'],
    ['/v1/auth/otp/verify', 'message'],
    ['/v1/auth/password-reset', 'message'],
    ['/users/me/phone', 'message'],
    ['/register', 'signup'],
    ['/account/sign-up', 'signup'],
    ['/v1/users', 'people'],
    ['/scim/v2/Users', 'people'],
    ['/v1/carts/17/items', 'reservation'],
    ['/bookings', 'reservation'],
    ['/v1/admin/reports', 'admin'],
    ['/v1/orders/17', 'none'],
    ['/cardiology/holders', 'none'],
    ['/', 'none'],
  ];
  for (const [path, purpose] of table)
    test(`${path}: ${purpose}`, () => {
      const numbers: Record<string, number> = { people: PEOPLE, none: -1 };
      assert.equal(readPath(path).purpose, numbers[purpose] ?? PURPOSES.indexOf(purpose as (typeof PURPOSES)[number]));
    });
});

describe('marks and shapes', () => {
  test('marks are what is neither a letter, a digit nor usual in a URL', () => {
    assert.deepEqual(
      ['/v1/orders/17', "/a'b", '/%27', '/\u{1f600}', ''].map((path) => readPath(path).marks),
      [0, 1, 1, 2, 0],
    );
    assert.equal(readQuery('q=a+b&x=(1)').marks, 3);
  });

  test("a query's shape is the names of its parameters in order", () => {
    assert.equal(readQuery('a=1&b=2').shape, readQuery('a=7&b=').shape);
    for (const other of ['b=2&a=1', 'a=1', 'a=1&c=2', 'a=1&b=2&c'])
      assert.notEqual(readQuery(other).shape, readQuery('a=1&b=2').shape);
  });
});

/** Best of several, in ms; a floor keeps the clock's noise out. */
function timeOf(text: string, times: number): number {
  let best = Number.POSITIVE_INFINITY;
  for (let run = 0; run < 7; run++) {
    const start = performance.now();
    for (let i = 0; i < times; i++) {
      readPath(text);
      readQuery(text);
    }
    best = Math.min(best, performance.now() - start);
  }
  return Math.max(best, 0.3);
}
