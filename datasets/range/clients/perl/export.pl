#!/usr/bin/env perl
# A shop's old reporting job: every so often the orders or customers that changed, page by page, into a CSV file.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Seat;

my $seat = Seat->new;
$seat->{ua}->agent(Seat::pick('ReportJob/1.4', 'libwww-perl/6.68', 'erp-export'));
$seat->{token} = $seat->{key};
my ($list, $item) = Seat::pick([ 'orders', 'order' ], [ 'orders', 'order' ], [ 'customers', 'customer' ]);
($list, $item) = @$list;
my ($rounds, $every, $opens) = (Seat::int_(1, 6), Seat::logs(3, 20), Seat::chance(0.4) ? Seat::int_(1, 15) : 0);
my $since = '2026-0' . Seat::int_(1, 9) . '-15T00:00:00Z';

for my $round (1 .. $rounds) {
  last if $seat->is_over;
  my $path = $seat->at($list) . '?limit=' . Seat::pick(50, 100) . ($round > 1 || Seat::chance(0.5) ? "&updated_since=$since" : '');
  my @ids;
  for my $page (1 .. Seat::int_(2, 15)) {
    last if !$path || $seat->is_over;
    my $answer = $seat->insist('GET', $path);
    push @ids, map { $_->{id} } @{ $answer->{data}{items} // [] };
    $path = $answer->{data}{next};
    $seat->pause(Seat::logs(0.02, 0.8));
  }
  for my $id ((Seat::shuffle(@ids))[ 0 .. $opens - 1 ]) {
    last if !defined $id || $seat->is_over;
    $seat->insist('GET', $seat->at($item, $id));
    $seat->pause(Seat::logs(0.02, 0.5));
  }
  $seat->pause($every);
}
$seat->tell;
