<?php
// Good programs in PHP on the curl extension; the first argument says which: till (a sale after the other), preview (a shared link).
require __DIR__ . '/seat.php';

$seat = new Seat(12, 160);
$argv[1]($seat);
$seat->tell();

/** A sale every few seconds: what was bought as an order, most of it paid by card; a declined card is put in once more. */
function till(Seat $seat): void
{
    $seat->name($seat->pick([null, 'KassenApp/5.1', 'pos-php/2']));
    $seat->token = $seat->key;
    [, $page] = $seat->insist('GET', $seat->at('products') . '?limit=100');
    $ids = array_column($page['items'] ?? [], 'id');
    $between = $seat->log(0.4, 5);
    while (!$seat->isOver() && $ids) {
        $items = array_map(fn () => ['productId' => $seat->pick($ids), 'qty' => $seat->int(1, 3)], range(1, $seat->int(1, 5)));
        $bill = ['card' => $seat->pick(['4242424242424242', '5555555555554444']), 'expiry' => '09/28', 'cvc' => '321', 'amount' => $seat->int(2, 140)];
        if ($seat->chance(0.7) && $seat->insist('POST', $seat->at('payments'), $bill)[0] === 402) {
            $seat->pause($seat->real(2, 5));
            $seat->insist('POST', $seat->at('payments'), $bill);
        }
        $seat->insist('POST', $seat->at('orders'), ['items' => $items, 'note' => 'till']);
        $seat->pause($between * $seat->log(0.3, 3));
    }
}

/** A chat server looks at a page that was linked to, and at its picture. */
function preview(Seat $seat): void
{
    $seat->name($seat->pick(['ChatPreview/1.0 (+https://chat.example/bot)', 'Mattermost-Bot/1.1', 'facebookexternalhit/1.1', 'WhatsApp/2.23.20.0']));
    for ($n = $seat->int(1, 3); $n > 0 && !$seat->isOver(); $n--) {
        $seat->call('GET', $seat->pick(['/', '/about', '/c/office', '/c/toys', '/delivery']));
        if ($seat->chance(0.3)) $seat->call('GET', $seat->at('assets', $seat->pick(['logo.png', 'site.css'])));
        $seat->pause($seat->log(0.5, 6));
    }
}
