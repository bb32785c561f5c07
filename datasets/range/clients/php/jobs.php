<?php
// Good programs in PHP; the first argument says which: search (for the visitors of a small site), sync (a plugin over Guzzle).
require __DIR__ . '/seat.php';

$seat = new Seat(20, 300);
$argv[1]($seat);
$seat->tell();

/** Someone who looks for something, word by word, and opens what looks right; a small site's server asks for them. */
function search(Seat $seat): void
{
    $seat->name($seat->pick([null, 'WordPress/6.5; https://corner-shop.example', 'Mozilla/5.0 (compatible; ShopWidget/1.0)']));
    $between = $seat->log(0.4, 5);
    while (!$seat->isOver()) {
        $word = $seat->pick(['lamp', 'oak desk', 'blue rug', 'kids kite', 'mug', 'tent for two', "o'neill jacket", 'sale']);
        [, $page] = $seat->insist('GET', $seat->at('search') . '?q=' . rawurlencode($word) . '&limit=20');
        $found = array_column($page['items'] ?? [], 'id');
        foreach (array_slice($found, 0, $seat->int(0, 4)) as $id) {
            if ($seat->isOver()) return;
            $seat->pause($between * $seat->log(0.4, 2.5));
            $seat->insist('GET', $seat->at('product', $id));
        }
        if (($page['next'] ?? null) && $seat->chance(0.3)) $seat->insist('GET', $page['next']);
        $seat->pause($between * $seat->log(0.4, 2.5));
    }
}

/** A shop plugin's job: products and orders that changed, page by page, and new orders pushed. */
function sync(Seat $seat): void
{
    require_once '/usr/share/php/GuzzleHttp/autoload.php';
    $client = new GuzzleHttp\Client(['base_uri' => $seat->url, 'verify' => getenv('RANGE_CA'), 'http_errors' => false, 'timeout' => 15,
        'headers' => ['X-Api-Key' => $seat->key] + ($seat->chance(0.5) ? ['User-Agent' => 'ShopPlugin/7.9 (PHP 8.2)'] : [])]);
    $ask = function (string $method, string $path, ?array $json = null) use ($client, $seat): array {
        for ($try = 1; $try <= 4 && !$seat->isOver(); $try++) {
            $seat->left--;
            $answer = $client->request($method, $path, $json === null ? [] : ['json' => $json]);
            $status = $answer->getStatusCode();
            if ($status !== 429 && $status < 500) return json_decode((string) $answer->getBody(), true) ?? [];
            $seat->pause(max((float) $answer->getHeaderLine('Retry-After'), 0.5 * $try));
        }
        return [];
    };
    [$gap, $every] = [$seat->log(0.02, 1), $seat->log(2, 20)];
    while (!$seat->isOver()) {
        $path = $seat->at($seat->pick(['orders', 'products'])) . '?limit=50&updated_since=2026-01-2' . $seat->int(0, 8);
        for ($page = 0; $page < $seat->int(1, 8) && $path && !$seat->isOver(); $page++) {
            $data = $ask('GET', $path);
            $path = $data['next'] ?? null;
            $seat->pause($gap);
        }
        foreach (array_slice($data['items'] ?? [], 0, $seat->int(0, 5)) as $one) {
            $order = ['items' => [['productId' => $one['id'], 'qty' => 1]], 'note' => 'web ' . $seat->hex(4)];
            if (isset($one['slug'])) $ask('POST', $seat->at('orders'), $order);
            else $ask('GET', $seat->at('order', $one['id']));
            $seat->pause($gap);
        }
        $seat->pause($every);
    }
}
