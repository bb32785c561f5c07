#!/usr/bin/env perl
# Clients that nobody looks after; the first argument says which. `revoked`: its key was taken back, and it asks on. `moved`: it
# still calls the paths of an API that is no more.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Seat;

my $what = $ARGV[0] // '';
my $seat = Seat->new;
$seat->{ua}->agent(Seat::pick('libwww-perl/6.68', 'NagiosPlugin/2.3', 'stock-import.pl'));
$seat->{token} = $what eq 'revoked' ? 'pk_' . Seat::hex_(24) : $seat->{key};
my ($every, $rounds) = (Seat::logs(0.3, 8), int(Seat::logs(8, 120)));
my $old = Seat::pick('/api/v0', '/v0', '/legacy/api', '/rest/1.0');
my @paths = $what eq 'revoked'
  ? map { $seat->at($_) . '?limit=20' } Seat::pick([ 'orders' ], [ 'orders', 'customers' ])->@*
  : map { "$old/$_" } Seat::pick([ 'orders' ], [ 'orders', 'stock', 'prices' ], [ 'items', 'items/count' ])->@*;
my $by_id = $what eq 'moved' && Seat::chance(0.5);
my $id = Seat::int_(1000, 90_000);
for (1 .. $rounds) {
  for my $path (@paths) {
    last if $seat->is_over;
    $seat->call('GET', $by_id ? "$path/" . $id++ : $path);
    $seat->pause($by_id ? $every / 5 : 0.05);
  }
  last if $seat->is_over;
  $seat->pause($every * Seat::real(0.9, 1.1));
}
$seat->tell;
